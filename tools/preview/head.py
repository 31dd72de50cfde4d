"""The head of a reference photo as a paper cut-out: turned upright, scaled, and ready to be moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from tools.contracts import Reference, RGBAImage
from tools.errors import BackendError
from tools.preview.geometry import Matrix, Point, move, scale, shift, turn
from tools.preview.sprites import premultiply, warped

FINENESS = 1.6
"""Pixels of the texture for one pixel of the picture, so that moving and warping it does not blur it."""

NEEDED = frozenset({"right_eye_outer", "right_eye_inner", "left_eye_inner", "left_eye_outer", "nose_base"})
ROOM = 8
"""Pixels of the photo kept around the cut-out."""
TUCK = 0.05
UNDER_CHIN = 0.13
"""Parts of a face height: how far the cut goes into a collar, and how far below the chin a collar may be."""


@dataclass(frozen=True)
class Head:
    """``texture`` has premultiplied alpha. Lengths and points are in its pixels.

    ``face`` is the height of the face box; ``eyes`` lies between the eyes; ``neck`` is where a collar goes,
    ``neck_width`` how wide the cut is there.
    """

    texture: RGBAImage
    points: Mapping[str, Point]
    face: float
    eyes: Point
    neck: Point
    neck_width: float

    @property
    def size(self) -> tuple[int, int]:
        return self.texture.shape[1], self.texture.shape[0]


def head_of(reference: Reference, face_height: float) -> Head:
    """The head of the reference with a face box ``face_height`` picture pixels high."""
    if missing := sorted(NEEDED - reference.face.points.keys()):
        raise BackendError(
            f"The preview moves a face by its eye corners and nose base, and {', '.join(missing)} was not found; "
            "choose the face backend dlib."
        )
    face = face_height * FINENESS
    left, top, cropped = _cropped(reference)
    upright = _upright(reference, face / reference.face.box.height) @ shift(left, top)
    height, width = cropped.shape[:2]
    corners = (upright @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]]))[:2]
    start = np.floor(corners.min(axis=1))
    size = np.ceil(corners.max(axis=1)) - start
    to_texture = shift(-start[0], -start[1]) @ upright
    texture = _resample(cropped, to_texture, (int(size[0]), int(size[1])))
    to_points = to_texture @ shift(-left, -top)
    points = {name: move(to_points, point) for name, point in reference.face.points.items()}
    eyes = middle([points[name] for name in sorted(NEEDED) if "eye" in name])
    neck, neck_width = _collar_line(texture, _chin(eyes, points["nose_base"]), face)
    return Head(texture, points, face, eyes, neck, neck_width)


def _cropped(reference: Reference) -> tuple[int, int, RGBAImage]:
    """Where the visible part of the cut-out begins, and that part with a little room around it.

    Where it is clear it has the photo's colours, so that resampling finds true neighbours at the edge.
    """
    cut_out = reference.cut_out.pixels
    x, y, w, h = cv2.boundingRect(cut_out[..., 3])
    left, top = max(x - ROOM, 0), max(y - ROOM, 0)
    window = np.s_[top : y + h + ROOM, left : x + w + ROOM]
    alpha = cut_out[window][..., 3:]
    colour = np.where(alpha == 0, reference.image[window], cut_out[window][..., :3])
    return left, top, np.dstack([colour, alpha])


def middle(points: list[Point]) -> Point:
    x, y = np.mean(points, axis=0)
    return float(x), float(y)


def _chin(eyes: Point, nose: Point) -> Point:
    """The chin is 2.4 times as far below the eyes as the base of the nose, within a tenth for nearly everybody."""
    return eyes[0] + 2.4 * (nose[0] - eyes[0]), eyes[1] + 2.4 * (nose[1] - eyes[1])


def _upright(reference: Reference, enlargement: float) -> Matrix:
    box = reference.face.box
    centre = (box.x + box.width / 2, box.y + box.height / 2)
    return scale(enlargement, enlargement) @ turn(-(reference.face.roll or 0.0), about=centre)


def _resample(straight: RGBAImage, matrix: Matrix, size: tuple[int, int]) -> RGBAImage:
    """Through area averages when shrinking and Lanczos with a light sharpening when enlarging; premultiplied."""
    enlargement = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if enlargement < 1:
        small = (round(straight.shape[1] * enlargement), round(straight.shape[0] * enlargement))
        ratio = (straight.shape[1] / small[0], straight.shape[0] / small[1])
        straight = np.asarray(cv2.resize(straight, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        centred = shift(-0.5, -0.5) @ scale(1 / ratio[0], 1 / ratio[1]) @ shift(0.5, 0.5)
        matrix = matrix @ np.linalg.inv(centred)
    colour, alpha = np.ascontiguousarray(straight[..., :3]), np.ascontiguousarray(straight[..., 3])
    colour = warped(colour, matrix, size, flags=cv2.INTER_LANCZOS4, border=cv2.BORDER_REPLICATE)
    alpha = warped(alpha, matrix, size, flags=cv2.INTER_CUBIC)
    if enlargement > 1:
        soft = cv2.GaussianBlur(colour, (0, 0), 0.6 * enlargement)
        colour = np.asarray(cv2.addWeighted(colour, 1.3, soft, -0.3, 0), dtype=np.uint8)
    return premultiply(np.dstack([colour, alpha]))


def _collar_line(texture: RGBAImage, chin: Point, face: float) -> tuple[Point, float]:
    """Where a collar covers the cut: just above its lower end, or just below the chin where the cut goes on further."""
    solid = texture[..., 3] > 127
    lower_end = float(np.flatnonzero(solid.any(axis=1))[-1])
    y = min(lower_end - TUCK * face, chin[1] + UNDER_CHIN * face)
    columns = np.flatnonzero(solid[round(y)])
    return (float(columns[0] + columns[-1]) / 2, y), float(columns[-1] - columns[0])
