"""Identity repair, the rules alone: which frames drifted, the window that mends them, and whether it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import itemgetter
from statistics import median
from typing import Any

from tools.contracts import KEYFRAME_GROUP, Thresholds
from tools.pools.calls import FramePoint, VideoScore, WindowFit

LONGEST_WINDOW = 81
"""Frames that a video engine makes at once."""

REACH = 12
"""Frames on either side over which a fixed frame is trusted to hold the person."""

WIDEST_SEAM, FINEST_SEAM = 1.5, 2.0
"""A step from frame to frame at a seam may be so many times the largest step elsewhere in the clip, and so many grey
levels in any case."""

STILLEST, LEAST_MOTION = 0.5, 0.25
"""The share of its motion that a repair must leave to the frames, where they moved so many pixels a frame."""


@dataclass(frozen=True)
class Window:
    """Frames ``first`` to ``last`` are a clip of their own: 4k+1 frames, ``first`` still the person.

    ``last`` may lie up to 3 frames beyond the end of the clip. ``drifted`` are the frames to splice back, inclusive;
    those after them are still the person. ``keyframes`` are drifted frames that can be corrected.
    """

    first: int
    last: int
    keyframes: tuple[int, ...]
    drifted: tuple[int, int]

    def dump(self) -> dict[str, Any]:
        return asdict(self)


def drift_window(score: VideoScore, thresholds: Thresholds, frames: int) -> Window | None:
    """The window round the longest stretch in which the person drifted, or ``None``.

    What drifts lies below the video's lower threshold once the curve is smoothed (a median of three). Only frames whose
    similarity means something are asked: a face that is not there, tiny or turned away is no drift. Between a good and
    a drifted frame nothing was measured, and all frames count as drifted; so do those up to the next group that is
    still the person.
    """
    points = [point for point in score.points if _tells(point, thresholds)]
    stretch = _longest_drift([_similarity(point) for point in points], thresholds.video_p10)
    if stretch is None or stretch[0] == 0:
        return None
    begin, end = stretch
    first = points[begin - 1].frame
    anchor = _anchor(points[end + 1 :], thresholds.video_p10, first, frames)
    if anchor is not None and anchor > first + LONGEST_WINDOW - KEYFRAME_GROUP:
        anchor = None
    drifted = first + 1, min(anchor or frames, first + LONGEST_WINDOW) - 1
    able = [point.frame for point in points[begin : end + 1] if point.frame <= drifted[1]]
    if not able:
        return None
    last = _on_grid(first, drifted[1] if anchor is None else anchor + 1)
    return Window(first, last, _fewest(able, drifted, anchored=anchor is not None), drifted)


def objection(before: VideoScore, after: VideoScore, fit: WindowFit) -> str | None:
    """Why a repaired clip is not taken, as a sentence; ``None`` where it is the better one."""
    if (after.identity_skip or 0) <= (before.identity_skip or 0):
        return "The similarity did not rise."
    if (after.p10 or 0) < (before.p10 or 0):
        return "The least alike frames became less so."
    if after.face_rate < before.face_rate:
        return "Fewer frames show a face."
    if fit.seam > max(WIDEST_SEAM * fit.usual_step, FINEST_SEAM):
        return f"The clip jumps where the window begins or ends ({fit.seam:.1f} grey levels)."
    if fit.motion_before > LEAST_MOTION and fit.motion_after < STILLEST * fit.motion_before:
        return f"The motion died ({fit.motion_after:.1f} pixels a frame, {fit.motion_before:.1f} before)."
    return None


def _tells(point: FramePoint, thresholds: Thresholds) -> bool:
    """Whether the similarity of a frame means something, and its face can be corrected."""
    return (
        point.similarity is not None
        and (point.side is None or point.side >= thresholds.smallest_face)
        and (point.yaw is None or abs(point.yaw) <= thresholds.widest_yaw)
    )


def _similarity(point: FramePoint) -> float:
    assert point.similarity is not None
    return point.similarity


def _longest_drift(curve: Sequence[float], floor: float) -> tuple[int, int] | None:
    """Places of the first and the last value below the floor in the longest run whose median of three is."""
    padded = [*curve[:1], *curve, *curve[-1:]]
    low = [median(padded[place : place + 3]) < floor for place in range(len(curve))]
    runs = [[place for place, _ in run] for below, run in groupby(enumerate(low), itemgetter(1)) if below]
    if not runs:
        return None
    longest = max(runs, key=len)
    begin, end = longest[0], longest[-1]
    while begin > 0 and curve[begin - 1] < floor:
        begin -= 1
    while end + 1 < len(curve) and curve[end + 1] < floor:
        end += 1
    while curve[begin] >= floor:
        begin += 1
    while curve[end] >= floor:
        end -= 1
    return begin, end


def _anchor(points: Sequence[FramePoint], floor: float, first: int, frames: int) -> int | None:
    """Where the next whole group of frames begins, on the grid of a window from ``first``, that is still the person."""
    for point in points:
        begin = _on_grid(first, point.frame - 1) + 1
        end = begin + KEYFRAME_GROUP - 1
        if end < frames and all(_similarity(each) >= floor for each in points if point.frame <= each.frame <= end):
            return begin
    return None


def _on_grid(first: int, last: int) -> int:
    """The nearest frame, not before ``last``, with which a clip from ``first`` has 4k+1 frames."""
    return last + -(last - first) % KEYFRAME_GROUP


def _fewest(able: Sequence[int], drifted: tuple[int, int], *, anchored: bool) -> tuple[int, ...]:
    """The fewest of the frames that are able, evenly spread, with which no drifted one is out of reach of a fixed one.

    The frame before the drifted ones is fixed, and where the window is ``anchored`` the one after them. Where the
    frames that are able do not do, those that leave the least out of reach.
    """
    begin, end = drifted
    ends = (begin - 1, end + 1) if anchored else (begin - 1,)

    def out_of_reach(chosen: Sequence[int]) -> int:
        fixed = (*ends, *chosen)
        return sum(min(abs(frame - other) for other in fixed) > REACH for frame in range(begin, end + 1))

    spreads = [_spread(able, begin - 1, end + 1, number, anchored) for number in range(1, len(able) + 1)]
    return min(spreads, key=lambda chosen: (out_of_reach(chosen), len(chosen)))


def _spread(able: Sequence[int], begin: int, end: int, number: int, anchored: bool) -> tuple[int, ...]:
    """So many of the frames, evenly spread between two ends; an end that is not fixed is half as far as another."""
    step = (end - begin) / (number + (1 if anchored else 0.5))
    targets = [begin + step * (place + 1) for place in range(number)]
    return tuple(sorted({min(able, key=lambda frame: abs(frame - target)) for target in targets}))
