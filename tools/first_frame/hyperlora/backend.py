"""First frames by SDXL that wears the LoRA of the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from tools import sdxl
from tools.contracts import Progress, Reference, RGBImage, Size
from tools.first_frame.hyperlora.identity import hyperlora_identity
from tools.notes import note


@dataclass(frozen=True)
class HyperLoraFirstFrame:
    """Paints all candidates in one batch; person and prompt are encoded once.

    ``guidance`` is how closely the prompt is followed: 3 to 7 does for HyperLoRA.
    """

    painter: sdxl.Sdxl
    identities: sdxl.IdentityEncoder
    steps: int = 20
    guidance: float = 5.0
    identity_strength: float = sdxl.IDENTITY_STRENGTH
    negative_prompt: str = sdxl.NEGATIVE_PROMPT

    def generate(
        self, references: Sequence[Reference], prompt: str, seeds: Sequence[int], size: Size, report: Progress
    ) -> list[RGBImage]:
        identity = self.identities.encode(references, lambda _done, _total, message: report(0, self.steps, message))
        with sdxl.enough_memory(), self.painter.present(), self.painter.wearing(identity, self.identity_strength):
            report(0, self.steps, "Painting the first frames")
            words = self.painter.encode(identity.prompt(prompt), self.negative_prompt)
            painted = self._in_one_batch_or_single(words, seeds, _whole_steps(size, self.painter.multiple), report)
        sdxl.expect_finite(painted)
        return [_middle(image, size) for image in np.rint(painted * 255).astype(np.uint8)]

    def _in_one_batch_or_single(
        self, words: sdxl.Prompt, seeds: Sequence[int], canvas: Size, report: Progress
    ) -> NDArray[np.float32]:
        """Shape (seeds, height, width, 3), 0 to 1; one after another where a batch is too much for the GPU."""
        try:
            return self._paint(words, seeds, canvas, report)
        except torch.OutOfMemoryError:
            if len(seeds) == 1:
                raise
        torch.cuda.empty_cache()
        note("The GPU ran out of memory, and the first frames were painted one after another.")
        return np.concatenate([self._paint(words, [seed], canvas, report) for seed in seeds])

    def _paint(self, words: sdxl.Prompt, seeds: Sequence[int], canvas: Size, report: Progress) -> NDArray[np.float32]:
        painted: NDArray[np.float32] = self.painter.pipe(
            **words.arguments(),
            num_images_per_prompt=len(seeds),
            width=canvas.width,
            height=canvas.height,
            num_inference_steps=self.steps,
            guidance_scale=self.guidance,
            generator=[torch.Generator().manual_seed(seed) for seed in seeds],
            output_type="np",
            callback_on_step_end=self.painter.each_step(report, self.steps, "Painting the first frames"),
        ).images
        return painted


def hyperlora_first_frame(
    steps: Annotated[int, Field(ge=1, le=200)] = 20,
    guidance: Annotated[float, Field(ge=1, le=20)] = 5.0,
    identity_strength: Annotated[float, Field(ge=0, le=1.5)] = sdxl.IDENTITY_STRENGTH,
    negative_prompt: str = sdxl.NEGATIVE_PROMPT,
) -> HyperLoraFirstFrame:
    """The backend; its options are the fields of ``HyperLoraFirstFrame``."""
    identities = hyperlora_identity()
    return HyperLoraFirstFrame(sdxl.shared(), identities, steps, guidance, identity_strength, negative_prompt)


def _whole_steps(size: Size, multiple: int) -> Size:
    """The smallest size that holds ``size`` and that the pipeline can paint."""
    return Size(*(-(-side // multiple) * multiple for side in size))


def _middle(image: RGBImage, size: Size) -> RGBImage:
    left, top = (image.shape[1] - size.width) // 2, (image.shape[0] - size.height) // 2
    return np.ascontiguousarray(image[top : top + size.height, left : left + size.width])
