"""A batch of the owner of this installation: a manifest, a folder, and what was asked for on the command line."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.batch.checking import check_rows
from agent.batch.ledger import Ledger
from agent.batch.local import LocalRows
from agent.batch.lock import FolderLock
from agent.batch.manifest import folder_of, read_manifest
from agent.batch.order import Order, best_order
from agent.batch.results import ResultFiles
from agent.batch.rows import Row, row_of
from agent.batch.standing import Standing, Summary, standing
from agent.batch.terms import Terms
from agent.delivery import check_folder
from agent.settings import load_settings
from tools.errors import InputError, Unavailable
from tools.paths import full_path

if TYPE_CHECKING:
    from types import TracebackType

    from agent.batch.run import Bounds, Watch
    from agent.jobs import JobEngine


@dataclass(frozen=True)
class Selection:
    """Which rows to do: ``only`` are ids or patterns of them, all where there is none."""

    only: tuple[str, ...]
    retry_failed: bool


@dataclass(frozen=True)
class Plan:
    """What a run would do; ``seconds`` of the device, where anything is known of that."""

    standing: Standing
    to_do: int
    order: Order
    seconds: float | None


class OwnBatch:
    def __init__(
        self,
        manifest: Path,
        folder: Path,
        consent: str | None,
        preset: str | None,
        selection: Selection,
        order: Order | None = None,
    ) -> None:
        self.settings = load_settings(preset=preset)
        self._manifest = full_path(manifest)
        self._folder = full_path(folder)
        check_folder(self._folder)
        self._selection = selection
        self._asked_order = order
        self._files = ResultFiles(self._folder)
        self._ledger = Ledger()
        self._lock = FolderLock(self._folder)
        terms = Terms(consent, "stated by the user", preset)
        self._rows = LocalRows(terms, folder_of(self._manifest), self.settings, self._ledger)

    def __enter__(self) -> OwnBatch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()
        self._ledger.close()

    def check(self, tell: Callable[[int, str], None], *, alone: bool) -> tuple[int, int]:
        """Check all rows, and ``tell`` what is wrong with which; how many are good, and how many bad.

        ``alone``: no other process may be running the batch.
        """
        if alone and self._folder.exists():
            self._lock.take()
        self._ledger.load(self._files)
        bad = check_rows(read_manifest(self._manifest), self._rows.check, self._ledger, tell)
        good = self._ledger.rows()
        if not good + bad:
            raise InputError(f"The manifest {self._manifest} has no rows.")
        return good, bad

    def plan(self, bounds: Bounds) -> Plan:
        """What a run would do, and take by what rows of the batch took, else by the last jobs of their presets."""
        to_do = self._choose()
        now = standing(self._ledger)
        seconds = now.device_seconds / now.ended * to_do if now.ended else self._by_history()
        share = min(1, bounds.limit / to_do) if bounds.limit and to_do else 1
        return Plan(now, round(to_do * share), self._order(), None if seconds is None else seconds * share)

    def run(self, bounds: Bounds, begin: Callable[[Order], None], watch: Watch) -> Summary:
        """Run what is to do, and leave summary and report; a ``KeyboardInterrupt`` leaves them too, and goes on.

        ``begin`` is told in which order, before the first row.

        Raises ``InputError`` where another process runs the batch, and ``Unavailable`` where a preset cannot run.
        """
        from agent.batch.closing import close_batch
        from agent.batch.run import BatchRun
        from agent.jobs import JobEngine

        self._lock.take()
        self._files.mend()
        self._ledger.load(self._files)
        to_do = self._choose()
        if not to_do:
            return close_batch(self._files, self._ledger, "finished", None)
        begin(order := self._order())
        stopping = threading.Event()
        with JobEngine(self.settings) as engine:
            self._expect_ready(engine)
            run = BatchRun(
                engine,
                self._files,
                self._ledger,
                self._rows.request,
                call=str(self._folder),
                order=order,
                bounds=bounds,
                stopping=stopping,
                watch=watch,
            )
            try:
                reason = run.run(self._to_do(), to_do)
            except BaseException as error:
                why = str(error) if isinstance(error, Unavailable) else None
                close_batch(self._files, self._ledger, "stopped" if why else "interrupted", why, order)
                raise
            return close_batch(self._files, self._ledger, "stopped" if reason else "finished", reason, order)

    def _order(self) -> Order:
        return self._asked_order or best_order(self.settings, self._ledger.to_do_by_preset())

    def _choose(self) -> int:
        return self._ledger.choose(self._selection.only, self._selection.retry_failed)

    def _to_do(self) -> Iterator[Row]:
        for number, fields in read_manifest(self._manifest):
            if not isinstance(fields, InputError):
                try:
                    row = row_of(fields)
                except InputError:
                    continue  # told by the check
                if self._ledger.is_to_do(row, number):
                    yield row

    def _expect_ready(self, engine: JobEngine) -> None:
        for preset, missing in engine.readiness(*self._ledger.to_do_by_preset()).items():
            if missing:
                raise Unavailable(f"The preset {preset} cannot run here: {' '.join(missing)}")

    def _by_history(self) -> float | None:
        from agent.store import JobStore

        database = self.settings.database
        if not database.begun:
            return None
        with closing(JobStore(database.jobs)) as store:
            total = 0.0
            for preset, rows in self._ledger.to_do_by_preset().items():
                typical = store.typical_seconds(preset)
                if typical is None:
                    return None
                total += rows * typical
        return total
