"""Following a job on a terminal, and telling its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from agent.commands.plainly import BAD_INPUT, FAILED, INTERRUPTED, say

if TYPE_CHECKING:
    from agent.jobs import JobEngine
    from agent.views import CandidateView, FirstFrames, JobView


def follow(engine: JobEngine, job_id: str, quiet: bool) -> JobView:
    """Wait for the job with a bar a stage; Ctrl-C cancels it."""
    from agent.progress import StageBars

    with StageBars(quiet) as bars:
        try:
            return engine.wait(job_id, watch=bars.show)
        except KeyboardInterrupt:
            engine.cancel(job_id)
            raise


def tell_end(view: JobView, json: bool) -> None:
    if view.status != "completed":
        _fail(view)
    print(view.model_dump_json(indent=2) if json else _summary(view))  # noqa: T201 - the result


def _fail(view: JobView) -> None:
    error = view.error
    if error is None:
        say("The job was cancelled.")
        raise typer.Exit(INTERRUPTED)
    attached = "".join(f"\n  {label.replace('_', ' ')}: {path}" for label, path in error.attachments.items())
    say(error.message + attached)
    raise typer.Exit(BAD_INPUT if error.kind == "InputError" else FAILED)


def _summary(view: JobView) -> str:
    """What the caller most wants to know, in lines that a script can read too."""
    if view.first_frames is not None:
        return "\n".join(_candidates(view, view.first_frames))
    result = view.result
    assert result is not None
    known = result.first_frame_similarity is not None
    lines = [
        *([view.understood] if view.understood else []),
        *(f"Warning: {warning}" for warning in result.warnings),
        f"video         {result.video}",
        f"report        {result.page}",
        f"first frame   similarity {_figure(result.first_frame_similarity)} ({result.recogniser})"
        + (f", {'passed' if result.first_frame_passed else 'did not pass'} the gate" if known else "")
        + f", attempts {result.attempts}",
        f"video scores  identity_skip {_figure(result.identity_skip)}, identity_zero {_figure(result.identity_zero)}, "
        f"face_rate {_figure(result.face_rate)} ({result.recogniser})",
        f"job           {view.job_id}, seed {result.seed}",
        "seconds       " + ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in result.stages.items()),
    ]
    return "\n".join(lines)


def _candidates(view: JobView, painted: FirstFrames) -> list[str]:
    return [
        *([view.understood] if view.understood else []),
        *(f"Warning: {warning}" for warning in painted.warnings),
        f"sheet         {painted.contact_sheet}",
        *(_candidate(each, painted.recogniser) for each in view.candidates),
        f"job           {view.job_id}, seed {painted.seed}",
        f"next          steadface animate {view.job_id} NUMBER",
    ]


def _candidate(shown: CandidateView, recogniser: str) -> str:
    verdict = "passed" if shown.passed else "did not pass"
    why = ", the gate's choice" if shown.chosen else f": {shown.fault}" if shown.fault else ""
    return f"{f'candidate {shown.number}':<13} similarity {_figure(shown.similarity)} ({recogniser}), {verdict}{why}"


def _figure(value: float | None) -> str:
    return "no face" if value is None else f"{value:.3f}"
