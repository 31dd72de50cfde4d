"""Which latents VACE is told to keep.

The VAE holds frame 0 in latent 0 and frames 4i-3 to 4i in latent i. The model's mask has one value a latent, and the
stock table reads it off one frame, spread evenly over the clip: frame 1 for latent 0, and for the next ones a frame of
the group before (of 81 frames: 1, 5, 9, 13, 17, 21, 25, 28, …). A group of given frames in the first third of a clip
thus marks the latent before its own.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch.nn.functional import interpolate, max_pool3d

from tools.contracts import KEYFRAME_GROUP

MaskTable = Literal["by_group", "stock"]
"""``stock`` is as diffusers and VACE's own code have it; ``by_group`` marks the latents that the frames are in."""


def by_group(mask: torch.Tensor) -> torch.Tensor:
    """The mask with the value of each latent at the frame that the stock table will read for it.

    ``mask`` has shape (batch, channels, 4k+1 frames, height, width), 0 to keep, 1 to paint. A latent is kept only where
    all frames in it are given: one among blanks reaches the model as a mixture. Latent 0 is kept only where frame 1 is
    given too, for a first frame alone was never marked in training.
    """
    first = mask[:, :, :2].amax(2, keepdim=True)
    groups = max_pool3d(mask[:, :, 1:], (KEYFRAME_GROUP, 1, 1))
    moved = torch.ones_like(mask)
    moved[:, :, frames_read(mask.shape[2])] = torch.cat([first, groups], 2)
    return moved


def frames_read(frames: int) -> torch.Tensor:
    """The frame that the stock table reads for each latent of a clip."""
    numbers = torch.arange(frames, dtype=torch.float64)[None, None]
    latents = (frames - 1) // KEYFRAME_GROUP + 1
    return interpolate(numbers, size=latents, mode="nearest-exact")[0, 0].long()
