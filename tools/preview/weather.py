"""Rain and snow as a layer that can be moved on for ever: each edge continues at the opposite one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.contracts import RGBAImage
from tools.preview.palette import Falling
from tools.preview.paper import softened
from tools.preview.svg import Drawing, View

SOFTNESS = 0.001
"""Blur, as a fraction of the height."""


@dataclass(frozen=True)
class _Shape:
    """White strokes, one to a cell of a grid; lengths are fractions of the height, ``slant`` is run over fall."""

    columns: int
    length: float
    slant: float
    thickness: float
    opacity: float


_SHAPES: dict[Falling, _Shape] = {
    "rain": _Shape(columns=15, length=0.085, slant=0.16, thickness=0.0022, opacity=0.43),
    "snow": _Shape(columns=18, length=0.0, slant=0.0, thickness=0.0085, opacity=0.84),
}


def draw_falling(falling: Falling, width: int, height: int) -> RGBAImage:
    """Rain or snow over ``width`` by ``height`` pixels."""
    shape = _SHAPES[falling]
    rng = np.random.default_rng(2)
    cells = np.ndindex(shape.columns, round(shape.columns * height / width))
    strokes = "".join(_stroke(shape, cell, rng.random(3), width, height) for cell in cells)
    group = f'<g id="falling" stroke="white" stroke-linecap="round">{strokes}</g>'
    drawing = Drawing(f'<svg xmlns="http://www.w3.org/2000/svg">{group}</svg>')
    return softened(drawing.render("falling", View(0, 0, width, height), (width, height)), SOFTNESS * height)


def _stroke(shape: _Shape, cell: tuple[int, ...], chance: np.ndarray, width: int, height: int) -> str:
    """One stroke somewhere in its cell, and again a width and a height away on every side."""
    (x, y), depth = (chance[:2] + cell) * width / shape.columns, chance[2]
    long, thick = shape.length * height * (0.5 + depth), shape.thickness * height * (0.35 + depth)
    line = "".join(
        f"M{x + right:.1f} {y + down:.1f}l{-shape.slant * long:.1f} {long + 0.1:.1f}"
        for right in (-width, 0, width)
        for down in (-height, 0, height)
    )
    return f'<path d="{line}" stroke-width="{thick:.2f}" stroke-opacity="{shape.opacity * (0.35 + 0.65 * depth):.2f}"/>'
