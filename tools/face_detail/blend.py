"""The pixels that may change and how strongly, and the repainted crop laid back into its frame."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.contracts import RGBImage
from tools.face_detail.geometry import Spot

Mask = NDArray[np.float32]
"""Shape (height, width) of a crop: 0 keeps what was there, 1 takes what was painted."""

FEATHER = 5
FEATHER_SIGMA = 10.0

Canvas = NDArray[np.float32]
"""A frame that is being worked on: shape (height, width, 3), RGB, 0 to 255; rounded once, when all faces are in it."""


def hard_mask(spot: Spot) -> Mask:
    mask = np.zeros((spot.crop.size.height, spot.crop.size.width), np.float32)
    mask[spot.mask.slices] = 1
    return mask


def feathered(mask: Mask) -> Mask:
    """The mask softened across its edge; pixels more than ``FEATHER`` outside it stay exactly 0."""
    side = 2 * FEATHER + 1
    blurred = cv2.GaussianBlur(mask, (side, side), FEATHER_SIGMA, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred, np.float32)


def paste(canvas: Canvas, painted: RGBImage, spot: Spot) -> None:
    """Lay ``painted``, of the crop's size, over the canvas in place."""
    part = canvas[spot.crop.slices]
    weight = feathered(hard_mask(spot))[..., np.newaxis]
    part[:] = (1 - weight) * part + weight * painted
