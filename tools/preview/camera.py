"""A camera before layers of paper: the nearer a layer, the more it moves."""

from __future__ import annotations

from dataclasses import dataclass

from tools.contracts import Size
from tools.preview.geometry import Matrix, Point, scale, shift

FAR, MID, PERSON, NEAR = 0.3, 0.6, 1.0, 1.2
"""How much of the camera's move each layer shows."""


@dataclass(frozen=True)
class Camera:
    """``x``, ``y``: how far it has gone, right and down, fractions of the picture's height; ``zoom`` 1 is at rest."""

    x: float = 0.0
    y: float = 0.0
    zoom: float = 1.0

    def view(self, depth: float, size: Size, about: Point) -> Matrix:
        """Where the things at ``depth`` are seen; the zoom leaves the point ``about`` where it is."""
        zoom = 1 + (self.zoom - 1) * depth
        return shift(-self.x * depth * size.height, -self.y * depth * size.height) @ scale(zoom, zoom, about=about)


AT_REST = Camera()
