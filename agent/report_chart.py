"""Where the marks of the similarity curve go: percentages of the plot, from its left and its top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from agent.report import Point, Repair, VideoFacts
from tools.contracts import Thresholds


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    label: str
    good: bool


@dataclass(frozen=True)
class Segment:
    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True)
class Band:
    """A stretch of the clip where no face was found."""

    x: float
    width: float


@dataclass(frozen=True)
class Mark:
    """A tick of an axis, or a threshold: its place and its words."""

    at: float
    label: str


@dataclass(frozen=True)
class Chart:
    """``before`` is the curve of the frames that a repair replaced."""

    dots: list[Dot]
    segments: list[Segment]
    before: list[Segment]
    faceless: list[Band]
    thresholds: list[Mark]
    across: list[Mark]
    up: list[Mark]


def chart_of(video: VideoFacts, thresholds: Thresholds, repairs: Sequence[Repair] = ()) -> Chart:
    """The curve of a video's similarity over time; it breaks where no face was found."""
    replaced = [repair.curve_before for repair in repairs if repair.accepted]
    shown = [*video.points, *chain.from_iterable(replaced)]
    lowest = min([0.0, *(point.similarity for point in shown if point.similarity is not None)])
    across = [_across(point, video) for point in video.points]
    dots = [_dot(point, video, lowest, thresholds) for point in video.points]
    return Chart(
        dots=[dot for dot in dots if dot],
        segments=_joined(dots),
        before=[
            segment for curve in replaced for segment in _joined([_dot(p, video, lowest, thresholds) for p in curve])
        ],
        faceless=[_band(across, place) for place, dot in enumerate(dots) if dot is None],
        thresholds=[
            Mark(_height(thresholds.video_mean, lowest), f"mean asked {thresholds.video_mean:.2f}"),
            Mark(_height(thresholds.video_p10, lowest), f"lowest tenth asked {thresholds.video_p10:.2f}"),
        ],
        across=_seconds(video),
        up=[Mark(_height(value, lowest), f"{value:.2f}") for value in (0.0, 0.25, 0.5, 0.75, 1.0)],
    )


def _dot(point: Point, video: VideoFacts, lowest: float, thresholds: Thresholds) -> Dot | None:
    if point.similarity is None:
        return None
    return Dot(
        x=_across(point, video),
        y=_height(point.similarity, lowest),
        label=f"{point.frame / video.fps:.1f} s: {point.similarity:.2f}",
        good=point.similarity >= thresholds.video_p10,
    )


def _joined(dots: Sequence[Dot | None]) -> list[Segment]:
    return [Segment(a.x, a.y, b.x, b.y) for a, b in pairwise(dots) if a and b]


def _across(point: Point, video: VideoFacts) -> float:
    return 100 * point.frame / max(video.frames - 1, 1)


def _height(similarity: float, lowest: float) -> float:
    return 100 * (1 - similarity) / (1 - lowest)


def _band(across: list[float], place: int) -> Band:
    """From half way to the scored frame before, to half way to the next."""
    left = (across[place] + across[place - 1]) / 2 if place else 0.0
    right = (across[place] + across[place + 1]) / 2 if place + 1 < len(across) else 100.0
    return Band(left, right - left)


def _seconds(video: VideoFacts) -> list[Mark]:
    last = (video.frames - 1) / video.fps
    step = next((step for step in (0.5, 1, 2, 5, 10, 30) if last / step <= 8), 60)
    count = int(last / step) + 1 if last else 1
    return [Mark(100 * number * step / last if last else 0.0, f"{number * step:g} s") for number in range(count)]
