"""The colours at the edge of a cut-out, where the person and what was behind them have mixed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.contracts import RGBAImage

PURE = 0.9
"""Share of the person from which a pixel keeps its own colour."""


def run_on(pixels: RGBAImage, pure: NDArray[np.bool_], over: NDArray[np.bool_]) -> None:
    """Give every pixel of ``over`` the colour of the nearest pure one, in place."""
    _, nearest = cv2.distanceTransformWithLabels(
        (~pure).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    colours = np.zeros((nearest.max() + 1, 3), np.uint8)
    colours[nearest[pure]] = pixels[pure, :3]
    pixels[over, :3] = colours[nearest[over]]
