"""A face that lives: small turns, nods, smiles and blinks, by warping its picture.

Everything follows from four eye corners and the nose base. How far a warp may go before the recogniser doubts was
measured: yaw 10 and pitch 5 degrees, a smile of 0.7, lids 0.85 closed, and never closed at the extreme of a turn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.contracts import RGBAImage
from tools.preview.geometry import Point

Field = NDArray[np.float32]


@dataclass(frozen=True)
class Expression:
    """Degrees of ``yaw`` (the nose to the right of the picture) and ``pitch`` (the nose up); the others are 0 to 1."""

    yaw: float = 0.0
    pitch: float = 0.0
    smile: float = 0.0
    blink: float = 0.0


NEUTRAL = Expression()


class _Patch(NamedTuple):
    """A rectangle of the texture with the coordinates of its pixels, so that a warp touches no more than it must."""

    window: tuple[slice, slice]
    x: Field
    y: Field


@dataclass(frozen=True)
class _Eye:
    """By column: where the fold above the eye, the lashes (``lid`` down to ``lashes``) and the lower lid run."""

    patch: _Patch
    fold: Field
    lid: Field
    lashes: Field
    lower: Field
    weight: Field


class LivingFace:
    """Warps one texture. Points are named from the subject's view, in the texture's pixels."""

    def __init__(self, texture: RGBAImage, points: Mapping[str, Point]) -> None:
        self._texture = texture
        corners = {name: np.array(point) for name, point in points.items()}
        right = (corners["right_eye_outer"] + corners["right_eye_inner"]) / 2
        left = (corners["left_eye_outer"] + corners["left_eye_inner"]) / 2
        eyes, nose = (right + left) / 2, corners["nose_base"]
        self._eyes = [
            self._eye(corners["right_eye_outer"], corners["right_eye_inner"]),
            self._eye(corners["left_eye_inner"], corners["left_eye_outer"]),
        ]
        apart = float(np.hypot(*(left - right)))
        self._set_up_turns(eyes, nose, apart)
        self._set_up_smile(nose + 0.62 * (nose - eyes), apart)

    def show(self, expression: Expression) -> RGBAImage:
        """The texture with this expression; the same size, and the same outline."""
        shown = self._texture.copy()
        if expression.smile:
            self._smile(shown, expression.smile)
        if expression.blink:
            for eye in self._eyes:
                _close(shown, eye, expression.blink)
        if expression.yaw or expression.pitch:
            self._turn(shown, expression.yaw, expression.pitch)
        return shown

    def _set_up_turns(self, eyes: Field, nose: Field, apart: float) -> None:
        """The depth of every pixel: an ellipsoid for the head, flattened to nothing at its outline, and a nose."""
        x, y = eyes + 0.4 * (nose - eyes)
        self._head = self._patch(x, y, 1.32 * apart, 1.75 * apart)
        radius = ((self._head.x - x) / (1.32 * apart)) ** 2 + ((self._head.y - y) / (1.75 * apart)) ** 2
        tip = eyes + 0.8 * (nose - eyes)
        bridge = ((self._head.x - tip[0]) / 0.26) ** 2 + ((self._head.y - tip[1]) / 0.42) ** 2
        depth = 0.95 * np.clip(1 - radius, 0, 1) ** 2 + 0.16 * np.exp(-bridge / (2 * apart**2))
        solid = (self._texture[..., 3] > 250).astype(np.uint8)
        inside = cv2.distanceTransform(solid, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[self._head.window] / (0.25 * apart)
        rim = np.minimum(np.clip(1 - radius, 0, 0.2) / 0.2, np.clip(inside, 0, 1))
        self._depth: Field = (depth * apart * rim).astype(np.float32)

    def _set_up_smile(self, mouth: Field, apart: float) -> None:
        """How far each pixel moves in a full smile: the corners of the mouth out and up, the cheeks up."""
        self._mouth = self._patch(float(mouth[0]), float(mouth[1]) - 0.15 * apart, 0.95 * apart, 0.75 * apart)
        dx, dy = np.zeros_like(self._mouth.x), np.zeros_like(self._mouth.x)
        for side in (-1, 1):
            corner = _bump(self._mouth, mouth[0] + side * 0.42 * apart, mouth[1], 0.2 * apart)
            cheek = _bump(self._mouth, mouth[0] + side * 0.52 * apart, mouth[1] - 0.42 * apart, 0.2 * apart)
            dx += side * 0.055 * apart * corner
            dy -= 0.07 * apart * corner + 0.03 * apart * cheek
        rim = _rim(self._mouth)
        self._smiling: tuple[Field, Field] = (dx * rim).astype(np.float32), (dy * rim).astype(np.float32)

    def _eye(self, start: Field, end: Field) -> _Eye:
        """``start`` is the corner further left in the picture."""
        width = float(np.hypot(*(end - start)))
        x, y = (start + end) / 2
        patch = self._patch(x, y - 0.1 * width, 0.85 * width, 0.85 * width)
        along = (patch.x[0] - x) / width * 2
        level = y + (end[1] - start[1]) / 2 * along
        arch = np.clip(1 - (along / 1.06) ** 2, 0, 1)
        side = np.clip((1.35 - np.abs(along)) / 0.4, 0, 1)
        return _Eye(
            patch,
            fold=(level - width * 0.54).astype(np.float32),
            lid=(level - width * (0.08 + 0.24 * arch)).astype(np.float32),
            lashes=(level - width * 0.16 * arch).astype(np.float32),
            lower=(level + width * 0.22 * arch).astype(np.float32),
            weight=(side**2 * (3 - 2 * side)).astype(np.float32),
        )

    def _patch(self, x: float, y: float, half_width: float, half_height: float) -> _Patch:
        height, width = self._texture.shape[:2]
        left, right = max(math.floor(x - half_width), 0), min(math.ceil(x + half_width), width)
        top, bottom = max(math.floor(y - half_height), 0), min(math.ceil(y + half_height), height)
        rows, columns = np.mgrid[top:bottom, left:right].astype(np.float32)
        return _Patch((slice(top, bottom), slice(left, right)), columns, rows)

    def _turn(self, shown: RGBAImage, yaw: float, pitch: float) -> None:
        to_side, up = math.sin(math.radians(yaw)), math.sin(math.radians(pitch))
        _redraw(shown, self._head, self._head.x - self._depth * to_side, self._head.y + self._depth * up)

    def _smile(self, shown: RGBAImage, amount: float) -> None:
        dx, dy = self._smiling
        _redraw(shown, self._mouth, self._mouth.x - dx * amount, self._mouth.y - dy * amount)


def _close(shown: RGBAImage, eye: _Eye, amount: float) -> None:
    """Draw the upper lid down over the eye: the skin below the fold stretches, and the lashes go down as they are."""
    fall = (eye.lower - eye.lashes) * amount * eye.weight
    y = eye.patch.y
    stretched = eye.fold + (y - eye.fold) * (eye.lid - eye.fold) / (eye.lid + fall - eye.fold)
    lid = np.where(y < eye.lid + fall, stretched, y - fall)
    source = np.where((y < eye.fold) | (y > eye.lashes + fall), y, lid)
    _redraw(shown, eye.patch, eye.patch.x, source)


def _redraw(shown: RGBAImage, patch: _Patch, x: Field, y: Field) -> None:
    rows, columns = patch.window
    shown[patch.window] = cv2.remap(
        shown[patch.window],
        (x - np.float32(columns.start)).astype(np.float32),
        (y - np.float32(rows.start)).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _bump(patch: _Patch, x: float, y: float, spread: float) -> Field:
    bump: Field = np.exp(-((patch.x - x) ** 2 + (patch.y - y) ** 2) / (2 * spread**2))
    return bump


def _rim(patch: _Patch) -> Field:
    """1 inside the patch and 0 at its edge, so that a warp ends smoothly."""
    down, across = (np.sin(np.linspace(0, np.pi, size)).clip(0, 0.5) * 2 for size in patch.x.shape)
    rim: Field = np.outer(down, across)
    return rim
