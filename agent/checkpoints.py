"""The checkpoints of jobs: opened for the graph that writes them, and read and deleted beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from sqlalchemy import Connection, create_engine, inspect, text

from agent.database import Place

_LAST = {
    "sqlite": """
        SELECT checkpoint FROM checkpoints AS last WHERE thread_id = :job
        AND checkpoint_id = (SELECT MAX(checkpoint_id) FROM checkpoints WHERE thread_id = :job
                             AND checkpoint_ns = last.checkpoint_ns)
        UNION ALL SELECT value FROM writes WHERE thread_id = :job
    """,
    "postgresql": """
        WITH last AS (
            SELECT DISTINCT ON (checkpoint_ns) * FROM checkpoints WHERE thread_id = :job
            ORDER BY checkpoint_ns, checkpoint_id DESC
        )
        SELECT convert_to(checkpoint::text, 'UTF8') FROM last
        UNION ALL
        SELECT blob FROM last, jsonb_each_text(last.checkpoint -> 'channel_versions') AS channels
        JOIN checkpoint_blobs AS blobs ON blobs.channel = channels.key AND blobs.version = channels.value
        WHERE blobs.thread_id = last.thread_id AND blobs.checkpoint_ns = last.checkpoint_ns
        UNION ALL SELECT blob FROM checkpoint_writes WHERE thread_id = :job
    """,
}

_TABLES = {
    "sqlite": ("writes", "checkpoints"),
    "postgresql": ("checkpoint_writes", "checkpoint_blobs", "checkpoints"),
}
"""Those of ``langgraph-checkpoint-sqlite`` and ``langgraph-checkpoint-postgres`` that hold what is of one job."""


class Checkpoints:
    """What they hold, without the graph."""

    def __init__(self, db: Connection) -> None:
        self._db = db
        self._dialect = db.dialect.name
        self._there = {*inspect(db).get_table_names()}.issuperset(_TABLES[self._dialect])

    def jobs(self) -> set[str]:
        """The jobs that have begun and not been forgotten."""
        if not self._there:
            return set()
        return {*self._db.execute(text("SELECT DISTINCT thread_id FROM checkpoints")).scalars()}

    def last(self, job_id: str) -> Iterator[bytes]:
        """What a job goes on from, as it was written: MessagePack or JSON, in which text is UTF-8."""
        if self._there:
            values = self._db.execute(text(_LAST[self._dialect]), {"job": job_id}).scalars()
            yield from (value for value in values if value is not None)

    def forget(self, job_id: str) -> None:
        for table in _TABLES[self._dialect]:
            self._db.execute(text(f"DELETE FROM {table} WHERE thread_id = :job"), {"job": job_id})
        self._db.commit()


@contextmanager
def checkpoints_in(place: Place) -> Iterator[Checkpoints]:
    """Those of all jobs; none where no job has begun there yet."""
    if isinstance(place, Path):
        engine = create_engine(f"sqlite:///{place if place.exists() else ''}", connect_args={"timeout": 30})
    else:
        from agent.postgres import open_server

        engine = open_server(place, "checkpoints", ())
    try:
        with engine.connect() as db:
            yield Checkpoints(db)
    finally:
        engine.dispose()


@contextmanager
def saver_at(place: Place) -> Iterator[BaseCheckpointSaver[Any]]:
    """For the one graph of this process that runs jobs; opened anew after ``DatabaseAway``."""
    if isinstance(place, Path):
        with closing(sqlite3.connect(place, check_same_thread=False)) as db:
            db.execute("PRAGMA synchronous=NORMAL")
            writer = SqliteSaver(db)
            writer.setup()
            yield writer
    else:
        from agent.postgres_checkpoints import saver

        with saver(place) as there:
            yield there


@contextmanager
def reader_of(place: Place) -> Iterator[BaseCheckpointSaver[Any] | None]:
    """For looking at a job beside the process that runs it; ``None`` where no job has begun yet."""
    if not isinstance(place, Path):
        from agent.postgres_checkpoints import saver

        with saver(place) as there:
            yield there
    elif not place.exists():
        yield None
    else:
        file = f"file:{quote(str(place))}?mode=ro"
        with closing(sqlite3.connect(file, uri=True, check_same_thread=False, timeout=30)) as db:
            reader = SqliteSaver(db)
            reader.is_setup = True  # by who runs the queue; setting it up here as well would lock that one out
            begun = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'writes'").fetchone()
            yield reader if begun else None
