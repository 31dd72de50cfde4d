"""Clips by Wan VACE on diffusers: from a first frame and, where they are given, keyframes; or from photos alone.

The first frame is a soft condition: the model sees it in its latents, but no mask of its kind can say that it is fixed,
so frame 0 of the clip is the model's own rendering of it. It is left so: the given picture in its place would flash.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from diffusers import UniPCMultistepScheduler
from numpy.typing import NDArray
from pydantic import Field

from tools.contracts import ClipSpec, Given, Progress, RGBImage, Size
from tools.errors import BackendError
from tools.video.checkpoint import Vace, shared, whole_folder
from tools.video.conditioning import canvas_of, control, cropped, on_white, refuse_untrained
from tools.video.mask_table import MaskTable
from tools.video.steps import Steps

NEGATIVE_PROMPT = (
    "still picture, frozen motion, flicker, blurry, overexposed, washed out colours, low quality, jpeg artifacts, "
    "deformed face, changing face, badly drawn hands, extra fingers, extra limbs, subtitles, text, watermark"
)

_SMALL = 832 * 480
"""Pixels of a frame, up to which the shift for 480p is used."""


@dataclass(frozen=True)
class _VaceVideo:
    """What both kinds of clip share: the options are the fields with a default.

    ``shift`` moves the denoising towards high noise, where motion is decided; unset it is 3 up to 832x480 and 5 above,
    as diffusers advises. VACE's own command uses 16: untried here. At ``guidance`` 1 there is none, and a step costs
    half. ``conditioning_scale`` is how much what is given weighs; ``vae_tiling`` saves memory at the ends.
    """

    model: str
    steps: Annotated[int, Field(ge=1, le=200)] = 50
    guidance: Annotated[float, Field(ge=1, le=20)] = 5.0
    shift: Annotated[float, Field(gt=0, le=20)] | None = None
    negative_prompt: str = NEGATIVE_PROMPT
    conditioning_scale: Annotated[float, Field(ge=0, le=2)] = 1.0
    vae_tiling: bool = False

    def __post_init__(self) -> None:
        whole_folder(self.model)

    def check(self, clip: ClipSpec) -> None:
        """``InputError``, with what would do, where the model was not trained on such clips."""
        refuse_untrained(clip)

    def _make(
        self, prompt: str, clip: ClipSpec, conditions: dict[str, Any], masks: MaskTable, seed: int, report: Progress
    ) -> Iterator[RGBImage]:
        report(0, self.steps, "Loading the video model")
        vace = shared(self.model)
        with vace.lock, _enough_memory(), _left_ready(vace):
            report(0, self.steps, "Reading the prompt")
            vace.pipe.masks = masks
            painted = self._denoise(vace, prompt, clip, conditions, seed, report)
        return (cropped(_eight_bits(frame), clip.size) for frame in painted)

    def _denoise(
        self, vace: Vace, prompt: str, clip: ClipSpec, conditions: dict[str, Any], seed: int, report: Progress
    ) -> NDArray[np.float32]:
        """Shape (frames, height, width, 3) of the canvas, 0 to 1."""
        pipe, canvas = vace.pipe, canvas_of(clip.size)
        # A scheduler reads its shift when it is made; setting the attribute later changes nothing.
        pipe.scheduler = UniPCMultistepScheduler.from_config(pipe.scheduler.config, flow_shift=self._shift(clip.size))
        (pipe.vae.enable_tiling if self.vae_tiling else pipe.vae.disable_tiling)()
        steps = Steps(report, self.steps, vace.device)
        with steps.watching(pipe.transformer):
            made = pipe(
                prompt=prompt,
                negative_prompt=self.negative_prompt,
                **conditions,
                conditioning_scale=self.conditioning_scale,
                width=canvas.width,
                height=canvas.height,
                num_frames=clip.frames,
                num_inference_steps=self.steps,
                guidance_scale=self.guidance,
                generator=torch.Generator().manual_seed(seed),
                callback_on_step_end=steps.ended,
                output_type="np",
            )
        frames: NDArray[np.float32] = made.frames[0]
        return frames

    def _shift(self, size: Size) -> float:
        return self.shift or (3.0 if size.width * size.height <= _SMALL else 5.0)


@dataclass(frozen=True)
class VaceFromFrames(_VaceVideo):
    """From a first frame, and from other fixed frames that the model then leads to and from.

    With ``keep_reference`` the photos are given too, as VACE takes references: it may hold the person better, and users
    report that the photo then shows through the first frames. ``masks`` matters where whole groups of frames are given.
    """

    masks: MaskTable = "by_group"
    keep_reference: bool = False

    takes_keyframes: ClassVar[bool] = True

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"first_frame", "reference"} if self.keep_reference else {"first_frame"})

    def generate(self, prompt: str, clip: ClipSpec, given: Given, seed: int, report: Progress) -> Iterator[RGBImage]:
        """A side that is no multiple of 16 is painted up to 15 pixels longer, the first frame mirrored into the margin,
        and cut to size again: given frames keep their scale and place."""
        refuse_untrained(clip)
        video, mask = control(given.frames, clip)
        references = [on_white(reference, clip.size) for reference in given.references if self.keep_reference]
        conditions = {"video": video, "mask": mask, "reference_images": references or None}
        return self._make(prompt, clip, conditions, self.masks, seed, report)


@dataclass(frozen=True)
class VaceFromReferences(_VaceVideo):
    """From photos of the person, cut out on white, with no first frame: the baseline that the paper compares with."""

    needs: ClassVar[frozenset[str]] = frozenset({"reference"})
    takes_keyframes: ClassVar[bool] = False

    def generate(self, prompt: str, clip: ClipSpec, given: Given, seed: int, report: Progress) -> Iterator[RGBImage]:
        refuse_untrained(clip)
        references = [on_white(reference, clip.size) for reference in given.references]
        return self._make(prompt, clip, {"reference_images": references}, "stock", seed, report)


vace_large = partial(VaceFromFrames, "wan-vace-14b")
vace_small = partial(VaceFromFrames, "wan-vace-1.3b")
vace_large_from_references = partial(VaceFromReferences, "wan-vace-14b")


@contextmanager
def _left_ready(vace: Vace) -> Iterator[None]:
    """Models that take turns go back to their place when a clip is broken off too."""
    try:
        yield
    except BaseException:
        vace.pipe.maybe_free_model_hooks()
        raise


@contextmanager
def _enough_memory() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise BackendError(
            "The GPU has too little memory for this clip; ask for fewer frames or a smaller size, or set "
            "STEADFACE_WAN_OFFLOAD to model or blocks."
        ) from error


def _eight_bits(frame: NDArray[np.float32]) -> RGBImage:
    return (frame * 255).round().astype(np.uint8)
