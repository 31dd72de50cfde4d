"""The cameo: an oval round the head, hair inside and a little of the photo's background kept."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tools.contracts import Face

RISE = 0.12
"""How far the middle of the oval lies above the middle of the face box, along the head; in face box sides."""

BACK = 0.35
"""How far the middle moves to the back of the head as it turns, at 90 degrees; in face box sides."""

HALF_WIDTH, HALF_HEIGHT = 0.98, 1.18
"""Of the oval, in face box sides."""


def cameo(height: int, width: int, face: Face) -> NDArray[np.uint8]:
    """Alpha of an oval round the head, upright with it; shape (height, width).

    Where the photo ends too close to the head the oval is squeezed to stay inside it, so that its edge never shows
    the straight edge of the photo.
    """
    side = math.sqrt(face.box.width * face.box.height)
    roll, yaw = math.radians(face.roll or 0.0), math.radians(face.yaw or 0.0)
    sine, cosine = math.sin(roll), math.cos(roll)
    a, b = HALF_WIDTH * side, HALF_HEIGHT * side
    back, rise = -BACK * side * math.sin(yaw), RISE * side
    x = face.box.x + face.box.width / 2 + back * cosine + rise * sine
    y = face.box.y + face.box.height / 2 + back * sine - rise * cosine

    reach_x, reach_y = math.hypot(a * cosine, b * sine), math.hypot(a * sine, b * cosine)
    x, squeeze_x = _fit(x, reach_x, width)
    y, squeeze_y = _fit(y, reach_y, height)
    rows, columns = np.mgrid[0:height, 0:width]
    across, down = (columns - x) / squeeze_x, (rows - y) / squeeze_y
    radius = np.hypot((across * cosine + down * sine) / a, (down * cosine - across * sine) / b)
    inside = (1 - radius) * min(a * squeeze_x, b * squeeze_y)
    return np.round(255 * np.clip(inside + 0.5, 0, 1)).astype(np.uint8)


def _fit(middle: float, reach: float, length: int) -> tuple[float, float]:
    """The middle and the squeeze (at most 1) of a span that stays within 0 to ``length - 1``."""
    start, end = max(0.0, middle - reach), min(length - 1.0, middle + reach)
    return (start + end) / 2, (end - start) / (2 * reach)
