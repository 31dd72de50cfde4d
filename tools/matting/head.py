"""The head upright and of one size, so that what is known about heads can be said in numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.contracts import Face, RGBImage

FACE = 128
"""Height of a face, from brow to chin, in the upright picture, in pixels."""

SPAN = 3 * FACE
"""Side of the upright picture; the middle of the face is its middle."""

EYES_TO_FACE = 2.1
"""Height of a face, in distances from eye to eye."""

EYES_TO_MIDDLE = 0.21
"""How far the middle of a face lies below the eyes, in heights of the face."""

Point = NDArray[np.float64]
"""x and y."""


@dataclass(frozen=True)
class Head:
    """An upright picture of a head, and the way back to its photo.

    ``to_photo`` is the affine map (2x3) from pixels of ``pixels`` to pixels of the photo. Where ``shown`` is false
    the photo has ended, and its edge is repeated.
    """

    pixels: RGBImage
    shown: NDArray[np.bool_]
    to_photo: NDArray[np.float64]

    @property
    def scale(self) -> float:
        """Photo pixels to one upright pixel."""
        return float(math.hypot(*self.to_photo[:, 0]))

    def place(self, height: int, width: int) -> tuple[int, int, int, int]:
        """The part of a photo of this size that the picture shows: left, top, width, height."""
        corners = self.to_photo @ np.array([[0, SPAN, SPAN, 0], [0, 0, SPAN, SPAN], [1, 1, 1, 1]])
        left, top = (max(0, math.floor(start)) for start in corners.min(axis=1))
        right, bottom = (math.ceil(end) for end in corners.max(axis=1))
        return left, top, min(width, right) - left, min(height, bottom) - top


def eyes(face: Face) -> tuple[Point, Point] | None:
    """The middles of the subject's right and left eye, from whatever points of them there are."""
    right, left = (
        [point for name, point in face.points.items() if name.startswith(side)] for side in ("right_eye", "left_eye")
    )
    return (np.mean(right, axis=0), np.mean(left, axis=0)) if right and left else None


def upright(image: RGBImage, right_eye: Point, left_eye: Point) -> Head:
    """Measured by the eyes, because the box of a detector comes in coarse steps."""
    across = (left_eye - right_eye) * EYES_TO_FACE / FACE
    down = np.array([-across[1], across[0]])
    scale = math.hypot(*across)
    middle = (right_eye + left_eye) / 2 + down * FACE * EYES_TO_MIDDLE
    to_photo = np.column_stack([across, down, middle - (across + down) * (SPAN - 1) / 2])
    flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR)
    pixels = cv2.warpAffine(image, to_photo, (SPAN, SPAN), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return Head(np.asarray(pixels, dtype=np.uint8), _shown(to_photo, *image.shape[:2]), to_photo)


def _shown(to_photo: NDArray[np.float64], height: int, width: int) -> NDArray[np.bool_]:
    places = np.stack([*np.meshgrid(np.arange(SPAN), np.arange(SPAN)), np.ones((SPAN, SPAN))])
    x, y = np.tensordot(to_photo, places, axes=1)
    return np.asarray((x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1))


def grid() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Across and down from the middle of the face, in heights of the face, for each pixel of the upright picture."""
    span = (np.arange(SPAN) - (SPAN - 1) / 2) / FACE
    across, down = np.meshgrid(span, span)
    return across, down
