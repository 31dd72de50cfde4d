"""A PostgreSQL database that several servers share: connecting to it, its schema, and what it says when it fails.

The URL is read by libpq alone, into parameters that nothing prints. Importing this raises ``Unavailable`` where the
driver is not installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext

from agent.database import DatabaseAway
from tools.errors import InputError, Unavailable

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
except ImportError:
    raise Unavailable("A PostgreSQL database needs a driver; install it: pip install 'steadface[postgres]'.") from None

_PATIENCE = {
    "application_name": "steadface",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Unless the URL says otherwise, a server that is gone is missed within a minute; milliseconds the last, seconds all
others."""

_LOCK = 0x57EADFACE
"""Held in the database by who brings its schema up."""


def open_server(url: SecretStr, name: str, steps: Sequence[str]) -> Engine:
    """The database, with every one of ``steps`` taken; their count is kept under ``name``.

    Raises ``InputError`` for one that a newer version wrote, and for a URL that cannot be read; ``DatabaseAway``, as
    does whatever is done later, where it does not answer.
    """
    engine = create_engine(
        "postgresql+psycopg://",
        connect_args=parameters(url),
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        hide_parameters=True,
    )
    event.listen(engine, "handle_error", _tell)
    try:
        _bring_up(engine, name, steps)
    except BaseException:
        engine.dispose()
        raise
    return engine


def parameters(url: SecretStr) -> dict[str, Any]:
    """What libpq connects with; raises ``InputError``, which repeats nothing of it, where the URL cannot be read."""
    try:
        given = conninfo_to_dict(url.get_secret_value())
    except psycopg.Error:
        raise InputError(_UNREADABLE) from None
    if any("@" in str(given.get(part)) for part in ("host", "port", "dbname")):
        raise InputError(_UNREADABLE)  # or what is cut out of a password would be shown as the name of a host
    return {**_PATIENCE, **given}


_UNREADABLE = (
    "The URL of the database cannot be read; write postgresql://user:password@host:5432/name, with %40 for @, %3A for "
    ":, %2F for / and %25 for % in a password."
)


def _bring_up(engine: Engine, name: str, steps: Sequence[str]) -> None:
    with engine.begin() as db:
        db.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")  # one process at a time
        db.exec_driver_sql("CREATE TABLE IF NOT EXISTS schemas (name VARCHAR PRIMARY KEY, steps INTEGER NOT NULL)")
        taken = db.exec_driver_sql("SELECT steps FROM schemas WHERE name = %s", (name,)).scalar() or 0
        if taken > len(steps):
            raise InputError(
                "The database was written by a newer version of Steadface; use that one, or another database."
            )
        for step in steps[taken:]:
            db.exec_driver_sql(step)
        if taken < len(steps):
            db.exec_driver_sql(
                "INSERT INTO schemas VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET steps = excluded.steps",
                (name, len(steps)),
            )


@contextmanager
def told_plainly() -> Iterator[None]:
    """Raises ``DatabaseAway`` in the place of what the driver says of a database that cannot be used."""
    try:
        yield
    except psycopg.Error as error:
        away = _away(error)
        if away is None:
            raise
        raise away from error


def _tell(context: ExceptionContext) -> BaseException | None:
    error = context.original_exception
    if isinstance(error, psycopg.DataError):
        return InputError(f"PostgreSQL cannot take what was given: {_first_line(error)}.")
    return None if context.is_pre_ping else _away(error)


def _away(error: BaseException) -> DatabaseAway | None:
    """What a driver's error says of the database, where it is not the statement's fault."""
    if not isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction)):
        return None
    reason = _first_line(error).rpartition("failed: ")[2].removeprefix("FATAL:").strip()
    return DatabaseAway(
        f"The PostgreSQL database cannot be used now ({reason}); jobs go on when it is back. See that it runs, and "
        "that STEADFACE_DATABASE_URL is right."
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
