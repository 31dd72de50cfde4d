"""Running the rows of a batch: a few jobs in the queue at a time, and a line on the disk for each that ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from agent.batch.ledger import Ledger
from agent.batch.order import IN_FLIGHT, Order
from agent.batch.results import ROWS, Ended, ResultFiles, RowError, RowResult
from agent.batch.rows import Row
from agent.batch.standing import Standing, standing
from agent.database import DatabaseAway
from agent.errors import Busy
from agent.report import Report
from agent.requests import call_of
from agent.views import WAITS_FOR_STORAGE, JobError, view_of
from tools.errors import InputError, StorageAway, Unavailable

if TYPE_CHECKING:
    from agent.jobs import JobEngine
    from agent.requests import JobRequest
    from agent.settings import Recipe
    from agent.store import JobRow

log = logging.getLogger(__name__)

_LOOK = 0.2
"""Seconds between looks at the jobs."""

_AWAY = 2.0
"""Seconds between looks while the database or the storage is away."""

Requested = Callable[[Row, int], "tuple[JobRequest, Recipe]"]
"""The request of a row, for the attempt of this number, from 0. Raises ``InputError``."""


@dataclass(frozen=True)
class Bounds:
    """When to begin no further row. ``stop_below`` is a pass rate, asked once ``after`` rows have ended.

    ``max_cost`` is in seconds of the device, earlier runs of the batch included.
    """

    limit: int | None = None
    max_cost: float | None = None
    stop_below: float | None = None
    after: int = 20


class Stop(Protocol):
    """Set where the run shall end now; ``threading.Event`` is one."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float) -> bool: ...


@dataclass(frozen=True)
class Doing:
    """What the row does whose turn it is, in a line; ``waits``, where it is what the whole batch waits for."""

    line: str
    waits: bool


Watch = Callable[[Standing, float | None, Doing | None], None]
"""Told how the batch stands, the seconds that it will take and what it does, as far as these are known."""


@dataclass(frozen=True)
class _Begun:
    """A row whose job waits or runs."""

    row: Row
    job_id: str


