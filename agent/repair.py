"""Which frames of a video drifted, and the window that is regenerated to mend them. The rule alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tools.contracts import Thresholds
from tools.pools.calls import FramePoint, VideoScore

LONGEST_WINDOW = 81
"""Frames that a video engine makes at once."""

MOST_KEYFRAMES = 3


@dataclass(frozen=True)
class Window:
    """Frames ``first`` to ``last`` are a clip of their own: 4k+1 frames, ``first`` still the person.

    ``keyframes`` lie in it and are to be corrected; ``drifted`` are the frames to splice back, inclusive.
    """

    first: int
    last: int
    keyframes: tuple[int, ...]
    drifted: tuple[int, int]

    def dump(self) -> dict[str, Any]:
        return asdict(self)


def drift_window(score: VideoScore, thresholds: Thresholds, frames: int) -> Window | None:
    """The window round the longest stretch of scored frames below the video's lower threshold, or ``None``.

    Faceless frames are no drift: where no face should be, none is painted. Between a good and a drifted scored frame
    nothing was measured, so the frames between them count as drifted.
    """
    stretch = _longest_drift(score.points, thresholds.video_p10)
    if stretch is None:
        return None
    points = score.points
    begin, end = stretch
    if begin == 0:
        return None
    first = points[begin - 1].frame
    after = points[end + 1].frame if end + 1 < len(points) else frames - 1
    drifted = (first + 1, after - 1 if end + 1 < len(points) else frames - 1)
    last = min(_four_k_plus_one(first, after), frames - 1)
    while (last - first) % 4:
        last -= 1
    last = min(last, first + LONGEST_WINDOW - 1)
    inside = [point.frame for point in points[begin : end + 1] if point.frame <= last]
    if not inside:
        return None
    return Window(first, last, _spread(inside), (drifted[0], min(drifted[1], last)))


def _longest_drift(points: Sequence[FramePoint], floor: float) -> tuple[int, int] | None:
    """Indices of the first and last scored frame of the longest run below the floor."""
    best: tuple[int, int] | None = None
    begin: int | None = None
    for index, point in enumerate([*points, FramePoint(frame=-1, similarity=1.0)]):
        low = point.similarity is not None and point.similarity < floor
        if low and begin is None:
            begin = index
        elif not low and begin is not None:
            if best is None or index - 1 - begin > best[1] - best[0]:
                best = (begin, index - 1)
            begin = None
    return best


def _four_k_plus_one(first: int, last: int) -> int:
    """The nearest last frame, not before ``last``, that makes a clip of 4k+1 frames."""
    return last + -(last - first) % 4


def _spread(frames: Sequence[int]) -> tuple[int, ...]:
    """A few frames, evenly spread, ends kept."""
    if len(frames) <= MOST_KEYFRAMES:
        return tuple(frames)
    step = (len(frames) - 1) / (MOST_KEYFRAMES - 1)
    return tuple(frames[round(index * step)] for index in range(MOST_KEYFRAMES))
