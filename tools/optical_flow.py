"""How pixels move from one picture to another: dense inverse search (Kroeger et al. 2016), as OpenCV has it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.contracts import RGBImage

Flow = NDArray[np.float32]
"""Shape (height, width, 2): how many pixels to the right, and down, each pixel of one picture lies in another."""


def flow(a: RGBImage, b: RGBImage) -> Flow:
    """From ``a`` to ``b``, which have one size, of 16 pixels a side at least."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    start = np.zeros((*a.shape[:2], 2), np.float32)
    return np.asarray(search.calc(_grey(a), _grey(b), start), np.float32)


def carried(picture: NDArray[np.float32], along: Flow) -> NDArray[np.float32]:
    """What lies in ``picture``, of shape (height, width, channels), where the flow leads from each pixel."""
    height, width = along.shape[:2]
    right, down = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    places = right + along[..., 0], down + along[..., 1]
    moved = cv2.remap(picture, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def motion(a: RGBImage, b: RGBImage) -> float:
    """Pixels that a pixel moves, in the mean; found on pictures four times smaller."""
    found = flow(_smaller(a), _smaller(b))
    return float(4 * np.linalg.norm(found, axis=2).mean())


def _smaller(image: RGBImage) -> RGBImage:
    return np.asarray(cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA), np.uint8)


def _grey(image: RGBImage) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
