"""Affine maps of the picture plane, as 3x3 matrices that take column vectors (x, y, 1); lengths in pixels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Point = tuple[float, float]


def shift(x: float, y: float) -> Matrix:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def scale(x: float, y: float, about: Point = (0.0, 0.0)) -> Matrix:
    return np.array([[x, 0.0, about[0] * (1 - x)], [0.0, y, about[1] * (1 - y)], [0.0, 0.0, 1.0]])


def turn(degrees: float, about: Point = (0.0, 0.0)) -> Matrix:
    """A rotation, clockwise as the picture is seen."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = about
    return np.array([[c, -s, x - c * x + s * y], [s, c, y - s * x - c * y], [0.0, 0.0, 1.0]])


def move(matrix: Matrix, point: Point) -> Point:
    x, y, _ = matrix @ (point[0], point[1], 1.0)
    return float(x), float(y)
