"""Where the person stands in the first frame, and in what light: what the framing asks for and the seed varies."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tools.contracts import Framing, Size
from tools.framing import framing_of
from tools.preview.geometry import Point


@dataclass(frozen=True)
class _Stand:
    """``face`` is the height of the face box and ``eyes`` the level of the eyes, as fractions of the picture's height.

    ``aside`` is how far from the middle the person may stand, as a fraction of the picture's width.
    ``slenderness``: a picture narrower than its height divided by this makes the person smaller.
    """

    face: float
    eyes: float
    aside: float
    slenderness: float


_STANDS: dict[Framing, _Stand] = {
    "close-up": _Stand(face=0.427, eyes=0.45, aside=0.1, slenderness=0.85),
    "medium shot": _Stand(face=0.225, eyes=0.33, aside=0.15, slenderness=1.3),
    "full shot": _Stand(face=0.115, eyes=0.2, aside=0.17, slenderness=1.1),
    "wide shot": _Stand(face=0.066, eyes=0.5, aside=0.2, slenderness=1.1),
}


@dataclass(frozen=True)
class Layout:
    """``face`` (height of the face box) and ``eyes`` (the point between them) are in picture pixels.

    ``tilt`` is of the head, in degrees. ``light`` comes from the left at -1 and from the right at 1.
    """

    framing: Framing
    size: Size
    face: float
    eyes: Point
    tilt: float
    light: float

    @property
    def whole(self) -> bool:
        """Whether the person is seen from head to foot."""
        return self.framing in ("full shot", "wide shot")


def layout_of(prompt: str, seed: int, size: Size) -> Layout:
    """The framing that the prompt names, a close-up where it names none; the rest from the seed."""
    framing = framing_of(prompt) or "close-up"
    stand = _STANDS[framing]
    rng = random.Random(seed)
    place = rng.choice((-1.0, 0.0, 1.0)) + rng.uniform(-0.2, 0.2)
    return Layout(
        framing=framing,
        size=size,
        face=stand.face * min(size.height, stand.slenderness * size.width),
        eyes=(size.width * (0.5 + stand.aside * place), size.height * stand.eyes),
        tilt=rng.uniform(-3.0, 3.0),
        light=rng.choice((-1.0, 1.0)) * rng.uniform(0.5, 1.0),
    )
