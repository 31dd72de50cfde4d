"""Which face of a photo is the person, whatever analyzer found it."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tools.contracts import Box, Face, RGBImage
from tools.errors import InputError

SMALLEST_FACE = 40
"""Shorter side in pixels below which a face is too coarse to be the reference."""

BYSTANDER = 0.5
"""A face of less than this share of the largest one's side stands twice as far away: no second subject."""

PICTURE = 1600
"""Most pixels on the longer side of an annotated picture."""

RED, WHITE = (214, 40, 40), (255, 255, 255)


def left_to_right(faces: Sequence[Face], floor: float) -> list[Face]:
    """The faces that the detector is sure of, in the order in which people count them."""
    return sorted((face for face in faces if face.score >= floor), key=lambda face: face.box.x + face.box.width / 2)


def choose_face(faces: Sequence[Face], floor: float, chosen: int | None) -> int:
    """The place of the reference face in ``left_to_right(faces, floor)``, from 0.

    ``chosen`` counts from 1. Without it the photo must show one person; others may be in the background,
    as long as their faces are less than half as large and less certain.
    Raises ``InputError`` for no face, several without a choice, a choice out of range and a face that is too small.
    """
    sure = left_to_right(faces, floor)
    if not sure:
        raise InputError("No face was found in the photo; use one that shows the face from the front and well lit.")
    place = _only_subject(sure) if chosen is None else _numbered(sure, chosen)
    side = sure[place].box.shorter_side
    if side < SMALLEST_FACE:
        raise InputError(
            f"The face in the photo is only {side:.0f} pixels wide and at least {SMALLEST_FACE} are needed; "
            "use a photo taken closer, or a larger copy of this one."
        )
    return place


def face_number_at(faces: Sequence[Face], floor: float, point: tuple[float, float]) -> int:
    """The number, from 1, left to right, of the face whose box holds the point; of several, the one centred nearest.

    Raises ``InputError`` where the detector is sure of no face there.
    """
    sure = left_to_right(faces, floor)
    there = [place for place, face in enumerate(sure) if _holds(face.box, point)]
    if not there:
        raise InputError(
            "No face was found in the photo where the person's is; save the person again, or give another."
        )
    return 1 + min(there, key=lambda place: _distance(sure[place].box, point))


def annotate(image: RGBImage, faces: Sequence[Face]) -> RGBImage:
    """The photo, made smaller where it is large, with a numbered frame round each face, from 1 in the order given."""
    scale = min(1.0, PICTURE / max(image.shape[:2]))
    picture = Image.fromarray(image)
    picture.thumbnail((PICTURE, PICTURE), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(picture)
    line = max(2, round(max(picture.size) / 400))
    boxes = [Box(*(value * scale for value in face.box)) for face in faces]
    for box in boxes:
        _frame(draw, box, line)
    for number, box in enumerate(boxes, start=1):
        _badge(draw, box, line, number)
    return np.asarray(picture)


def _holds(box: Box, point: tuple[float, float]) -> bool:
    return box.x <= point[0] <= box.x + box.width and box.y <= point[1] <= box.y + box.height


def _distance(box: Box, point: tuple[float, float]) -> float:
    return hypot(box.x + box.width / 2 - point[0], box.y + box.height / 2 - point[1])


def _only_subject(sure: Sequence[Face]) -> int:
    main = max(sure, key=lambda face: face.box.shorter_side)
    subjects = [
        face for face in sure if face.box.shorter_side >= BYSTANDER * main.box.shorter_side or face.score > main.score
    ]
    if len(subjects) > 1:
        raise InputError(
            f"The photo shows {len(sure)} faces; choose the person with face=N (--face N), "
            f"numbered 1 to {len(sure)} from left to right."
        )
    return next(place for place, face in enumerate(sure) if face is main)


def _numbered(sure: Sequence[Face], chosen: int) -> int:
    if not 1 <= chosen <= len(sure):
        found = "one face" if len(sure) == 1 else f"{len(sure)} faces, numbered 1 to {len(sure)} from left to right"
        raise InputError(f"There is no face {chosen} in the photo, which shows {found}; choose one that is there.")
    return chosen - 1


def _frame(draw: ImageDraw.ImageDraw, box: Box, line: int) -> None:
    edges = (box.x, box.y, box.x + box.width, box.y + box.height)
    corner = box.shorter_side * 0.12
    draw.rounded_rectangle(
        [edges[0] - line, edges[1] - line, edges[2] + line, edges[3] + line], corner, None, WHITE, 3 * line
    )
    draw.rounded_rectangle(edges, corner, None, RED, line)


def _badge(draw: ImageDraw.ImageDraw, box: Box, line: int, number: int) -> None:
    """A disc with the number on the upper left corner of the frame, kept inside the picture."""
    radius = max(14.0, 6.0 * line)
    width, height = draw.im.size
    x = min(max(box.x, radius), width - radius)
    y = min(max(box.y, radius), height - radius)
    draw.circle((x, y), radius, RED, WHITE, line)
    draw.text((x, y), str(number), WHITE, ImageFont.load_default(radius * 1.3), anchor="mm")
