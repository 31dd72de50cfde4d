"""From photos of a person to the LoRA of that person."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch

from tools.contracts import Progress, Reference
from tools.errors import InputError
from tools.first_frame.hyperlora.antelope import Antelope
from tools.first_frame.hyperlora.checkpoint import load_network
from tools.first_frame.hyperlora.clip import PictureEncoder
from tools.first_frame.hyperlora.conditioning import FaceReader, Look, look_at
from tools.first_frame.hyperlora.config import HyperLoraConfig
from tools.first_frame.hyperlora.network import HyperLora
from tools.models.place import folder_of
from tools.sdxl import IdentityLora

TRIGGER = "fcsks fxhks fhyks"
"""The words that the weights were trained with; without them the LoRA does next to nothing."""

STRENGTH = 0.85

_KEPT = 8
"""Identities kept at hand; each is some 23 MB."""


class HyperLoraIdentity:
    """An ``IdentityEncoder``; runs on the CPU, where it takes seconds and no memory of the card."""

    def __init__(self, network: HyperLora, pictures: PictureEncoder, faces: FaceReader) -> None:
        self._network = network
        self._pictures = pictures
        self._faces = faces
        self._kept: OrderedDict[str, IdentityLora] = OrderedDict()

    def encode(self, references: Sequence[Reference], report: Progress) -> IdentityLora:
        """One identity of all photos together; photos whose face is not found a second time are left out."""
        name = _content_hash(references)
        if name not in self._kept:
            self._kept[name] = IdentityLora(name, self._lora(references, report), TRIGGER, STRENGTH)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(name)
        return self._kept[name]

    def _lora(self, references: Sequence[Reference], report: Progress) -> dict[str, torch.Tensor]:
        looks = self._looks(references, report)
        report(len(references), len(references) + 1, "Reading the face")
        embeddings = torch.from_numpy(np.stack([look.embedding for look in looks]))
        lora = self._network(embeddings, self._pictures.encode([look.picture for look in looks]))
        report(len(references) + 1, len(references) + 1, "Face read")
        return dict(lora)

    def _looks(self, references: Sequence[Reference], report: Progress) -> list[Look]:
        looks = []
        for number, reference in enumerate(references):
            report(number, len(references) + 1, f"Reading the face of photo {number + 1} of {len(references)}")
            look = look_at(reference.image, reference.face.box, self._faces)
            if look is not None:
                looks.append(look)
        if not looks:
            raise InputError(
                "HyperLoRA finds no face in the reference; choose a photo that shows the face from the front, "
                "larger and with some room around it."
            )
        return looks


@cache
def hyperlora_identity() -> HyperLoraIdentity:
    """The one of this process, with the published weights."""
    network = load_network(folder_of("hyperlora"), HyperLoraConfig())
    return HyperLoraIdentity(network, PictureEncoder(folder_of("clip")), Antelope())


def _content_hash(references: Sequence[Reference]) -> str:
    content = hashlib.sha256()
    for reference in references:
        content.update(repr((reference.image.shape, tuple(map(float, reference.face.box)))).encode())
        content.update(reference.image.tobytes())
    return content.hexdigest()
