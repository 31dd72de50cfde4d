"""The report as one page that needs nothing else: pictures and video are in it, and it asks for nothing outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.html import data_url, template
from agent.report import Attempt, Candidate, Report
from agent.report_chart import chart_of

_KINDS = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"RIFF": "image/webp",
}


def render_page(report: Report, video: bytes | None, images: Mapping[str, bytes]) -> str:
    """The page as HTML. ``video`` is an mp4; ``images`` holds the pictures of the candidates by artifact id."""
    chosen = chosen_candidate(report)
    return template("report.html.j2").render(
        report=report,
        video=data_url(video, "video/mp4") if video else None,
        images={name: data_url(data, _kind(data)) for name, data in images.items()},
        chosen=chosen,
        attempts=_told(report),
        chart=chart_of(report.video, report.recogniser.thresholds, report.repairs) if report.video else None,
        stages=_stages(report),
        held=_held(report),
        seconds=sum(timing.seconds for timing in report.timings),
        tool_seconds=sum(timing.tool_seconds for timing in report.timings),
    )


def chosen_candidate(report: Report) -> Candidate | None:
    """The first frame that the video was made from."""
    if report.chosen is None:
        return None
    attempt = next(attempt for attempt in report.attempts if attempt.number == report.chosen.attempt)
    return next(candidate for candidate in attempt.candidates if candidate.number == report.chosen.candidate)


@dataclass(frozen=True)
class _Phrase:
    text: str
    new: bool


@dataclass(frozen=True)
class _ToldAttempt:
    """An attempt, its prompt phrase by phrase (``new`` since the attempt before), and the move that followed it."""

    facts: Attempt
    prompt: list[_Phrase]
    move: str
    next_move: str | None


@dataclass(frozen=True)
class _Stage:
    """All runs of one stage; ``share`` is its percentage of the longest."""

    name: str
    seconds: float
    runs: int
    share: float


_MOVES = {"first": "as asked", "re-seed": "same prompt, new seeds"}


def _told(report: Report) -> list[_ToldAttempt]:
    moves = [_move(attempt.move) for attempt in report.attempts]
    prompts = [attempt.spatial_prompt for attempt in report.attempts]
    return [
        _ToldAttempt(
            facts=attempt,
            prompt=_phrases(prompts[place], prompts[place - 1] if place else None),
            move=moves[place],
            next_move=moves[place + 1] if place + 1 < len(moves) else None,
        )
        for place, attempt in enumerate(report.attempts)
    ]


def _move(move: str) -> str:
    return _MOVES.get(move, move.replace("_", " "))


def _phrases(prompt: str, before: str | None) -> list[_Phrase]:
    known = set(before.split(", ")) if before is not None else None
    return [_Phrase(text, new=known is not None and text not in known) for text in prompt.split(", ")]


def _stages(report: Report) -> list[_Stage]:
    seconds: dict[str, list[float]] = {}
    for timing in report.timings:
        seconds.setdefault(timing.stage, []).append(timing.seconds)
    longest = max((sum(runs) for runs in seconds.values()), default=0.0) or 1.0
    return [
        _Stage(stage.replace("_", " "), sum(runs), len(runs), 100 * sum(runs) / longest)
        for stage, runs in seconds.items()
    ]


def _held(report: Report) -> bool:
    """Whether both the gate and the video, as far as there are any, reached what the recogniser asks."""
    gate = report.gate is None or report.gate.passed
    return gate and report.video is not None and report.video.passed


def _kind(data: bytes) -> str:
    return next(kind for magic, kind in _KINDS.items() if data.startswith(magic))
