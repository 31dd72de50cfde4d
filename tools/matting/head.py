"""The head upright and of one size, so that what is known about heads can be said in numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.contracts import Face, RGBImage

FACE = 128
"""Side of the face box in the upright picture, in pixels."""

SPAN = 3 * FACE
"""Side of the upright picture; the face box lies in its middle."""


@dataclass(frozen=True)
class Head:
    """An upright picture of a head, and the way back to its photo.

    ``to_photo`` is the affine map (2x3) from pixels of ``pixels`` to pixels of the photo. Where the photo ends,
    its edge is repeated.
    """

    pixels: RGBImage
    to_photo: NDArray[np.float64]

    @property
    def scale(self) -> float:
        """Photo pixels to one upright pixel."""
        return float(math.hypot(*self.to_photo[:, 0]))


def upright(image: RGBImage, face: Face) -> Head:
    box, roll = face.box, math.radians(face.roll or 0.0)
    scale = math.sqrt(box.width * box.height) / FACE
    turn = scale * np.array([[math.cos(roll), -math.sin(roll)], [math.sin(roll), math.cos(roll)]])
    middle = np.array([box.x + box.width / 2, box.y + box.height / 2])
    to_photo = np.column_stack([turn, middle - turn @ np.full(2, (SPAN - 1) / 2)])
    flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR)
    pixels = cv2.warpAffine(image, to_photo, (SPAN, SPAN), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return Head(np.asarray(pixels, dtype=np.uint8), to_photo)


def grid() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Across and down from the middle of the face box, in face box sides, for each pixel of the upright picture."""
    span = (np.arange(SPAN) - (SPAN - 1) / 2) / FACE
    across, down = np.meshgrid(span, span)
    return across, down
