"""Job rows and the queue, in one SQLite file that several processes share.

A row is written by the process that holds its lease: each claim raises ``epoch``, and a write with an older epoch
changes nothing and raises ``LeaseLost``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Engine,
    Float,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    create_engine,
    event,
    func,
    select,
    update,
)

from agent.errors import LeaseLost
from agent.status import ENDED, Status

_metadata = MetaData()
_jobs = Table(
    "jobs",
    _metadata,
    Column("place", Integer, primary_key=True, autoincrement=True),
    Column("id", String, unique=True, nullable=False),
    Column("status", String, nullable=False, index=True),
    Column("request", JSON, nullable=False),
    Column("recipe", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("started", Float),
    Column("finished", Float),
    Column("progress", JSON),
    Column("result", JSON),
    Column("error", JSON),
    Column("cancel_asked", Boolean, nullable=False, default=False),
    Column("owner", String),
    Column("epoch", Integer, nullable=False, default=0),
)


@dataclass(frozen=True)
class JobRow:
    """One job as the store holds it; times are seconds since 1970."""

    place: int
    id: str
    status: Status
    request: dict[str, Any]
    recipe: dict[str, Any]
    created: float
    started: float | None
    finished: float | None
    progress: dict[str, Any] | None
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    cancel_asked: bool
    owner: str | None
    epoch: int

    @property
    def ended(self) -> bool:
        return self.status in ENDED


class JobStore:
    """Safe to use from any thread and from several processes."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._engine: Engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})
        event.listen(self._engine, "connect", _shared_file)
        _metadata.create_all(self._engine)

    def add(self, job_id: str, request: dict[str, Any], recipe: dict[str, Any]) -> None:
        with self._engine.begin() as db:
            db.execute(
                _jobs.insert().values(
                    id=job_id, status="queued", request=request, recipe=recipe, created=time.time(), epoch=0
                )
            )

    def get(self, job_id: str) -> JobRow | None:
        with self._engine.connect() as db:
            row = db.execute(select(_jobs).where(_jobs.c.id == job_id)).first()
        return _row(row) if row else None

    def list(self, limit: int, status: Status | None = None) -> list[JobRow]:
        """The newest first."""
        query = select(_jobs).order_by(_jobs.c.place.desc()).limit(limit)
        if status:
            query = query.where(_jobs.c.status == status)
        with self._engine.connect() as db:
            return [_row(row) for row in db.execute(query)]

    def waiting_before(self, row: JobRow) -> int:
        """How many unfinished jobs come before this one in the queue."""
        ahead = select(func.count()).where(_jobs.c.status.not_in(ENDED), _jobs.c.place < row.place)
        with self._engine.connect() as db:
            return db.execute(ahead).scalar_one()

    def unfinished(self) -> int:
        with self._engine.connect() as db:
            return db.execute(select(func.count()).where(_jobs.c.status.not_in(ENDED))).scalar_one()

    def claim(self, owner: str) -> JobRow | None:
        """Take the next queued job, or ``None`` where none waits."""
        first = select(_jobs.c.id).where(_jobs.c.status == "queued").order_by(_jobs.c.place).limit(1).scalar_subquery()
        taken = (
            update(_jobs)
            .where(_jobs.c.id == first, _jobs.c.status == "queued")
            .values(
                status="running",
                owner=owner,
                epoch=_jobs.c.epoch + 1,
                started=func.coalesce(_jobs.c.started, time.time()),
            )
            .returning(_jobs)
        )
        with self._engine.begin() as db:
            row = db.execute(taken).first()
        return _row(row) if row else None

    def requeue_orphans(self) -> int:
        """Put running jobs back in their places: for the one process that holds the device lock, so no owner lives."""
        with self._engine.begin() as db:
            result = db.execute(
                update(_jobs).where(_jobs.c.status == "running").values(status="queued", epoch=_jobs.c.epoch + 1)
            )
            return int(result.rowcount)

    def write(self, row: JobRow, **values: Any) -> None:  # noqa: ANN401 - columns
        """Write columns of a claimed job; raises ``LeaseLost`` where another process has claimed it since."""
        with self._engine.begin() as db:
            held = update(_jobs).where(_jobs.c.id == row.id, _jobs.c.epoch == row.epoch, _jobs.c.status == "running")
            if db.execute(held.values(**values)).rowcount == 0:
                raise LeaseLost(f"job {row.id} was taken over")

    def held(self, row: JobRow) -> JobRow:
        """The row as it is now; raises ``LeaseLost`` where it is no longer this claim's."""
        now = self.get(row.id)
        if now is None or now.epoch != row.epoch or now.status != "running":
            raise LeaseLost(f"job {row.id} was taken over")
        return now

    def ask_cancel(self, job_id: str) -> None:
        """A queued job is cancelled here and now; a running one is told."""
        mine = _jobs.c.id == job_id
        with self._engine.begin() as db:
            db.execute(
                update(_jobs).where(mine, _jobs.c.status == "queued").values(status="cancelled", finished=time.time())
            )
            db.execute(update(_jobs).where(mine, _jobs.c.status == "running").values(cancel_asked=True))

    def close(self) -> None:
        self._engine.dispose()


def _shared_file(connection: Any, _record: Any) -> None:  # noqa: ANN401 - a DBAPI connection
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _row(row: Row[Any]) -> JobRow:
    values = dict(row._mapping)
    assert values["status"] in get_args(Status)
    return JobRow(**values)
