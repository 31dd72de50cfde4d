"""How the person holds themselves at one moment, against how they stand in the first frame."""

from __future__ import annotations

from dataclasses import dataclass

from tools.preview.alive import NEUTRAL, Expression


@dataclass(frozen=True)
class Pose:
    """All zero is the first frame. Lengths are fractions of the picture's height, angles degrees, clockwise.

    ``x``, ``y`` shift the whole figure, ``nearer`` enlarges it (0.1: by a tenth), ``lean`` turns it;
    ``hop`` is how high the feet are off the ground; ``head_tilt`` and ``head_lift`` move the head alone;
    ``breath`` is 0 (out) to 1 (in). ``stride`` counts strides: limbs are together at whole numbers; ``swing`` is how
    far they go, 0 to 1, ``towards`` the camera or else sideways: ``heading`` is 1 to the right of the picture, -1 left.
    ``arms`` raises one arm by so many degrees: the one on the left of the picture, below zero the one on the right.
    """

    x: float = 0.0
    y: float = 0.0
    nearer: float = 0.0
    lean: float = 0.0
    head_tilt: float = 0.0
    head_lift: float = 0.0
    hop: float = 0.0
    breath: float = 0.0
    stride: float = 0.0
    swing: float = 0.0
    arms: float = 0.0
    towards: bool = False
    heading: int = 1
    expression: Expression = NEUTRAL


REST = Pose()
