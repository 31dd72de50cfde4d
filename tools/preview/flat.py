"""A camera over a flat picture: for a first frame that is not this backend's own, whose parts it cannot know."""

from __future__ import annotations

import cv2
import numpy as np

from tools.contracts import RGBImage, Size
from tools.preview.geometry import scale
from tools.preview.motion import CameraMove
from tools.preview.performance import ease_in
from tools.preview.sprites import warped

PUSH = 0.12


class FlatPicture:
    """Only ever moves in: outside the picture there is nothing to show."""

    def __init__(self, picture: RGBImage, move: CameraMove) -> None:
        self._picture = picture
        sideways = {"pan left": 0.0, "pan right": 1.0}.get(move, 0.5)
        height, width = picture.shape[:2]
        self._about = (sideways * width, 0.4 * height)
        self._size = (width, height)

    def at(self, progress: float) -> RGBImage:
        """The picture at ``progress`` through the clip, 0 (as it is) to 1."""
        zoom = 1 + PUSH * ease_in(progress)
        return warped(self._picture, scale(zoom, zoom, about=self._about), self._size, flags=cv2.INTER_CUBIC)


def filling(picture: RGBImage, size: Size) -> RGBImage:
    """The picture scaled to fill ``size``, its middle kept."""
    height, width = picture.shape[:2]
    if (width, height) == size:
        return picture
    larger = max(size.width / width, size.height / height)
    grown = cv2.resize(
        picture,
        (max(round(width * larger), size.width), max(round(height * larger), size.height)),
        interpolation=cv2.INTER_AREA if larger < 1 else cv2.INTER_LANCZOS4,
    )
    top, left = (grown.shape[0] - size.height) // 2, (grown.shape[1] - size.width) // 2
    return np.asarray(grown[top : top + size.height, left : left + size.width], dtype=np.uint8)