class BatchRun:
    """``call`` stands for the batch in the calls of its jobs, so that a rerun finds them again."""

    def __init__(
        self,
        engine: JobEngine,
        files: ResultFiles,
        ledger: Ledger,
        requested: Requested,
        *,
        call: str,
        client: str | None = None,
        order: Order,
        bounds: Bounds,
        stopping: Stop,
        watch: Watch,
    ) -> None:
        self._engine = engine
        self._files = files
        self._ledger = ledger
        self._requested = requested
        self._call = call
        self._client = client
        self._order = order
        self._bounds = bounds
        self._stopping = stopping
        self._watch = watch
        self._begun: list[_Begun] = []
        self._started = time.monotonic()
        self._ended = 0
        self._standing = standing(ledger)
        self._seconds_left: float | None = None

    def run(self, rows: Iterable[Row], count: int) -> str | None:
        """Run the rows, of which there are ``count``; why it stopped before the last, where it did.

        What is in the queue then goes on and is recorded, unless ``stopping`` is set: it is found by the next run.
        Raises ``Unavailable`` where something is missing that other rows would miss too.
        """
        self._left = count if self._bounds.limit is None else min(count, self._bounds.limit)
        self._tell(None)
        reason = None
        for row in rows:
            while len(self._begun) >= self._most() and not self._stopping.is_set():
                self._outlast(self._settle)
            reason = self._why_stop()
            if self._stopping.is_set() or reason or not self._left:
                break
            self._left -= 1
            self._outlast(partial(self._begin, row))
        while self._begun and not self._stopping.is_set():
            self._outlast(self._settle)
        return reason

    def _outlast(self, step: Callable[[], None]) -> None:
        """Take a step of the run, again and again while the database or the storage is away, unless it was to end."""
        told = False
        while not self._stopping.is_set():
            try:
                step()
            except (DatabaseAway, StorageAway) as error:
                if not told:
                    log.warning("a batch waits: %s", error)
                    self._tell(Doing(str(error), waits=True))
                told = True
                self._stopping.wait(_AWAY)
            else:
                return

    def cancel(self) -> None:
        """Cancel the jobs of rows that were begun; the next run would find them cancelled."""
        for begun in self._begun:
            self._engine.cancel(begun.job_id)

    def _most(self) -> int:
        """Rows in the queue at once: few while their cost is limited and unknown, and of a client's share half."""
        order: Order = "rows" if self._bounds.max_cost and not standing(self._ledger).ended else self._order
        share = self._engine.settings.most_unfinished_per_client // 2
        return IN_FLIGHT[order] if self._client is None else max(1, min(IN_FLIGHT[order], share))

    def _why_stop(self) -> str | None:
        now, bounds = standing(self._ledger), self._bounds
        if bounds.stop_below is not None and now.ended >= bounds.after and (now.pass_rate or 0) < bounds.stop_below:
            return f"{now.passed} of {now.ended} rows passed, fewer than the {bounds.stop_below:.0%} asked for."
        if bounds.max_cost is not None:
            typical = now.device_seconds / now.ended if now.ended else 0
            expected = now.device_seconds + typical * (len(self._begun) + 1)
            if expected > bounds.max_cost:
                return f"The next row would take the batch past {bounds.max_cost:.0f} s of the device, its limit."
        return None

    def _begin(self, row: Row) -> None:
        known = self._ledger.outcome(row.custom_id)
        attempt = known.failures if known and known.fingerprint == row.fingerprint else 0
        try:
            request, recipe = self._requested(row, attempt)
            out = str(self._files.folder / ROWS / row.custom_id)
            request = request.model_copy(update={"out": out, "seed_drawn": row.seed is None})
            job_id = self._job(row, attempt, request, recipe)
            if job_id is not None:
                self._begun.append(_Begun(row, job_id))
        except InputError as error:
            self._record(RowError(**_asked(row), job_id=None, seconds=0, error=_told(error)))

    def _job(self, row: Row, attempt: int, request: JobRequest, recipe: Recipe) -> str | None:
        """The job that an earlier run made of this row, or a new one.

        Waits while the queue is full; ``None`` where the run was to end meanwhile.
        """
        asked = request.model_dump(mode="json", exclude={"consent"})
        call = call_of("batch", self._call, row.custom_id, attempt, asked, recipe.model_dump(mode="json"))
        made = self._engine.store.latest_of(self._client, call)
        if made and _counts(made):
            return made.id
        while not self._stopping.is_set():
            try:
                in_phases = self._order == "phases"
                return self._engine.submit_once(request, recipe, call, self._client, in_phases=in_phases)[0]
            except Busy:
                self._settle()
        return None

    def _settle(self) -> None:
        """Record what has ended, or wait a moment."""
        rows = [(begun, self._engine.row(begun.job_id)) for begun in self._begun]
        ended = [(begun, job) for begun, job in rows if job.ended]
        if not ended:
            self._tell(self._doing(rows))
            self._stopping.wait(_LOOK)
        for begun, job in ended:
            line = _line(begun.row, job)
            self._begun.remove(begun)
            self._record(line)

    def _record(self, line: RowResult | RowError) -> None:
        if isinstance(line, RowError) and line.error.kind == "Unavailable":
            raise Unavailable(line.error.message)
        offset = self._files.append(line)
        if isinstance(line, RowResult):
            self._ledger.completed(line, offset)
        else:
            self._ledger.failed(line, offset)
        self._ended += 1
        left = self._left + len(self._begun)
        self._standing = standing(self._ledger)
        self._seconds_left = left * (time.monotonic() - self._started) / self._ended
        self._tell(None)

    def _doing(self, rows: Sequence[tuple[_Begun, JobRow]]) -> Doing | None:
        if not rows:
            return None
        begun, job = next((each for each in rows if each[1].status == "running"), rows[0])
        view = view_of(job, paused=job.status == "queued" and self._engine.store.paused())
        if view.paused:
            return Doing(view.line, waits=True)
        return Doing(f"{begun.row.custom_id}: {view.line}", waits=view.doing == WAITS_FOR_STORAGE)

    def _tell(self, doing: Doing | None) -> None:
        self._watch(self._standing, self._seconds_left, doing)


def _counts(made: JobRow) -> bool:
    """Whether an earlier job stands for the row: not where its files are gone, nor where something was missing."""
    if made.result is not None:
        return Path(made.result["video"]).is_file() and Path(made.result["report"]).is_file()
    return not (made.error and made.error["kind"] == "Unavailable")


def _asked(row: Row) -> dict[str, Any]:
    first = row.references[0]
    return {
        "custom_id": row.custom_id,
        "row": row.fingerprint,
        "prompt": row.prompt,
        "reference": first if first.startswith("@") else Path(first).name,
        "ended": datetime.now().astimezone(),
    }


def _told(error: InputError) -> JobError:
    return JobError(kind="InputError", message=str(error), attachments={})


def _line(row: Row, job: JobRow) -> RowResult | RowError:
    view = view_of(job)
    base = {**_asked(row), "job_id": job.id, "seconds": (job.finished or 0) - (job.started or job.finished or 0)}
    result = view.result
    if result is None:
        error = view.error or JobError(kind="Cancelled", message="The job was cancelled.", attachments={})
        return RowError(**base, error=error)
    report = Report.model_validate_json(Path(result.report).read_bytes())
    gate = report.gate is None or report.gate.passed
    shared = RowResult.model_fields.keys() & type(result).model_fields.keys() - Ended.model_fields.keys()
    return RowResult(
        **base, passed=gate and report.video is not None and report.video.passed, **result.model_dump(include=shared)
    )
