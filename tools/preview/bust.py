"""The person of a close-up or a medium shot: the head in the collar of a garment."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tools.contracts import Reference, RGBImage
from tools.preview.drawing import draw_bust
from tools.preview.geometry import Matrix, Point, move, scale, shift, turn
from tools.preview.layout import Layout
from tools.preview.light import Light
from tools.preview.pose import Pose
from tools.preview.reading import Outfit
from tools.preview.sprites import backing, cut, lay, premultiply
from tools.preview.sticker import HeadSticker, edge_of, fall_of

SHOULDERS = 3.0
"""The width of the shoulders, in face heights."""
BELOW = 1.14
"""How far down the garment must reach, in picture heights, so that no camera move shows its end."""
_bust = lru_cache(maxsize=2)(draw_bust)


class BustFigure:
    """Pieces from back to front: shadows and paper edges, the back of the collar, the head, the garment."""

    def __init__(self, reference: Reference, outfit: Outfit, layout: Layout, light: Light) -> None:
        self._height = layout.size.height
        self._head = HeadSticker(reference, layout, light)
        bust = _bust(outfit, SHOULDERS * layout.face)
        wider = float(np.clip(1.1 * self._head.neck_width / bust.neck.width, 1.0, 1.25))
        x, y = self._head.neck
        reach = (bust.front.shape[0] - bust.neck.y) * wider
        self._stand = shift(0, max(BELOW * self._height - (y + reach), 0))
        self._place = self._stand @ shift(x, y) @ scale(wider, wider) @ shift(-bust.neck.x, -bust.neck.y)
        behind, front = premultiply(bust.behind), premultiply(bust.front)
        outline = np.maximum(behind[..., 3], front[..., 3])
        self._back = backing(outline, edge_of(layout) / wider, fall_of(layout))
        self._behind, self._front = cut(light.on(behind)), cut(light.on(front))
        self.eyes: Point = move(self._stand, self._head.eyes)
        self._neck: Point = move(self._stand, self._head.neck)
        self.hair = self._head.hair
        self.step = 0.0

    def draw(self, picture: RGBImage, view: Matrix, pose: Pose) -> None:
        """Lay the person on the picture; ``view`` is the camera's at their distance."""
        body = view @ self._stance(pose)
        chest = body @ self._breathing(pose) @ self._place
        head = body @ self._holding(pose)
        lay(picture, self._back, chest)
        self._head.lay_back(picture, head)
        lay(picture, self._behind, chest)
        self._head.lay_face(picture, head, pose.expression)
        lay(picture, self._front, chest)

    def _stance(self, pose: Pose) -> Matrix:
        nearer = 1 + pose.nearer
        waist = (self._neck[0], 1.3 * self._height)
        grown = scale(nearer, nearer, about=self.eyes)
        return shift(pose.x * self._height, pose.y * self._height) @ grown @ turn(pose.lean, about=waist)

    def _breathing(self, pose: Pose) -> Matrix:
        return scale(1 + 0.006 * pose.breath, 1 + 0.012 * pose.breath, about=(self._neck[0], 1.1 * self._height))

    def _holding(self, pose: Pose) -> Matrix:
        lift = -(pose.head_lift + 0.004 * pose.breath) * self._height
        return shift(0, lift) @ turn(pose.head_tilt, about=self._neck) @ self._stand
