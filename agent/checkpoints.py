"""What the checkpoints of jobs hold, read and deleted without the graph, beside the process that writes them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

FILE = "checkpoints.sqlite"
"""In the home folder; its tables are those of ``langgraph-checkpoint-sqlite``."""

_LAST = """
    SELECT checkpoint FROM checkpoints AS last WHERE thread_id = :job
    AND checkpoint_id = (SELECT MAX(checkpoint_id) FROM checkpoints WHERE thread_id = :job
                         AND checkpoint_ns = last.checkpoint_ns)
    UNION ALL SELECT value FROM writes WHERE thread_id = :job
"""


class Checkpoints:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._there = {name for (name,) in db.execute("SELECT name FROM sqlite_master")} >= {"checkpoints", "writes"}

    def jobs(self) -> set[str]:
        """The jobs that have begun and not been forgotten."""
        return self._all("SELECT DISTINCT thread_id FROM checkpoints")

    def last(self, job_id: str) -> Iterator[bytes]:
        """What a job goes on from, as it was written: MessagePack, in which text is UTF-8."""
        if self._there:
            yield from (value for (value,) in self._db.execute(_LAST, {"job": job_id}) if value is not None)

    def forget(self, job_id: str) -> None:
        with self._db:
            for table in ("writes", "checkpoints"):
                self._db.execute(f"DELETE FROM {table} WHERE thread_id = ?", (job_id,))

    def _all(self, query: str) -> set[str]:
        return {value for (value,) in self._db.execute(query)} if self._there else set()


@contextmanager
def checkpoints_in(home: Path) -> Iterator[Checkpoints]:
    """Those of a home folder; none where no job has begun there yet."""
    file = home / FILE
    with closing(sqlite3.connect(file if file.exists() else ":memory:", timeout=30)) as db:
        yield Checkpoints(db)
