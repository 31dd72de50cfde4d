"""LangGraph's checkpoints in PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from langgraph.checkpoint.postgres import PostgresSaver
from psycopg.rows import DictRow, dict_row
from pydantic import SecretStr

from agent.postgres import parameters, told_plainly

_LOCK = 0x57EADC4EC


class _Saver(PostgresSaver):
    """Tells plainly that the database is away; a connection that was lost then stays lost."""

    @contextmanager
    def _cursor(self, *, pipeline: bool = False) -> Iterator[psycopg.Cursor[DictRow]]:
        with told_plainly(), super()._cursor(pipeline=pipeline) as cursor:
            yield cursor


@contextmanager
def saver(url: SecretStr) -> Iterator[PostgresSaver]:
    """On a connection of its own. Makes the tables where they are missing, one process at a time."""
    with told_plainly():
        db = psycopg.Connection[DictRow].connect(
            **parameters(url), autocommit=True, prepare_threshold=0, row_factory=dict_row
        )
    with db:
        made = _Saver(db)
        with told_plainly():
            # Not waited for inside the database: what waits there for a lock keeps indexes from being made.
            while db.execute("SELECT 1 WHERE pg_try_advisory_lock(%s)", (_LOCK,)).fetchone() is None:
                time.sleep(0.05)
            made.setup()
            db.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
        yield made
