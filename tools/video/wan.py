"""What every clip by a Wan model shares, from its options to its frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from diffusers import UniPCMultistepScheduler
from numpy.typing import NDArray
from pydantic import Field

from tools.contracts import ClipSpec, Progress, RGBImage
from tools.errors import BackendError, InputError
from tools.models.catalog import catalog
from tools.notes import note
from tools.residency import on_gpu
from tools.video.checkpoint import Wan, shared, whole_folder
from tools.video.conditioning import cropped
from tools.video.distilled import GUIDANCE, SHIFT, STEPS, DistilledScheduler, lora_file, take_off, wear
from tools.video.engine import Engine
from tools.video.memory import refuse_too_large
from tools.video.speed import refuse_lora_in_float8
from tools.video.step_cache import StepCache
from tools.video.steps import Steps

NEGATIVE_PROMPT = (
    "still picture, frozen motion, flicker, blurry, overexposed, washed out colours, low quality, jpeg artifacts, "
    "deformed face, changing face, badly drawn hands, extra fingers, extra limbs, subtitles, text, watermark"
)


FEWEST_TO_SKIP = 8
"""Steps of a clip, below which a step cache has nothing to skip."""


@dataclass(frozen=True)
class WanVideo:
    """The options are the fields with a default; what is unset is as the engine's authors advise.

    ``shift`` moves the denoising towards high noise, where motion is decided. At ``guidance`` 1 there is none, and a
    step costs half. ``vae_tiling`` saves memory at the ends. ``step_cache`` is the threshold of ``step_cache.py``: 0
    computes every step, and its paper has 0.05 for Wan 2.1. ``distilled`` makes clips in four steps by the LoRA of
    ``distilled.py``, as far as ``distilled_strength``; it sets steps, guidance and shift itself.
    """

    engine: Engine
    steps: Annotated[int, Field(ge=1, le=200)] | None = None
    guidance: Annotated[float, Field(ge=1, le=20)] | None = None
    shift: Annotated[float, Field(gt=0, le=20)] | None = None
    negative_prompt: str = NEGATIVE_PROMPT
    vae_tiling: bool = False
    step_cache: Annotated[float, Field(ge=0)] = 0.0
    distilled: bool = False
    distilled_strength: Annotated[float, Field(gt=0, le=2)] = 1.0

    def __post_init__(self) -> None:
        if self.distilled:
            self._refuse_beside_distilled()
        if self.step_cache and self._steps < FEWEST_TO_SKIP:
            raise InputError(
                f"A step cache is of no use with {self._steps} steps; set the option step_cache to 0, or steps to "
                f"{FEWEST_TO_SKIP} at least."
            )
        whole_folder(self.engine)

    def _refuse_beside_distilled(self) -> None:
        if self.engine.distilled is None:
            model = catalog()[self.engine.model].title
            raise InputError(f"There is no distilled LoRA for {model} here; leave the option distilled out.")
        if (self.steps or STEPS, self.guidance or GUIDANCE, self.shift or SHIFT) != (STEPS, GUIDANCE, SHIFT):
            raise InputError(
                f"The option distilled sets steps to {STEPS}, guidance to {GUIDANCE:g} and shift to {SHIFT:g} itself; "
                "leave those options out."
            )
        refuse_lora_in_float8()
        lora_file(self.engine.distilled)

    def check(self, clip: ClipSpec) -> None:
        """``InputError``, with what would do, where the model was not trained on such clips; ``Unavailable`` where the
        GPU cannot hold one."""
        self.engine.refuse_untrained(clip)
        title = catalog()[self.engine.model].title
        refuse_too_large(whole_folder(self.engine), title, self.engine.canvas(clip.size), clip.frames)

    def _make(
        self, prompt: str, clip: ClipSpec, conditions: Mapping[str, Any], seed: int, report: Progress
    ) -> Iterator[RGBImage]:
        """``conditions`` are what the pipeline takes beside what all take."""
        report(0, self._steps, "Loading the video model")
        wan = shared(self.engine)

        def paint() -> NDArray[np.float32]:
            report(0, self._steps, "Reading the prompt")
            self._set_up(wan, clip, seed)
            with on_gpu().using(wan.tenant, wan.room(clip.size, clip.frames)), _left_ready(wan):
                return self._denoise(wan, prompt, clip, conditions, seed, Steps(report, self._steps, wan.device))

        with wan.lock:
            painted = _with_less_if_need_be(wan, paint)
        return (cropped(_eight_bits(frame), clip.size) for frame in painted)

    def _set_up(self, wan: Wan, clip: ClipSpec, seed: int) -> None:
        """What a pipeline keeps from one clip to the next is set for this one."""
        pipe = wan.pipe
        if self.distilled:
            assert self.engine.distilled is not None
            wear(pipe, self.engine.distilled, self.distilled_strength)
            pipe.scheduler = DistilledScheduler(seed)
        else:
            take_off(pipe)
            # A scheduler reads its shift when it is made; setting the attribute later changes nothing.
            shift = self.shift or self.engine.shift(clip.size)
            pipe.scheduler = UniPCMultistepScheduler.from_config(wan.scheduler, flow_shift=shift)
        (pipe.vae.enable_tiling if self.vae_tiling or wan.tiled else pipe.vae.disable_tiling)()

    def _denoise(
        self, wan: Wan, prompt: str, clip: ClipSpec, conditions: Mapping[str, Any], seed: int, steps: Steps
    ) -> NDArray[np.float32]:
        """Shape (frames, height, width, 3) of the canvas, 0 to 1."""
        canvas = self.engine.canvas(clip.size)
        with steps.watching(wan.transformers), self._caching(wan):
            made = wan.pipe(
                prompt=prompt,
                negative_prompt=self.negative_prompt,
                **conditions,
                width=canvas.width,
                height=canvas.height,
                num_frames=clip.frames,
                num_inference_steps=steps.total,
                guidance_scale=GUIDANCE if self.distilled else self.guidance or self.engine.guidance,
                generator=torch.Generator().manual_seed(seed),
                callback_on_step_end=steps.ended,
                output_type="np",
            )
        frames: NDArray[np.float32] = made.frames[0]
        return frames

    @contextmanager
    def _caching(self, wan: Wan) -> Iterator[None]:
        if not self.step_cache:
            yield
            return
        cache = StepCache(self.step_cache, self._steps)
        with cache.serving(wan.transformers):
            yield
        note(f"The step cache skipped {cache.skipped} of {self._steps} steps.")

    @property
    def _steps(self) -> int:
        return STEPS if self.distilled else self.steps or self.engine.steps


@contextmanager
def _left_ready(wan: Wan) -> Iterator[None]:
    """Models that take turns go back to their place when a clip is broken off too."""
    try:
        yield
    except BaseException:
        wan.pipe.maybe_free_model_hooks()
        raise


def _with_less_if_need_be(wan: Wan, paint: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    """The clip, made once more with less of the GPU where its memory did not do."""
    try:
        return paint()
    except torch.OutOfMemoryError:
        how = wan.step_down()  # what holds the memory goes with the error, so nothing is made in here
    torch.cuda.empty_cache()
    if how is None:
        raise _too_little_memory()
    note(f"The GPU ran out of memory, and the clip was made again {how}.")
    try:
        return paint()
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise _too_little_memory() from error


def _too_little_memory() -> BackendError:
    return BackendError(
        "The GPU has too little memory for this clip; ask for fewer frames or a smaller size, or set "
        "STEADFACE_WAN_OFFLOAD to model or blocks."
    )


def _eight_bits(frame: NDArray[np.float32]) -> RGBImage:
    return (frame * 255).round().astype(np.uint8)
