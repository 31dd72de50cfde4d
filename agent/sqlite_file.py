"""An SQLite file that several processes share."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from errno import ENOSPC, EROFS
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext

from tools.artifacts import writing_to
from tools.errors import InputError


def open_file(path: Path, steps: Sequence[str]) -> Engine:
    """The file, made where it is missing, with every one of ``steps`` taken; their count is its ``user_version``.

    Raises ``InputError`` for a file that a newer version wrote; so does whatever is done later, where the disk is full
    or the file may not be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})
    event.listen(engine, "connect", _shared_file)
    event.listen(engine, "handle_error", _told_plainly(path.parent))
    _bring_up(engine, path, steps)
    return engine


def _bring_up(engine: Engine, path: Path, steps: Sequence[str]) -> None:
    with engine.begin() as db:
        if db.exec_driver_sql("PRAGMA user_version").scalar_one() == len(steps):
            return
        db.exec_driver_sql("BEGIN IMMEDIATE")  # one process at a time; the others find the steps taken
        version = int(db.exec_driver_sql("PRAGMA user_version").scalar_one())
        if version > len(steps):
            raise InputError(f"{path} was written by a newer version of Steadface; use that one, or another home.")
        for step in steps[version:]:
            db.exec_driver_sql(step)
        db.exec_driver_sql(f"PRAGMA user_version = {len(steps)}")


def _told_plainly(folder: Path) -> Callable[[ExceptionContext], None]:
    """What a person can mend, as a sentence in the place of the driver's error."""

    def tell(context: ExceptionContext) -> None:
        code = getattr(context.original_exception, "sqlite_errorcode", 0) & 0xFF  # without what extends it
        number = {sqlite3.SQLITE_FULL: ENOSPC, sqlite3.SQLITE_READONLY: EROFS, sqlite3.SQLITE_CANTOPEN: EROFS}.get(code)
        if number is not None:
            with writing_to(folder):
                raise OSError(number, str(context.original_exception))

    return tell


def _shared_file(connection: Any, _record: Any) -> None:  # noqa: ANN401 - a DBAPI connection
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
