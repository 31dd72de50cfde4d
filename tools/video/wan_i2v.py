"""Clips by Wan's image-to-video models on diffusers, which have a channel for the first frame and hold it.

Wan 2.1 also sees the first frame through CLIP. Wan 2.2 A14B has one transformer for high noise and one for low. TI2V 5B
keeps the latents of the first frame clean at every step. None takes fixed frames inside a clip.

Steps, shift and guidance are those of Wan's own commands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar

from diffusers import WanImageToVideoPipeline
from PIL import Image
from pydantic import Field

from tools.contracts import ClipSpec, Given, Progress, RGBImage
from tools.errors import InputError
from tools.video.conditioning import on_canvas
from tools.video.engine import Engine
from tools.video.wan import WanVideo

_wan_2_1 = partial(
    Engine,
    title="Wan 2.1 I2V",
    pipeline=WanImageToVideoPipeline,
    parts=("text_encoder", "image_encoder", "transformer", "vae"),
    # The model for first and last frames has a "pos_embed_seq_len".
    proof={
        "_class_name": "WanTransformer3DModel",
        "in_channels": 36,
        "boundary_ratio": None,
        "pos_embed_seq_len": None,
    },
    steps=40,
)

WAN_2_1_480P = _wan_2_1("wan2.1-i2v-14b-480p", distilled="wan2.1-distilled-i2v")
WAN_2_1_720P = _wan_2_1("wan2.1-i2v-14b-720p")

WAN_2_2_A14B = Engine(
    "wan2.2-i2v-a14b",
    title="Wan 2.2 I2V A14B",
    pipeline=WanImageToVideoPipeline,
    parts=("text_encoder", "transformer", "transformer_2", "vae"),
    proof={"_class_name": "WanTransformer3DModel", "in_channels": 36, "boundary_ratio": 0.9},
    steps=40,
    guidance=3.5,
    guidance_2=3.5,
    shifts=(5.0, 5.0),
)

WAN_2_2_5B = Engine(
    "wan2.2-ti2v-5b",
    title="Wan 2.2 TI2V 5B",
    pipeline=WanImageToVideoPipeline,
    proof={"_class_name": "WanTransformer3DModel", "expand_timesteps": True},
    lengths=range(5, 122, 4),
    fps=24,
    multiple=32,
    shifts=(5.0, 5.0),
)


@dataclass(frozen=True)
class WanFromFirstFrame(WanVideo):
    needs: ClassVar[frozenset[str]] = frozenset({"first_frame"})
    takes_keyframes: ClassVar[bool] = False

    def generate(self, prompt: str, clip: ClipSpec, given: Given, seed: int, report: Progress) -> Iterator[RGBImage]:
        """A side that is no multiple of the engine's is painted longer, the first frame mirrored into the margin, and
        cut to size again."""
        self.check(clip)
        first = on_canvas(given.frames[0], clip.size, self.engine.canvas(clip.size))
        return self._make(prompt, clip, self._conditions(first), seed, report)

    def _conditions(self, first: RGBImage) -> dict[str, Any]:
        return {"image": Image.fromarray(first)}


@dataclass(frozen=True)
class WanOfTwoTransformers(WanFromFirstFrame):
    """``guidance`` is for high noise, ``guidance_2`` for low."""

    guidance_2: Annotated[float, Field(ge=1, le=20)] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        # diffusers asks the first alone whether there is any guidance.
        if self.guidance == 1 and (self.guidance_2 or 1) > 1:
            raise InputError("At guidance 1 there is none at all; leave the option guidance_2 out, or raise guidance.")

    def _conditions(self, first: RGBImage) -> dict[str, Any]:
        return {**super()._conditions(first), "guidance_scale_2": self.guidance_2 or self.engine.guidance_2}


wan_2_1_480p = partial(WanFromFirstFrame, WAN_2_1_480P)
wan_2_1_720p = partial(WanFromFirstFrame, WAN_2_1_720P)
wan_2_2_a14b = partial(WanOfTwoTransformers, WAN_2_2_A14B)
wan_2_2_5b = partial(WanFromFirstFrame, WAN_2_2_5B)
