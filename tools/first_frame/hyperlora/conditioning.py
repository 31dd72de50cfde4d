"""The two looks at a photo that the network was trained on: the face before grey, and the wider crop as it is.

Every number here is the published procedure's, to the pixel: Pillow rounds the edges of a crop half to even, what lies
outside a picture is black, and the place where the face is pasted is cut to whole pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from tools.contracts import Box, RGBImage
from tools.insight import Sighting

Points = NDArray[np.float32]
"""106 landmarks in pixels of their picture, shape (106, 2), in the order of insightface's ``2d106det``."""

OUTLINE = (
    *(1, *range(9, 17), *range(2, 9)),  # the jaw of the picture's left
    *(0, 24, 23, 22, 21, 20, 19, 18, 32, 31, 30, 29, 28, 27, 26, 25, 17),  # chin, and the jaw of its right
    *(101, 105, 104, 103, 102, 50, 51, 49, 48, 43),  # the brows
)
"""The landmarks round a face, in order."""

DETECTOR_SIZES = (640, 512, 384, 256)
"""Sides of the square the detector sees, in turn: a face that fills its photo is found in a small one."""

GREY = (127, 127, 127)

_MASK_SIDE = 512
_MASK_BLUR = 15


class FaceReader(Protocol):
    """What the conditions need to know of faces; the published network was trained on insightface's antelopev2."""

    def find(self, image: RGBImage, side: int) -> list[Sighting]:
        """Faces of the picture fitted into a square of ``side`` pixels, best score first, in pixels of the picture."""
        ...

    def landmarks(self, image: RGBImage, face: Sighting) -> Points: ...

    def embedding(self, image: RGBImage, face: Sighting) -> NDArray[np.float32]:
        """ArcFace's embedding, shape (512,), of length 1."""
        ...


@dataclass(frozen=True)
class Look:
    """One photo as the network sees it: the face before grey, and its embedding, shape (512,), of length 1."""

    picture: Image.Image
    embedding: NDArray[np.float32]


def look_at(image: RGBImage, person: Box | None, reader: FaceReader) -> Look | None:
    """The conditions of one photo, ``None`` where the reader finds no face in it or in the crop round the face.

    The face is the one that ``person`` marks, or with ``None`` that of the best score, as the published procedure has
    it; in a photo of one face they are the same.
    """
    face = _find(image, person, reader)
    if face is None:
        return None
    points = reader.landmarks(image, face)
    centre, half = face_square(points)
    photo = Image.fromarray(image)
    wide = photo.crop(_square(centre, 2 * half))
    crop = np.asarray(wide)
    there = face.box._replace(x=face.box.x - centre[0] + 2 * half, y=face.box.y - centre[1] + 2 * half)
    again = _nearest(reader.find(crop, DETECTOR_SIZES[0]), there)
    if again is None:
        return None
    picture = without_background(photo, points).crop(_square(centre, half))
    return Look(picture, reader.embedding(crop, again))


def face_square(points: Points) -> tuple[tuple[float, float], float]:
    """Centre and half the side of the square round a face: 1.5 times its extent, a sixteenth of that further up."""
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    half = 0.75 * max(right - left, bottom - top)
    return ((left + right) / 2, (top + bottom) / 2 - 0.125 * half), half


def without_background(photo: Image.Image, points: Points) -> Image.Image:
    """The face inside its outline, softly cut, on a grey picture of the photo's size."""
    outline = points[list(OUTLINE)]
    x, y = outline.mean(axis=0).tolist()
    half = 0.8 * float(np.ptp(outline, axis=0).max())
    whole_mask = Image.new("L", photo.size, 0)
    # As tuples: Pillow takes an array for C floats whatever its type is.
    ImageDraw.Draw(whole_mask).polygon([(px, py) for px, py in outline.tolist()], fill=255)
    box = _square((x, y), half)
    face, mask = photo.crop(box), whole_mask.crop(box)
    soft = mask.resize((_MASK_SIDE, _MASK_SIDE)).filter(ImageFilter.GaussianBlur(_MASK_BLUR)).resize(face.size)
    canvas = Image.new("RGB", photo.size, GREY)
    canvas.paste(face, (int(x - half), int(y - half)), soft)
    return canvas


def _find(image: RGBImage, person: Box | None, reader: FaceReader) -> Sighting | None:
    for side in DETECTOR_SIZES:
        faces = reader.find(image, side)
        if faces:
            return _nearest(faces, person) if person else faces[0]
    return None


def _nearest(faces: Sequence[Sighting], person: Box) -> Sighting | None:
    """The face whose middle is nearest to the person's; the one with the better score where two are as near."""

    def distance(face: Sighting) -> float:
        return float(np.hypot(*np.subtract(_middle(face.box), _middle(person))))

    return min(faces, key=distance, default=None)


def _middle(box: Box) -> tuple[float, float]:
    return box.x + box.width / 2, box.y + box.height / 2


def _square(centre: tuple[float, float], half: float) -> tuple[float, float, float, float]:
    x, y = centre
    return x - half, y - half, x + half, y + half
