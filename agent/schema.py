"""The schema of a database that several processes share: numbered steps, so that an older one is brought up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from agent.database import Place


@dataclass(frozen=True)
class Each:
    """A step that SQLite and PostgreSQL write differently."""

    sqlite: str
    postgresql: str


Step = str | Each
"""One SQL statement; one that was released never changes."""


def open_database(place: Place, name: str, steps: Sequence[Step]) -> Engine:
    """The database, with every one of ``steps`` taken. SQLite's file is made where it is missing.

    How many were taken is kept in it: in SQLite of the file, in PostgreSQL under ``name``. Raises ``InputError`` for
    what a newer version wrote.
    """
    if isinstance(place, Path):
        from agent.sqlite_file import open_file

        return open_file(place, [step if isinstance(step, str) else step.sqlite for step in steps])
    from agent.postgres import open_server

    return open_server(place, name, [step if isinstance(step, str) else step.postgresql for step in steps])
