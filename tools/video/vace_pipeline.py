"""The VACE pipeline of diffusers, but for which latents are marked as kept, and what is encoded again and again."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import torch
from diffusers import WanVACEPipeline
from diffusers.pipelines.wan.pipeline_wan_vace import retrieve_latents

from tools.video.mask_table import MaskTable, by_group


class VacePipeline(WanVACEPipeline):  # type: ignore[misc]
    """Not for two threads at once, as no pipeline of diffusers is."""

    masks: MaskTable = "by_group"
    _blank: tuple[Hashable, torch.Tensor] | None = None

    def prepare_masks(self, mask: torch.Tensor, *others: Any) -> torch.Tensor:  # noqa: ANN401 - what diffusers passes on
        latents: torch.Tensor = super().prepare_masks(by_group(mask) if self.masks == "by_group" else mask, *others)
        return latents

    def prepare_video_latents(
        self,
        video: torch.Tensor,
        mask: torch.Tensor,
        reference_images: list[list[torch.Tensor]],
        *_others: Any,  # noqa: ANN401
    ) -> torch.Tensor:
        """As the stock one gives them; shape (1, 32, references + latents, height / 8, width / 8).

        What is to be painted is grey, which is 0 here: its encoding is always the same, so it is kept.
        """
        painted = (mask > 0.5).to(video.dtype)
        latents = torch.cat([self._encoded(video * (1 - painted)), self._encoded(video * painted)], dim=1)
        for image in reference_images[0]:
            looks = self._encoded(image[None, :, None])
            latents = torch.cat([torch.cat([looks, torch.zeros_like(looks)], dim=1), latents], dim=2)
        return latents

    def _encoded(self, video: torch.Tensor) -> torch.Tensor:
        if video.any():
            return self._encode(video)
        key = (video.shape, self.vae.use_tiling)
        if self._blank is None or self._blank[0] != key:
            self._blank = (key, self._encode(video))
        return self._blank[1]

    def _encode(self, video: torch.Tensor) -> torch.Tensor:
        """The mean of the posterior, normalised."""
        latents: torch.Tensor = retrieve_latents(
            self.vae.encode(video.to(self.vae.dtype)), sample_mode="argmax"
        ).float()
        mean, std = (
            torch.tensor(values, device=latents.device).view(1, -1, 1, 1, 1)
            for values in (self.vae.config.latents_mean, self.vae.config.latents_std)
        )
        # As diffusers does it, to the bit: times the inverse.
        return ((latents - mean) * (1.0 / std)).to(self.vae.dtype)
