"""A job as its caller sees it, on the command line and over MCP alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from agent.phases import PHASES
from agent.status import ENDED, Status

if TYPE_CHECKING:
    from agent.store import JobRow


CANDIDATE = "candidate_{}.png"
"""Name of a first frame in the folder of a job that stopped after them; the number goes in."""

WAITS_FOR_STORAGE = "Waiting until the storage of artifacts answers again"


class CandidateView(BaseModel):
    """One first frame, as it was scored."""

    number: int = Field(description="from 1, through all attempts")
    attempt: int
    similarity: float | None = Field(description="to the photo; null where no face was found")
    passed: bool = Field(description="the gate")
    fault: str | None = Field(default=None, description="why it did not pass, where it did not")
    chosen: bool = Field(description="the gate chose it, or would")
    spatial_prompt: str
    file: str = Field(description="absolute path")
    uri: str | None = Field(default=None, description="as a resource of the server")


class CurvePoint(BaseModel):
    """One scored frame of the video."""

    frame: int
    second: float
    similarity: float | None = Field(description="null where no face was found")
    tile: int | None = Field(description="its place in the contact sheet, from 1 in reading order, where it is in it")


class FirstFrames(BaseModel):
    """Where the candidates of a job that stopped before the video lie, and what was measured of them."""

    model_config = ConfigDict(extra="forbid")

    folder: str = Field(description="absolute path")
    contact_sheet: str = Field(description="the candidates, each with its number and similarity")
    preset: str
    sketch: bool = Field(description="the pixels are a sketch (preset preview)")
    recogniser: str
    threshold: float = Field(description="similarity from which a candidate passes the gate")
    attempts: int
    temporal_prompt: str
    width: int
    height: int
    seed: int
    warnings: list[str] = []


class Delivered(BaseModel):
    """Where the results lie and what was measured. Similarities are comparable only within one recogniser."""

    model_config = ConfigDict(extra="forbid")

    folder: str = Field(description="absolute path")
    video: str
    first_frame: str | None
    contact_sheet: str
    report: str
    page: str
    preset: str
    sketch: bool = Field(description="the pixels are a sketch (preset preview)")
    recogniser: str
    first_frame_similarity: float | None
    first_frame_passed: bool | None
    attempts: int
    identity_skip: float | None = Field(description="mean similarity of the scored frames that show a face")
    identity_zero: float = Field(description="the same with faceless frames counted 0")
    face_rate: float = Field(description="share of scored frames that show a face, 0 to 1")
    seconds: float = Field(description="length of the video")
    width: int
    height: int
    seed: int
    warnings: list[str] = []
    stages: dict[str, float] = Field(description="seconds spent in each stage")
    curve: list[CurvePoint] = Field([], description="similarity over time")
    good_from: float | None = Field(None, description="similarity from which a frame of the curve is well held")
    spatial_prompt: str | None = Field(None, description="what the first frame was painted from")
    temporal_prompt: str = Field("", description="what the video was made from")


class JobError(BaseModel):
    kind: str
    message: str
    attachments: dict[str, str] = Field({}, description="label to absolute path of files that help")


class JobView(BaseModel):
    """A job as it stands. ``done`` of ``total`` steps of its stage are made; ``total`` is 0 where that is not told."""

    job_id: str
    status: Status
    waiting_before: int = Field(0, description="unfinished jobs that come first")
    paused: bool = Field(False, description="it waits, and the queue is paused")
    stage: str | None = None
    stages_begun: int = Field(0, description="counts every stage entered, repeated ones too")
    doing: str = ""
    done: int = 0
    total: int = 0
    detail: str = ""
    prompt: str = ""
    parent: str | None = Field(None, description="the job that this one is a follow-up of")
    understood: str = Field("", description="of a follow-up: what was changed and what was kept")
    siblings: list[str] = Field([], description="other follow-ups of the same job")
    estimate_seconds: float | None = Field(
        None, description="until it ends, roughly, by what the last jobs of its kind took here; null where none did"
    )
    created: float = 0
    candidates: list[CandidateView] = Field([], description="first frames, as soon as they are scored")
    first_frames: FirstFrames | None = Field(
        None, description="set where the job was asked to stop after them: one is to be chosen now"
    )
    result: Delivered | None = None
    error: JobError | None = None

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def line(self) -> str:
        """One line that says what is going on."""
        if self.paused:
            return "The queue is paused; resume_queue, or steadface queue resume, goes on"
        if self.status == "queued":
            ahead = self.waiting_before
            waiting = f"Waiting for {ahead} earlier job{'s' * (ahead > 1)}" if ahead else "Waiting for the device"
            waiting = self.doing or waiting
            return waiting if self.estimate_seconds is None else f"{waiting}; {told_estimate(self.estimate_seconds)}"
        if self.status == "running":
            doing = self.doing or "Starting"
            return f"{doing}: {self.detail}" if self.detail else doing
        if self.first_frames:
            return "The candidates are painted; one is to be chosen"
        return self.error.message if self.error else self.status


def told_estimate(seconds: float) -> str:
    return f"done in about {seconds:.0f} s" if seconds < 90 else f"done in about {seconds / 60:.0f} min"


def view_of(
    row: JobRow,
    waiting_before: int = 0,
    siblings: Sequence[str] = (),
    estimate_seconds: float | None = None,
    *,
    paused: bool = False,
) -> JobView:
    kept, result = row.request.get("kept"), row.result
    painted = FirstFrames.model_validate(result) if result and "video" not in result else None
    progress = _progress(row)
    if progress.get("doing") == WAITS_FOR_STORAGE:
        estimate_seconds = None
    view = JobView(
        job_id=row.id,
        status=row.status,
        waiting_before=waiting_before,
        paused=paused,
        prompt=row.request["prompt"],
        parent=kept["parent"] if kept else None,
        understood=kept["told"] if kept else "",
        siblings=list(siblings),
        estimate_seconds=estimate_seconds,
        created=row.created,
        first_frames=painted,
        result=Delivered.model_validate(result) if result and not painted else None,
        error=JobError.model_validate(row.error) if row.error else None,
        **progress,
    )
    if painted:
        for candidate in view.candidates:
            candidate.file = str(Path(painted.folder) / CANDIDATE.format(candidate.number))
    return view


def _progress(row: JobRow) -> dict[str, Any]:
    """As it was told last; a job that waits does nothing, but that it may be told what for."""
    progress = {**(row.progress or {})}
    waits = progress.pop("waits", "")
    if row.status != "queued":
        return progress
    return {**progress, "doing": waits or ("" if row.phase is None or row.ran is None else PHASES[row.phase].kept)}
