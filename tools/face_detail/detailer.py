"""The FaceDetailer on Stable Diffusion XL: each face cropped, enlarged, half repainted and laid back.

Sampling follows HyperLoRA's published workflow: ten steps of DPM++ 2M on Karras' noise levels, guidance 5. The VAE's
mode is encoded and the noise is drawn first from a generator on the CPU, so a seed means the same on every device.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from diffusers import StableDiffusionXLInpaintPipeline
from diffusers.image_processor import VaeImageProcessor
from PIL import Image
from pydantic import Field

from tools import registry, sdxl
from tools.contracts import Face, Progress, Reference, RGBImage, Size
from tools.face_detail.blend import Canvas, hard_mask, paste
from tools.face_detail.geometry import Region, Spot, spot_of, whole_cells

IDENTITY = "hyperlora"


@dataclass(frozen=True)
class _Look:
    """As whom a face is painted: ``identity`` is ``None`` for anybody but the person."""

    identity: sdxl.IdentityLora | None
    prompt: sdxl.Prompt


class SdxlDetailer:
    """Implements ``tools.contracts.FaceDetailer``. Every face is repainted, the nearest one as the person.

    The defaults are the workflow's.
    """

    def __init__(
        self,
        painter: sdxl.Sdxl,
        identities: sdxl.IdentityEncoder,
        steps: int = 10,
        guidance: float = 5.0,
        identity_strength: float = sdxl.IDENTITY_STRENGTH,
        negative_prompt: str = sdxl.NEGATIVE_PROMPT,
    ) -> None:
        self._steps, self._guidance = steps, guidance
        self._identity_strength, self._negative_prompt = identity_strength, negative_prompt
        self._painter = painter
        self._identities = identities
        self._pipe = _inpainting(painter)

    def detail(
        self,
        frames: Sequence[RGBImage],
        faces: Sequence[Sequence[Face]],
        references: Sequence[Reference],
        prompt: str,
        strength: float,
        seed: int,
        report: Progress,
    ) -> list[RGBImage]:
        """``strength`` is the share of the noise that a face goes through again; the workflow's is 0.5.

        The face at place ``n`` of its frame is painted with ``seed + n``, over those painted before it.
        """
        spots = [list(_spots(frame, seen)) for frame, seen in zip(frames, faces, strict=True)]
        if strength == 0 or not any(spots):
            return list(frames)
        with self._painter.present():
            return self._painted(frames, spots, self._looks(references, prompt, spots, report), strength, seed, report)

    def _painted(
        self,
        frames: Sequence[RGBImage],
        spots: Sequence[Sequence[tuple[int, Spot]]],
        looks: Mapping[bool, _Look],
        strength: float,
        seed: int,
        report: Progress,
    ) -> list[RGBImage]:
        painted, before, total = [], 0, self._steps * sum(map(len, spots))
        for frame, places in zip(frames, spots, strict=True):
            canvas = frame.astype(np.float32)
            for number, spot in places:
                ended = self._painter.each_step(report, total, "repainting faces", before)
                paste(canvas, self._repaint(canvas, spot, looks[number == 0], strength, seed + number, ended), spot)
                before += self._steps
            painted.append(np.rint(canvas).astype(np.uint8))
        return painted

    def _looks(
        self,
        references: Sequence[Reference],
        prompt: str,
        spots: Sequence[Sequence[tuple[int, Spot]]],
        report: Progress,
    ) -> dict[bool, _Look]:
        """How the person's face (``True``) and the others (``False``) are painted, those that there are."""
        looks = {}
        numbers = {number for places in spots for number, _ in places}
        if 0 in numbers:
            identity = self._identities.encode(references, report)
            looks[True] = _Look(identity, self._encode(identity.prompt(prompt)))
        if numbers - {0}:
            looks[False] = _Look(None, self._encode(prompt))
        return looks

    def _encode(self, prompt: str) -> sdxl.Prompt:
        return self._painter.encode(prompt, self._negative_prompt)

    def _repaint(
        self, canvas: Canvas, spot: Spot, look: _Look, strength: float, seed: int, ended: sdxl.StepEnd
    ) -> RGBImage:
        """The crop of a spot, painted anew within its mask."""
        crop = Image.fromarray(canvas[spot.crop.slices].astype(np.uint8))
        cells = whole_cells(spot.work)
        enlarged = crop.resize(spot.work, Image.Resampling.LANCZOS).crop(cells)
        steps = int(self._steps / strength)
        with sdxl.enough_memory(), self._painter.wearing(look.identity, self._identity_strength):
            painted = self._pipe(
                **look.prompt.arguments(),
                image=self._latents(enlarged),
                mask_image=self._mask(spot, cells),
                width=cells.size.width,
                height=cells.size.height,
                num_inference_steps=steps,
                strength=min(1.0, (self._steps + 0.5) / steps),  # rounded down by the pipeline, whatever floats do
                guidance_scale=self._guidance,
                generator=torch.Generator().manual_seed(seed),
                output_type="np",
                callback_on_step_end=ended,
            ).images[0]
        sdxl.expect_finite(painted)
        picture = Image.fromarray((painted * 255).astype(np.uint8))
        return np.asarray(picture.resize(spot.crop.size, Image.Resampling.LANCZOS))

    @torch.no_grad()
    def _latents(self, picture: Image.Image) -> torch.Tensor:
        vae = self._pipe.vae
        overflows = vae.config.force_upcast and vae.dtype == torch.float16
        if overflows:
            vae.to(dtype=torch.float32)
        pixels = self._pipe.image_processor.preprocess(picture).to(self._painter.device, vae.dtype)
        latents: torch.Tensor = vae.encode(pixels).latent_dist.mode() * vae.config.scaling_factor
        if overflows:
            vae.to(dtype=torch.float16)
        return latents

    def _mask(self, spot: Spot, cells: Region) -> torch.Tensor:
        """The hard mask, bilinear at the latent's resolution, each value filling its cell; shape (1, 1, h, w)."""
        cell = self._painter.multiple
        mask = torch.from_numpy(hard_mask(spot))[None, None]
        coarse = torch.nn.functional.interpolate(
            mask, size=(cells.size.height // cell, cells.size.width // cell), mode="bilinear"
        )
        return coarse.repeat_interleave(cell, dim=2).repeat_interleave(cell, dim=3)


def sdxl_detailer(
    steps: Annotated[int, Field(ge=1, le=200)] = 10,
    guidance: Annotated[float, Field(ge=1, le=20)] = 5.0,
    identity_strength: Annotated[float, Field(ge=0, le=1.5)] = sdxl.IDENTITY_STRENGTH,
    negative_prompt: str = sdxl.NEGATIVE_PROMPT,
) -> SdxlDetailer:
    """The backend, with its options: steps for each face, and as for first frames."""
    identities = registry.create("identity", IDENTITY)
    return SdxlDetailer(sdxl.shared(), identities, steps, guidance, identity_strength, negative_prompt)


def _inpainting(painter: sdxl.Sdxl) -> StableDiffusionXLInpaintPipeline:
    pipe = StableDiffusionXLInpaintPipeline(**painter.components, add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    # The mask comes in latent cells, and those at its border are soft.
    pipe.mask_processor = VaeImageProcessor(
        vae_scale_factor=pipe.vae_scale_factor, do_normalize=False, do_binarize=False, do_convert_grayscale=True
    )
    return pipe


def _spots(frame: RGBImage, faces: Sequence[Face]) -> Iterator[tuple[int, Spot]]:
    """The faces worth painting, each with its place among all."""
    size = Size(frame.shape[1], frame.shape[0])
    for number, face in enumerate(faces):
        spot = spot_of(face.box, size)
        if spot is not None:
            yield number, spot
