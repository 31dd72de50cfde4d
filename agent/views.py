"""A job as its caller sees it, on the command line and over MCP alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from agent.status import ENDED, Status

if TYPE_CHECKING:
    from agent.store import JobRow


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


class JobError(BaseModel):
    kind: str
    message: str
    attachments: dict[str, str] = Field({}, description="label to absolute path of files that help")


class JobView(BaseModel):
    """A job as it stands. ``done`` of ``total`` steps of its stage are made; ``total`` is 0 where that is not told."""

    job_id: str
    status: Status
    waiting_before: int = Field(0, description="unfinished jobs that come first")
    stage: str | None = None
    stages_begun: int = Field(0, description="counts every stage entered, repeated ones too")
    doing: str = ""
    done: int = 0
    total: int = 0
    detail: str = ""
    prompt: str = ""
    parent: str | None = Field(None, description="the job that this one is a follow-up of")
    understood: str = Field("", description="of a follow-up: what was changed and what was kept")
    created: float = 0
    result: Delivered | None = None
    error: JobError | None = None

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def line(self) -> str:
        """One line that says what is going on."""
        if self.status == "queued":
            ahead = self.waiting_before
            return f"Waiting for {ahead} earlier job{'s' * (ahead > 1)}" if ahead else "Waiting for the device"
        if self.status == "running":
            return f"{self.doing}: {self.detail}" if self.detail else self.doing
        return self.error.message if self.error else self.status


def view_of(row: JobRow, waiting_before: int) -> JobView:
    kept = row.request.get("kept")
    return JobView(
        job_id=row.id,
        status=row.status,
        waiting_before=waiting_before,
        prompt=row.request["prompt"],
        parent=kept["parent"] if kept else None,
        understood=kept["told"] if kept else "",
        created=row.created,
        result=Delivered.model_validate(row.result) if row.result else None,
        error=JobError.model_validate(row.error) if row.error else None,
        **(row.progress or {}),
    )
