"""The cameo: an oval round the head, hair inside and a little of the photo's background kept."""

from __future__ import annotations

import math

import numpy as np

from tools.contracts import Face, RGBAImage, RGBImage

RISE = 0.12
"""How far the middle of the oval lies above the middle of the face box, along the head; in face box sides."""

BACK = 0.35
"""How far the middle moves to the back of the head as it turns, at 90 degrees; in face box sides."""

HALF_WIDTH, HALF_HEIGHT = 0.98, 1.18
"""Of the oval, in face box sides."""


def cameo(image: RGBImage, face: Face) -> RGBAImage:
    """The photo with an oval round the head as its alpha, upright with the head.

    Where the photo ends too close to the head the oval is squeezed to stay inside it, so that it never ends in a
    straight line.
    """
    height, width = image.shape[:2]
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
    window = np.s_[_span(y, reach_y * squeeze_y, height), _span(x, reach_x * squeeze_x, width)]
    rows, columns = np.mgrid[window]
    across, down = (columns - x) / squeeze_x, (rows - y) / squeeze_y
    radius = np.hypot((across * cosine + down * sine) / a, (down * cosine - across * sine) / b)
    inside = (1 - radius) * min(a * squeeze_x, b * squeeze_y)
    alpha = np.zeros((height, width), np.uint8)
    alpha[window] = np.round(255 * np.clip(inside + 0.5, 0, 1))
    return np.dstack([image, alpha])


def _fit(middle: float, reach: float, length: int) -> tuple[float, float]:
    """The middle and the squeeze (at most 1) of a span that stays within 0 to ``length - 1``."""
    start, end = max(0.0, middle - reach), min(length - 1.0, middle + reach)
    return (start + end) / 2, (end - start) / (2 * reach)


def _span(middle: float, reach: float, length: int) -> slice:
    """The pixels that the span touches, its soft edge with them."""
    return slice(max(0, math.floor(middle - reach) - 1), min(length, math.ceil(middle + reach) + 2))
