"""First frames by SDXL that wears the LoRA of the person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from tools import sdxl
from tools.contracts import Progress, Reference, RGBImage, Size
from tools.first_frame.hyperlora.identity import hyperlora_identity

STEPS = 20
GUIDANCE = 5.0


class HyperLoraFirstFrame:
    """Paints all candidates in one batch; person and prompt are encoded once."""

    def __init__(self, painter: sdxl.Sdxl, identities: sdxl.IdentityEncoder) -> None:
        self._painter = painter
        self._identities = identities

    def generate(
        self, references: Sequence[Reference], prompt: str, seeds: Sequence[int], size: Size, report: Progress
    ) -> list[RGBImage]:
        identity = self._identities.encode(references, lambda _done, _total, message: report(0, STEPS, message))
        with sdxl.enough_memory(), self._painter.wearing(identity):
            report(0, STEPS, "Painting the first frames")
            canvas = _whole_steps(size, self._painter.multiple)
            painted: list[Image.Image] = self._painter.pipe(
                **self._painter.encode(identity.prompt(prompt)).arguments(),
                num_images_per_prompt=len(seeds),
                width=canvas.width,
                height=canvas.height,
                num_inference_steps=STEPS,
                guidance_scale=GUIDANCE,
                generator=[torch.Generator().manual_seed(seed) for seed in seeds],
                callback_on_step_end=self._painter.each_step(report, STEPS, "Painting the first frames"),
            ).images
        return [_middle(np.asarray(image), size) for image in painted]


def hyperlora_first_frame() -> HyperLoraFirstFrame:
    return HyperLoraFirstFrame(sdxl.shared(), hyperlora_identity())


def _whole_steps(size: Size, multiple: int) -> Size:
    """The smallest size that holds ``size`` and that the pipeline can paint."""
    return Size(*(-(-side // multiple) * multiple for side in size))


def _middle(image: RGBImage, size: Size) -> RGBImage:
    left, top = (image.shape[1] - size.width) // 2, (image.shape[0] - size.height) // 2
    return np.ascontiguousarray(image[top : top + size.height, left : left + size.width])
