"""A batch as MCP clients see it."""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field

from agent.serving.reach import Reach
from agent.serving.results import WAIT, job_uri, plainly

if TYPE_CHECKING:
    from agent.batch.kept import KeptBatch
    from agent.batch.results import RowError, RowResult
    from agent.batch.served import ServedBatches
    from agent.serving.engine import LateEngine

MOST_TOLD = 20
"""Rows that an answer tells one by one, and bad ones that a refusal tells."""

Status = Literal["running", "completed", "stopped", "cancelled"]


class MeanSimilarity(BaseModel):
    identity_skip: float | None = Field(description="mean over the rows that show a face")
    identity_zero: float = Field(description="the same with faceless frames counted 0")


class MadeRow(BaseModel):
    custom_id: str
    job_id: str
    passed: bool
    similarity: float | None = Field(description="identity_skip of the video; null where it shows no face")
    video: str | None = Field(description="absolute path")
    video_uri: str = Field(description="the video as a resource of this server")


class FailedRow(BaseModel):
    custom_id: str
    job_id: str | None
    message: str


class Batch(BaseModel):
    """A batch as it stands."""

    batch_id: str
    status: Status
    order: Literal["rows", "phases"] = Field(
        description="rows: one after another; phases: all plans, first frames and videos of some rows, so that the "
        "first results come late"
    )
    rows: int
    completed: int
    failed: int
    passed: int = Field(description="completed rows whose first frame and video reach what the recogniser asks")
    pass_rate: float | None = Field(description="passed among those that ended")
    similarity: dict[str, MeanSimilarity] = Field(description="by recogniser; those of two cannot be compared")
    reason: str | None = Field(description="why it stopped")
    queue_paused: bool = Field(description="it runs, but no row is begun until resume_queue is called")
    sketch: bool = Field(description="the best rows are sketches (preset preview), which must be said of them")
    best: list[MadeRow] = Field(description=f"the {MOST_TOLD} most alike at most")
    errors: list[FailedRow] = Field(description=f"the first {MOST_TOLD} at most")
    results: str | None = Field(description="file with a line for each completed row")
    report: str | None = Field(description="contact sheet of all rows, once the batch has ended")
    next_step: str | None = Field(description="the call to make next, where there is one")

    @property
    def lines(self) -> list[str]:
        """The same in words."""
        rate = "" if self.pass_rate is None else f" ({self.pass_rate:.0%})"
        lines = [
            f"Batch {self.batch_id} is {self.status}: {self.completed} of {self.rows} rows completed, "
            f"{self.failed} failed, {self.passed} passed{rate}."
        ]
        if self.status == "running" and self.order == "phases":
            lines.append("Its rows are made phase by phase, so the first results come late.")
        lines += ["The queue is paused, so no row is begun until resume_queue is called."] * self.queue_paused
        lines += [self.reason] if self.reason else []
        lines += ["These are previews: animatics whose pixels are a sketch, not photorealistic videos."] * self.sketch
        lines += [
            f"Mean similarity ({name}): identity_skip {_figure(mean.identity_skip)}, "
            f"identity_zero {_figure(mean.identity_zero)}"
            for name, mean in self.similarity.items()
        ]
        lines += [
            f"{row.custom_id}: similarity {_figure(row.similarity)}, {'passed' if row.passed else 'did not pass'}: "
            f"{row.video or row.video_uri}"
            for row in self.best
        ]
        lines += [f"{row.custom_id} failed: {row.message}" for row in self.errors]
        lines += [f"Report: {self.report}"] if self.report else []
        return [*lines, f"Next: {self.next_step}"] if self.next_step else lines


def batch_of(batches: ServedBatches, batch: KeptBatch, engine: LateEngine, reach: Reach, *, paused: bool) -> Batch:
    """By its files, whichever process runs it, as this caller may see it."""
    from agent.batch.results import ResultFiles, RowError, RowResult
    from agent.batch.standing import standing

    end, files, cancelled = batches.kept.end(batch), ResultFiles(batch.folder), batches.kept.cancelled(batch)
    with closing(batches.ledger(batch)) as ledger:
        now = standing(ledger)
        best = [files.at(RowResult, at) for at in islice(ledger.by_similarity(completed=True), MOST_TOLD)]
        failed = [files.at(RowError, at) for at in islice(ledger.by_similarity(completed=False), MOST_TOLD)]
    status: Status = "running" if end is None else "completed" if end.end == "finished" else "stopped"
    return Batch(
        **now.model_dump(exclude={"device_seconds"}),
        batch_id=batch.id,
        order=batch.order,
        status="cancelled" if cancelled else status,
        reason=plainly(end.reason, engine, reach) if end and end.reason else None,
        queue_paused=end is None and not cancelled and paused,
        sketch=any(row.sketch for row in best),
        best=[_made(row, reach) for row in best],
        errors=[_failed(row, engine, reach) for row in failed],
        results=str(files.results) if reach.shows_paths else None,
        report=end.report if end and reach.shows_paths else None,
        next_step=None if end or cancelled else f'call get_batch(batch_id="{batch.id}", wait_seconds={WAIT})',
    )


def _made(row: RowResult, reach: Reach) -> MadeRow:
    assert row.job_id is not None
    return MadeRow(
        custom_id=row.custom_id,
        job_id=row.job_id,
        passed=row.passed,
        similarity=row.identity_skip,
        video=row.video if reach.shows_paths else None,
        video_uri=job_uri(row.job_id, "video.mp4"),
    )


def _failed(row: RowError, engine: LateEngine, reach: Reach) -> FailedRow:
    return FailedRow(custom_id=row.custom_id, job_id=row.job_id, message=plainly(row.error.message, engine, reach))


def _figure(similarity: float | None) -> str:
    return "no face" if similarity is None else f"{similarity:.3f}"
