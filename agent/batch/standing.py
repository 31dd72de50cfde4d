"""How a batch stands, and the summary that it leaves."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from agent.batch.ledger import Ledger
from agent.batch.order import Order
from agent.batch.results import ResultFiles

SUMMARY, REPORT = "summary.json", "report.html"

End = Literal["finished", "stopped", "interrupted"]


class MeanSimilarity(BaseModel):
    identity_skip: float | None = Field(description="mean over the rows that show a face; null where none does")
    identity_zero: float = Field(description="the same with faceless frames counted 0")


class Standing(BaseModel):
    """Rows are those of the manifest."""

    rows: int
    completed: int
    failed: int = Field(description="and not completed since")
    passed: int = Field(description="completed rows whose first frame and video reach what the recogniser asks")
    pass_rate: float | None = Field(description="passed among those that ended; null before the first")
    similarity: dict[str, MeanSimilarity] = Field(description="by recogniser; those of two cannot be compared")
    device_seconds: float = Field(description="spent on all rows so far, failed ones too")

    @property
    def ended(self) -> int:
        return self.completed + self.failed

    @property
    def line(self) -> str:
        """The figures in one line."""
        if self.pass_rate is None:
            return f"0 of {self.rows}"
        means = [
            f"mean similarity {'no face' if mean.identity_skip is None else f'{mean.identity_skip:.3f}'} ({name})"
            for name, mean in self.similarity.items()
        ]
        failed = [f"{self.failed} failed"] if self.failed else []
        return ", ".join([f"{self.ended} of {self.rows}", f"{self.pass_rate:.0%} passed", *means, *failed])


class StageSeconds(BaseModel):
    median: float
    p95: float = Field(description="95th percentile")


class Summary(Standing):
    """What ``summary.json`` holds."""

    order: Order | None = Field(None, description="in which rows were run at last; null where none was left to run")
    end: End = Field(description="finished: nothing was left to do of what was asked for")
    reason: str | None = Field(description="a sentence: why it was stopped")
    seconds_per_passed: float | None = Field(description="of the device, for each row that passed")
    stages: dict[str, StageSeconds] = Field(description="seconds of each stage over the completed rows")
    errors: dict[str, int] = Field(description="by kind, how many rows failed so")
    results: str
    errors_file: str
    report: str


def standing(ledger: Ledger) -> Standing:
    completed, failed, passed = ledger.counts()
    ended = completed + failed
    return Standing(
        rows=ledger.rows(),
        completed=completed,
        failed=failed,
        passed=passed,
        pass_rate=passed / ended if ended else None,
        similarity={
            name: MeanSimilarity(identity_skip=skip, identity_zero=zero)
            for name, (skip, zero) in ledger.similarities().items()
        },
        device_seconds=ledger.seconds(),
    )


def summary(ledger: Ledger, files: ResultFiles, end: End, reason: str | None, order: Order | None) -> Summary:
    """``reason`` is why the batch stopped, in a sentence."""
    now = standing(ledger)
    return Summary(
        **now.model_dump(),
        order=order,
        end=end,
        reason=reason,
        seconds_per_passed=now.device_seconds / now.passed if now.passed else None,
        stages={name: StageSeconds(median=median, p95=p95) for name, (median, p95) in ledger.stages().items()},
        errors=ledger.errors(),
        results=str(files.results),
        errors_file=str(files.errors),
        report=str(files.folder / REPORT),
    )
