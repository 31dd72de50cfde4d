"""The head of the person as a sticker: its place in the picture, its white edge and shadow, its living face."""

from __future__ import annotations

import numpy as np

from tools.contracts import Reference, RGBImage
from tools.preview.alive import Expression, LivingFace
from tools.preview.geometry import Matrix, Point, move, scale, shift, turn
from tools.preview.head import FINENESS, head_of
from tools.preview.layout import Layout
from tools.preview.light import Light
from tools.preview.sprites import Sprite, backing, lay

HAIR_ROOM = 0.045
"""Picture that stays above the hair, as a fraction of the height."""


class HeadSticker:
    """In picture pixels, at rest: ``eyes`` is the point between them, ``hair`` how far it reaches above them, ``neck``
    where a collar goes and ``neck_width`` the width of the cut there.
    """

    def __init__(self, reference: Reference, layout: Layout, light: Light) -> None:
        head = head_of(reference, layout.face)
        edge = edge_of(layout)
        outline = head.texture[..., 3]
        placed = shift(*layout.eyes) @ scale(1 / FINENESS, 1 / FINENESS) @ shift(-head.eyes[0], -head.eyes[1])
        hair = float(np.flatnonzero(outline.any(axis=1))[0])
        lower = HAIR_ROOM * layout.size.height + edge - move(placed, (head.eyes[0], hair))[1]
        self._place = shift(0, max(lower, 0)) @ placed
        self._place = turn(layout.tilt, about=move(self._place, head.neck)) @ self._place
        self.eyes: Point = move(self._place, head.eyes)
        self.neck: Point = move(self._place, head.neck)
        self.hair = (head.eyes[1] - hair) / FINENESS + edge
        self.neck_width = head.neck_width / FINENESS
        x, y = fall_of(layout)
        self._back = backing(outline, edge * FINENESS, (x * FINENESS, y * FINENESS))
        self._face = LivingFace(light.on(head.texture), head.points)

    def lay_back(self, picture: RGBImage, matrix: Matrix) -> None:
        """Its paper edge and shadow; ``matrix`` takes the picture at rest to the picture now."""
        lay(picture, self._back, matrix @ self._place)

    def lay_face(self, picture: RGBImage, matrix: Matrix, expression: Expression) -> None:
        lay(picture, Sprite(self._face.show(expression), np.eye(3)), matrix @ self._place)


def edge_of(layout: Layout) -> float:
    """The width of the white paper edge, in picture pixels: broader on a larger person, but not in proportion."""
    return 0.5 + 0.0085 * float(np.sqrt(layout.face * layout.size.height))


def fall_of(layout: Layout) -> tuple[float, float]:
    """How far the shadow falls, right and down, in picture pixels."""
    edge = edge_of(layout)
    return -1.4 * layout.light * edge, 1.9 * edge
