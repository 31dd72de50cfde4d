"""From photos of a person to the LoRA of that person."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from tools.contracts import Box, Progress, Reference, RGBImage
from tools.errors import InputError
from tools.first_frame.hyperlora.antelope import Antelope
from tools.first_frame.hyperlora.checkpoint import load_network
from tools.first_frame.hyperlora.clip import PictureEncoder
from tools.first_frame.hyperlora.conditioning import FaceReader, Look, look_at
from tools.first_frame.hyperlora.network import HyperLora
from tools.first_frame.hyperlora.shelf import Shelf
from tools.home import LORAS, home_folder
from tools.models.place import folder_of
from tools.notes import note
from tools.sdxl import IdentityLora

TRIGGER = "fcsks fxhks fhyks"
"""The words that the weights were trained with; without them the LoRA does next to nothing."""

MODELS = ("hyperlora", "clip", "antelopev2")

LICENCE = "CC BY-NC 4.0, as HyperLoRA's weights; antelopev2 for research alone"

_PROCEDURE = 1
"""Counts up when the same photos and weights come to give another LoRA."""


@dataclass(frozen=True)
class Photo:
    """``person`` marks the face; ``None`` takes the one that the detector is surest of, as the published code does."""

    image: RGBImage
    person: Box | None


@dataclass(frozen=True)
class Writer:
    """Everything loaded that turns photos into a LoRA; runs on the CPU, where it takes seconds and no card."""

    network: HyperLora
    pictures: PictureEncoder
    faces: FaceReader

    def write(self, photos: Sequence[Photo], report: Progress) -> dict[str, torch.Tensor]:
        """One LoRA of all photos together; those whose face is not found a second time are left out, and it is said.

        ``InputError`` where none is left.
        """
        looks = self._looks(photos, report)
        if len(looks) < len(photos):
            note(f"HyperLoRA found a face in {len(looks)} of the {len(photos)} photos, and left the others out.")
        report(len(photos), len(photos) + 1, "Reading the face")
        embeddings = torch.from_numpy(np.stack([look.embedding for look in looks]))
        lora = self.network(embeddings, self.pictures.encode([look.picture for look in looks]))
        report(len(photos) + 1, len(photos) + 1, "Face read")
        return dict(lora)

    def _looks(self, photos: Sequence[Photo], report: Progress) -> list[Look]:
        looks = []
        for number, photo in enumerate(photos):
            report(number, len(photos) + 1, f"Reading the face of photo {number + 1} of {len(photos)}")
            look = look_at(photo.image, photo.person, self.faces)
            if look is not None:
                looks.append(look)
        if not looks:
            raise InputError(
                "HyperLoRA finds no face in the reference; choose a photo that shows the face from the front, "
                "larger and with some room around it."
            )
        return looks


class HyperLoraIdentity:
    """An ``IdentityEncoder`` that remembers whom it has read, and loads the models for strangers only.

    ``models`` names the weights that ``writer`` loads: other weights make another LoRA of the same photos.
    """

    def __init__(self, writer: Callable[[], Writer], models: str, shelf: Shelf) -> None:
        self._writer = writer
        self._models = models
        self._shelf = shelf

    def encode(self, references: Sequence[Reference], report: Progress) -> IdentityLora:
        photos = [Photo(reference.image, reference.face.box) for reference in references]
        name = self._name(photos)
        weights = self._shelf.find(name)
        if weights is None:
            report(0, len(photos) + 1, "Loading HyperLoRA")
            weights = self._writer().write(photos, report)
            self._shelf.keep(name, weights)
        return IdentityLora(name, weights, TRIGGER)

    def write_lora(self, references: Sequence[Reference], path: Path, report: Progress) -> str:
        """Implements ``tools.contracts.IdentityWriter``: a plain kohya LoRA, with its trigger words in the metadata."""
        identity = self.encode(references, report)
        facts = {"ss_output_name": "Steadface, HyperLoRA", "modelspec.trigger_phrase": TRIGGER, "licence": LICENCE}
        save_file(dict(identity.weights), path, metadata=facts)
        return (
            f'Begin the prompt with "{TRIGGER}", and give the LoRA a strength of 0.75 to 0.85, to the model alone. '
            f"It works with SDXL checkpoints for photographs, RealVisXL V4.0 best. Licence: {LICENCE}."
        )

    def _name(self, photos: Sequence[Photo]) -> str:
        content = hashlib.sha256(f"{_PROCEDURE} {self._models}".encode())
        for photo in photos:
            person = None if photo.person is None else tuple(map(float, photo.person))
            content.update(repr((photo.image.shape, person)).encode())
            content.update(photo.image.tobytes())
        return content.hexdigest()


def encode_identity(images: Sequence[RGBImage]) -> dict[str, torch.Tensor]:
    """The LoRA of the person on the images, for ``load_lora_weights`` of any SDXL pipeline.

    All images together make one LoRA; each may have its own size. The prompt must begin with ``TRIGGER``, and a scale
    of 0.75 to 0.85 is advised. ``Unavailable`` where a model is missing, ``InputError`` where no face is found.
    """
    return published_writer().write([Photo(image, None) for image in images], lambda done, total, message: None)


def hyperlora_identity() -> HyperLoraIdentity:
    """With the published weights; ``Unavailable`` where one of the models is not on this machine."""
    return HyperLoraIdentity(published_writer, _fingerprint(), Shelf(home_folder() / LORAS))


@cache
def published_writer() -> Writer:
    """The one of this process, with the published weights."""
    return Writer(load_network(folder_of("hyperlora")), PictureEncoder(folder_of("clip")), Antelope())


def _fingerprint() -> str:
    """Which weights lie here: the name, size and time of every file of them, since hashing gigabytes takes too long."""
    files = sorted(file for model in MODELS for file in folder_of(model).rglob("*") if file.is_file())
    return repr([(str(file.resolve()), *_stamp(file)) for file in files])


def _stamp(file: Path) -> tuple[int, int]:
    facts = file.stat()
    return facts.st_size, facts.st_mtime_ns
