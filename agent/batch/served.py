"""Batches that the server runs: each in a thread of its own, which belongs to the server and to no request."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from agent.batch.closing import close_batch
from agent.batch.kept import KeptBatch, KeptBatches
from agent.batch.ledger import Ledger
from agent.batch.lock import FolderLock
from agent.batch.results import ResultFiles
from agent.batch.rows import Row
from agent.batch.run import BatchRun, Bounds
from agent.batch.standing import End
from tools.errors import InputError, SteadfaceError

if TYPE_CHECKING:
    from agent.jobs import JobEngine
    from agent.requests import JobRequest
    from agent.settings import Recipe, Settings

log = logging.getLogger(__name__)


class ServedBatches:
    """``engine`` gives the engine of the server, as its owner sees it."""

    def __init__(self, settings: Settings, engine: Callable[[], JobEngine]) -> None:
        self.kept = KeptBatches(settings.home, settings.open_artifacts())
        self._engine = engine
        self._closing = threading.Event()
        self._threads: dict[str, threading.Thread] = {}

    def begin(self, batch: KeptBatch) -> None:
        """Run the batch, unless this process does already."""
        if batch.id in self._threads:
            return
        thread = threading.Thread(target=self._run, args=(batch,), name=f"batch {batch.id}", daemon=True)
        self._threads[batch.id] = thread
        thread.start()

    def resume(self) -> None:
        """Go on with what an earlier process left."""
        for batch in self.kept.unfinished():
            self.begin(batch)

    def close(self) -> None:
        """Stop; jobs in the queue stay there, and what is unfinished goes on with the next server."""
        self._closing.set()
        for thread in self._threads.values():
            thread.join(timeout=5)

    def ledger(self, batch: KeptBatch) -> Ledger:
        """What is known of the batch, by its files, whichever process runs it."""
        ledger = Ledger()
        for line, kept in enumerate(self.kept.rows(batch), 1):
            ledger.add(kept.row.custom_id, line, kept.row.fingerprint, batch.terms.settings(kept.row).preset)
        ledger.load(ResultFiles(batch.folder))
        return ledger

    def _run(self, batch: KeptBatch) -> None:
        lock = FolderLock(batch.folder)
        stop = _Stop(self._closing, lambda: self.kept.cancelled(batch))
        try:
            if self._locked(lock) and self.kept.end(batch) is None:
                with closing(lock):
                    self._run_locked(batch, stop)
        except SteadfaceError as error:
            log.warning("The batch %s goes on when the server is started again: %s", batch.id, error)
        except Exception:
            log.exception("the batch %s goes on when the server is started again", batch.id)

    def _locked(self, lock: FolderLock) -> bool:
        """Wait while another process runs the batch; it may end before the batch does."""
        while not self._closing.is_set():
            try:
                lock.take(1)
            except InputError:
                continue
            return True
        return False

    def _run_locked(self, batch: KeptBatch, stop: _Stop) -> None:
        files = ResultFiles(batch.folder)
        files.mend()
        with closing(self.ledger(batch)) as ledger:
            to_do = ledger.choose((), retry_failed=False)
            engine = self._engine()
            run = BatchRun(
                engine,
                files,
                ledger,
                self._requests(batch),
                call=batch.id,
                client=batch.client,
                order=batch.order,
                bounds=Bounds(stop_below=batch.stop_below, after=batch.after),
                stopping=stop,
                watch=lambda *_: None,
            )
            try:
                reason = run.run(self._to_do(batch, ledger), to_do)
            except SteadfaceError as error:
                reason = str(error)
            if self.kept.cancelled(batch):
                run.cancel()
                reason = "It was cancelled."
            if not self._closing.is_set():
                end: End = "stopped" if reason else "finished"
                self.kept.close(batch, close_batch(files, ledger, end, reason, batch.order))

    def _to_do(self, batch: KeptBatch, ledger: Ledger) -> Iterator[Row]:
        for line, kept in enumerate(self.kept.rows(batch), 1):
            if ledger.is_to_do(kept.row, line):
                yield kept.row

    def _requests(self, batch: KeptBatch) -> Callable[[Row, int], tuple[JobRequest, Recipe]]:
        by_id = {kept.row.custom_id: kept for kept in self.kept.rows(batch)}
        return lambda row, attempt: self.kept.request(batch, by_id[row.custom_id], attempt)


class _Stop:
    """Set when the server ends, or the batch was cancelled, in whatever process."""

    def __init__(self, closing: threading.Event, cancelled: Callable[[], bool]) -> None:
        self._closing = closing
        self._cancelled = cancelled

    def is_set(self) -> bool:
        return self._closing.is_set() or self._cancelled()

    def wait(self, timeout: float) -> bool:
        return self._closing.wait(timeout) or self._cancelled()
