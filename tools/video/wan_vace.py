"""Clips by Wan VACE on diffusers: from a first frame and, where they are given, keyframes; or from photos alone.

The first frame is a soft condition: the model sees it in its latents, but no mask of its kind can say that it is fixed,
so frame 0 of the clip is the model's own rendering of it. It is left so: the given picture in its place would flash.

The shift is 3 up to 832x480 and 5 above, as diffusers advises. VACE's own command uses 16: untried here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field

from tools.contracts import ClipSpec, Given, Progress, RGBImage
from tools.video.checkpoint import Wan
from tools.video.conditioning import control, on_white
from tools.video.engine import Engine
from tools.video.mask_table import MaskTable
from tools.video.vace_pipeline import VacePipeline
from tools.video.wan import WanVideo

_vace = partial(Engine, title="VACE", pipeline=VacePipeline, proof={"_class_name": "WanVACETransformer3DModel"})

VACE_14B = _vace("wan-vace-14b", distilled="wan2.1-distilled-t2v")
VACE_1_3B = _vace("wan-vace-1.3b")


@dataclass(frozen=True)
class VaceFromFrames(WanVideo):
    """From a first frame, and from other fixed frames that the model then leads to and from.

    ``conditioning_scale`` is how much what is given weighs. With ``keep_reference`` the photos are given too, as VACE
    takes references: it may hold the person better, and users report that the photo then shows through the first
    frames. ``masks`` matters where whole groups of frames are given.
    """

    conditioning_scale: Annotated[float, Field(ge=0, le=2)] = 1.0
    masks: MaskTable = "by_group"
    keep_reference: bool = False

    takes_keyframes: ClassVar[bool] = True

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"first_frame", "reference"} if self.keep_reference else {"first_frame"})

    def generate(self, prompt: str, clip: ClipSpec, given: Given, seed: int, report: Progress) -> Iterator[RGBImage]:
        """A side that is no multiple of 16 is painted up to 15 pixels longer, the first frame mirrored into the margin,
        and cut to size again: given frames keep their scale and place."""
        self.check(clip)
        canvas = self.engine.canvas(clip.size)
        video, mask = control(given.frames, clip, canvas)
        references = [on_white(reference, canvas) for reference in given.references if self.keep_reference]
        conditions = {
            "video": video,
            "mask": mask,
            "reference_images": references or None,
            "conditioning_scale": self.conditioning_scale,
        }
        return self._make(prompt, clip, conditions, seed, report)

    def _set_up(self, wan: Wan, clip: ClipSpec, seed: int) -> None:
        super()._set_up(wan, clip, seed)
        wan.pipe.masks = self.masks


@dataclass(frozen=True)
class VaceFromReferences(WanVideo):
    """From photos of the person, cut out on white, with no first frame: the baseline that the paper compares with."""

    conditioning_scale: Annotated[float, Field(ge=0, le=2)] = 1.0

    needs: ClassVar[frozenset[str]] = frozenset({"reference"})
    takes_keyframes: ClassVar[bool] = False

    def generate(self, prompt: str, clip: ClipSpec, given: Given, seed: int, report: Progress) -> Iterator[RGBImage]:
        self.check(clip)
        canvas = self.engine.canvas(clip.size)
        conditions = {
            "reference_images": [on_white(reference, canvas) for reference in given.references],
            "conditioning_scale": self.conditioning_scale,
        }
        return self._make(prompt, clip, conditions, seed, report)


vace_large = partial(VaceFromFrames, VACE_14B)
vace_small = partial(VaceFromFrames, VACE_1_3B)
vace_large_from_references = partial(VaceFromReferences, VACE_14B)
