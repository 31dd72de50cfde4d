"""Hold a clip to the colours that it began with: video models let them drift, the more the longer the clip.

Reinhard et al., Color Transfer between Images (2001), with frame 0 as the target: mean and spread of each channel of
Lab. The clip's own are smoothed over a second or so, so that what comes into the picture, or flickers, is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.contracts import Frames, RGBImage

SMOOTHED = 17
"""Frames over which the colours of a clip are averaged, an odd number."""

WIDEST_GAIN = 1.25
"""The most that a channel's spread is stretched or pressed together: an empty frame says little of it."""

Lab = NDArray[np.float32]


def matched_to_first(clip: Callable[[], Frames]) -> Iterator[RGBImage]:
    """The frames of the clip, which is read twice, with the colours of frame 0 throughout."""
    means, spreads = _smoothed_colours(clip())
    gains = np.clip(spreads[0] / np.maximum(spreads, 1e-3), 1 / WIDEST_GAIN, WIDEST_GAIN)
    for image, mean, gain in zip(clip(), means, gains, strict=True):
        yield _to_rgb((_to_lab(image) - mean) * gain + means[0])


def _smoothed_colours(frames: Frames) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and spread of each channel, shape (frames, 3) each; those of frame 0 are its own."""
    labs = (_to_lab(image) for image in frames)
    own = np.array([(lab.mean(axis=(0, 1)), lab.std(axis=(0, 1))) for lab in labs], np.float32)
    smoothed = np.stack([_around(own, frame) for frame in range(len(own))])
    return smoothed[:, 0], smoothed[:, 1]


def _around(colours: NDArray[np.float32], frame: int) -> NDArray[np.float32]:
    reach = min(SMOOTHED // 2, frame)
    return np.asarray(colours[frame - reach : frame + reach + 1].mean(axis=0), np.float32)


def _to_lab(image: RGBImage) -> Lab:
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def _to_rgb(lab: Lab) -> RGBImage:
    rgb = cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB)
    return np.asarray((np.clip(rgb, 0, 1) * 255).round(), np.uint8)
