"""What a published Wan model is, and how its authors run it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.contracts import ClipSpec, Size
from tools.errors import InputError

SMALL = 832 * 480
"""Pixels of a frame, up to which the shift for 480p is used."""


@dataclass(frozen=True)
class Engine:
    """One model of the catalog.

    ``pipeline`` is the class that loads it. ``proof`` are values in the configuration of pipeline and transformer that
    tell it from its relatives; ``parts`` the folders of a checkpoint that hold weights. Sizes are multiples of
    ``multiple``: pixels a latent times latents a token. ``shifts`` are for frames up to 832x480 and above.
    ``guidance_2`` is that of the transformer for low noise, where there are two. ``distilled`` is the LoRA of the
    catalog for four steps, where there is one.
    """

    model: str
    title: str
    pipeline: type[Any]
    parts: tuple[str, ...] = ("text_encoder", "transformer", "vae")
    proof: Mapping[str, object] = field(default_factory=dict)
    lengths: range = range(5, 82, 4)
    fps: int = 16
    multiple: int = 16
    steps: int = 50
    guidance: float = 5.0
    guidance_2: float | None = None
    shifts: tuple[float, float] = (3.0, 5.0)
    distilled: str | None = None

    def refuse_untrained(self, clip: ClipSpec) -> None:
        """``InputError``, with what would do, where the model was not trained on such clips."""
        if clip.fps != self.fps:
            raise InputError(f"{self.title} makes {self.fps} frames a second, not {clip.fps}; set fps to {self.fps}.")
        if clip.frames not in self.lengths:
            least = min(abs(frames - clip.frames) for frames in self.lengths)
            nearest = " or ".join(str(frames) for frames in self.lengths if abs(frames - clip.frames) == least)
            known = self.lengths
            raise InputError(
                f"{self.title} makes {known[0]}, {known[1]}, {known[2]} … {known[-1]} frames, not {clip.frames}; "
                f"ask for {nearest}."
            )

    def canvas(self, size: Size) -> Size:
        """The smallest size that holds ``size`` and that the model can paint."""
        return Size(*(-(-side // self.multiple) * self.multiple for side in size))

    def shift(self, size: Size) -> float:
        return self.shifts[size.width * size.height > SMALL]
