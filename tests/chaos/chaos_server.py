"""A process that runs the queue, to be killed: forked from one that has imported everything, it starts in no time.

What it does that outlives it goes into ``ledger``, one line each, so that the test can count it.
"""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite import SqliteSaver

from agent.jobs import JobEngine
from agent.settings import Settings, load_settings
from agent.store import JobRow, JobStore
from tools.artifacts import Artifacts
from tools.contracts import Progress
from tools.errors import Cancelled
from tools.pools import CallKey, Closed, Done, wire
from tools.pools.calls import Request
from tools.pools.receipts import Receipt, Receipts
from tools.pools.work import OPERATIONS
from tools.pools.worker import Worker

DURABLE = (
    (JobStore, "claim"),
    (JobStore, "write"),
    (SqliteSaver, "put"),
    (SqliteSaver, "put_writes"),
    (Path, "replace"),
    (Artifacts, "drop_job"),
)
"""Everything after which the world is another one: rows, checkpoints, artifacts, receipts, results."""


def serve(environment: Mapping[str, str], ledger: Path, steps: int | None = None, *, workers: bool = False) -> None:
    """Run the queue until killed: by itself before durable step number ``steps`` of the first new job, where given.

    Calls run in this process, or in ``workers`` of its own.
    """
    os.environ.update(environment)
    _keep_account(ledger)
    if steps is not None:
        _die_before(steps)
    settings = load_settings()
    with JobEngine(settings, None if workers else _Here(settings)):
        threading.Event().wait()


class _Here:
    """A pool without workers: a call runs on the caller's thread, and leaves its receipt as in a worker."""

    def __init__(self, settings: Settings) -> None:
        self._worker = Worker(settings.open_artifacts(), settings.home / "log", OPERATIONS, io.BytesIO())
        self._closed = False

    def call(self, request: Request, key: CallKey, report: Progress, cancelled: threading.Event) -> Done:
        if self._closed:
            raise Closed
        if cancelled.is_set():
            raise Cancelled
        call = wire.Call(number=1, key=key, operation=request.operation, request=request.model_dump_json())
        receipt = self._worker._done(call)
        return Done(request.reply.model_validate_json(receipt.reply), 0.0, receipt.notes)

    def busy(self) -> bool:
        return False

    def close(self) -> None:
        self._closed = True


def _keep_account(ledger: Path) -> None:
    """Note each job that ended and each call that left a receipt."""

    def note(*words: str) -> None:
        with ledger.open("a") as file:
            file.write(" ".join(words) + "\n")

    def ended(store: JobStore, row: JobRow, **values: Any) -> None:
        write(store, row, **values)
        if "finished" in values:
            note("ended", row.id)

    def paid(receipts: Receipts, key: CallKey, operation: str, request: str, receipt: Receipt) -> None:
        leave(receipts, key, operation, request, receipt)
        note("paid", key.job_id, key.task_id, str(key.number), operation)

    write, leave = JobStore.write, Receipts.write
    JobStore.write, Receipts.write = ended, paid  # type: ignore[method-assign]


def _die_before(steps: int) -> None:
    """Step 1 is the one after the claim of a job that was never claimed before."""
    left, counting = None, threading.Lock()

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, **named: Any) -> Any:
            nonlocal left
            with counting:
                left = left and left - 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            done = step(*given, **named)
            if isinstance(done, JobRow) and done.epoch == 1 and left is None:
                left = steps
            return done

        return run

    for place, name in DURABLE:
        setattr(place, name, counted(getattr(place, name)))
