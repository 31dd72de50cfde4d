"""Job rows and the queue, in one SQLite file that several processes share.

A row is written by the process that holds its lease: each claim raises ``epoch``, and a write with an older epoch
changes nothing and raises ``LeaseLost``. An owner renews its lease every few seconds; where one did not for ``LEASE``
seconds, whoever asks for work next takes its job over.

The queue's order is the priority, the highest first, then the turn: a job's place, unless it was moved. Of those alike
in priority, jobs that run in phases come after the others, for they go back into the queue several times.
"""

from __future__ import annotations

import builtins
import itertools
import statistics
import time
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Float,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    Update,
    and_,
    case,
    delete,
    func,
    or_,
    select,
    true,
    type_coerce,
    update,
)
from sqlalchemy.exc import IntegrityError

from agent.errors import LeaseLost
from agent.schema import open_database
from agent.status import ENDED, Status

# Files of before there were numbered steps have the first table and no number.
_STEPS = (
    """
    CREATE TABLE IF NOT EXISTS jobs (
        place INTEGER NOT NULL PRIMARY KEY,
        id VARCHAR NOT NULL UNIQUE,
        status VARCHAR NOT NULL,
        request JSON NOT NULL,
        recipe JSON NOT NULL,
        created FLOAT NOT NULL,
        started FLOAT,
        finished FLOAT,
        progress JSON,
        result JSON,
        error JSON,
        cancel_asked BOOLEAN NOT NULL,
        owner VARCHAR,
        epoch INTEGER NOT NULL
    )
    """,
    "CREATE INDEX IF NOT EXISTS ix_jobs_status ON jobs (status)",
    "ALTER TABLE jobs ADD COLUMN client VARCHAR",
    "ALTER TABLE jobs ADD COLUMN call VARCHAR",
    "CREATE INDEX ix_jobs_call ON jobs (call)",
    "ALTER TABLE jobs ADD COLUMN parent VARCHAR",
    "UPDATE jobs SET parent = json_extract(request, '$.kept.parent')",
    "CREATE INDEX ix_jobs_parent ON jobs (parent)",
    "ALTER TABLE jobs ADD COLUMN pinned BOOLEAN NOT NULL DEFAULT FALSE",
    "ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE jobs ADD COLUMN turn INTEGER",
    "ALTER TABLE jobs ADD COLUMN renewed FLOAT",
    "ALTER TABLE jobs ADD COLUMN folder VARCHAR",
    "CREATE UNIQUE INDEX ix_jobs_folder ON jobs (folder)",
    "CREATE TABLE pauses (since FLOAT NOT NULL)",
    "ALTER TABLE jobs ADD COLUMN request_id VARCHAR",
    "ALTER TABLE jobs ADD COLUMN usage JSON",
    "ALTER TABLE jobs ADD COLUMN phase INTEGER",
    "ALTER TABLE jobs ADD COLUMN ran FLOAT",
)

LEASE = 30.0
"""Seconds that a claimed job is its owner's after a sign of life."""

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
    Column("client", String),
    Column("call", String, index=True),
    Column("parent", String, index=True),
    Column("pinned", Boolean, nullable=False, default=False),
    Column("priority", Integer, nullable=False, default=0),
    Column("turn", Integer),
    Column("renewed", Float),
    Column("folder", String, unique=True),
    Column("request_id", String),
    Column("usage", JSON),
    Column("phase", Integer),
    Column("ran", Float),
)

_pauses = Table("pauses", _metadata, Column("since", Float, nullable=False))
"""One row while the queue is paused."""

_kind = (
    func.coalesce(_jobs.c.recipe["preset"].as_string(), "")
    + " "
    + func.coalesce(_jobs.c.request["stop_after"].as_string(), "")
).label("kind")
"""What decides how long a job takes, roughly."""

_turn = func.coalesce(_jobs.c.turn, _jobs.c.place)
_in_phases = _jobs.c.phase.is_not(None)
_in_order = (_jobs.c.priority.desc(), _in_phases, _turn)
_waits = _jobs.c.status == "queued"


@dataclass(frozen=True)
class JobRow:
    """One job as the store holds it; times are seconds since 1970.

    ``client`` is who made it, ``None`` the owner of the installation. ``call`` stands for what was asked: two calls
    alike have the same. ``parent`` is the job that it is a follow-up of. What a ``pinned`` job needs is never cleared
    away. ``turn`` is where it waits among those of its priority, ``None`` its place; ``renewed`` is when its owner last
    gave a sign of life. ``folder`` is what it took for its results, and no other job has the same. ``request_id`` is of
    the call that made it, as logs have it. ``usage`` is what an ended job took, as ``agent.usage`` adds it up.
    ``phase`` is the number of what it does next in ``agent.phases``, ``None`` where it runs through. A job that waits
    for a phase has run for ``ran`` seconds, and ``started`` is later by what it waited.
    """

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
    client: str | None
    call: str | None
    parent: str | None
    pinned: bool
    priority: int
    turn: int | None
    renewed: float | None
    folder: str | None
    request_id: str | None
    usage: dict[str, Any] | None
    phase: int | None
    ran: float | None

    @property
    def ended(self) -> bool:
        return self.status in ENDED


class JobStore:
    """Safe to use from any thread and from several processes."""

    def __init__(self, path: Path) -> None:
        self._engine = open_database(path, _STEPS)
        self._visible: ColumnElement[bool] = true()

    def seen_by(self, client: str) -> JobStore:
        """The same store, in which jobs of other clients are not found; what is counted, is counted of all."""
        seen = copy(self)
        seen._visible = _jobs.c.client == client
        return seen

    def add(
        self,
        job_id: str,
        request: dict[str, Any],
        recipe: dict[str, Any],
        client: str | None = None,
        call: str | None = None,
        parent: str | None = None,
        request_id: str | None = None,
        phase: int | None = None,
    ) -> None:
        with self._engine.begin() as db:
            db.execute(
                _jobs.insert().values(
                    id=job_id,
                    status="queued",
                    request=request,
                    recipe=recipe,
                    created=time.time(),
                    cancel_asked=False,
                    epoch=0,
                    client=client,
                    call=call,
                    parent=parent,
                    request_id=request_id,
                    phase=phase,
                )
            )

    def unfinished_of(self, client: str | None, call: str) -> str | None:
        """The id of a client's unfinished job that the same call made."""
        same = select(_jobs.c.id).where(
            _jobs.c.call == call, _jobs.c.client.is_not_distinct_from(client), _jobs.c.status.not_in(ENDED)
        )
        with self._engine.connect() as db:
            return db.execute(same.limit(1)).scalar()

    def latest_of(self, client: str | None, call: str) -> JobRow | None:
        """The newest job of a client's that the same call made, whatever became of it."""
        same = select(_jobs).where(_jobs.c.call == call, _jobs.c.client.is_not_distinct_from(client))
        with self._engine.connect() as db:
            row = db.execute(same.order_by(_jobs.c.place.desc()).limit(1)).first()
        return _row(row) if row else None

    def get(self, job_id: str) -> JobRow | None:
        with self._engine.connect() as db:
            row = db.execute(select(_jobs).where(_jobs.c.id == job_id, self._visible)).first()
        return _row(row) if row else None

    def list(self, limit: int, status: Status | None = None, words: str | None = None) -> list[JobRow]:
        """The newest first; with ``words`` those whose prompt has them, in whatever case."""
        query = select(_jobs).where(self._visible).order_by(_jobs.c.place.desc()).limit(limit)
        if status:
            query = query.where(_jobs.c.status == status)
        if words:
            query = query.where(_jobs.c.request["prompt"].as_string().icontains(words, autoescape=True))
        with self._engine.connect() as db:
            return [_row(row) for row in db.execute(query)]

    def all(self) -> Iterator[JobRow]:
        """Every job, the one that ended last first; those that have not ended come before."""
        query = select(_jobs).order_by(_jobs.c.finished.desc().nulls_first(), _jobs.c.place.desc())
        with self._engine.connect() as db:
            yield from map(_row, db.execute(query.execution_options(yield_per=100)))

    def ended_since(self, moment: float) -> Iterator[JobRow]:
        """The jobs that ended then or later, the one that ended first before the others; seconds since 1970."""
        query = select(_jobs).where(_jobs.c.finished >= moment).order_by(_jobs.c.finished)
        with self._engine.connect() as db:
            yield from map(_row, db.execute(query.execution_options(yield_per=100)))

    def count_by_status(self) -> dict[Status, int]:
        query = select(_jobs.c.status, func.count().label("number")).group_by(_jobs.c.status)
        with self._engine.connect() as db:
            return {row.status: row.number for row in db.execute(query)}

    def pin(self, job_id: str, pinned: bool) -> None:
        with self._engine.begin() as db:
            db.execute(update(_jobs).where(_jobs.c.id == job_id).values(pinned=pinned))

    def using(self, photo: str) -> builtins.list[JobRow]:
        """The jobs whose request names this photo, by the hash of its artifact, the newest first."""
        names_it = type_coerce(_jobs.c.request, String).contains(photo.partition(".")[0], autoescape=True)
        with self._engine.connect() as db:
            return [
                _row(row)
                for row in db.execute(select(_jobs).where(names_it, self._visible).order_by(_jobs.c.place.desc()))
            ]

    def waiting_before(self, row: JobRow) -> int:
        """How many unfinished jobs come before this one, which waits."""
        return self._count(_ahead_of(row))

    def unfinished(self) -> int:
        return self._count(_jobs.c.status.not_in(ENDED))

    def unfinished_by(self, client: str | None) -> int:
        return self._count(_jobs.c.status.not_in(ENDED), _jobs.c.client.is_not_distinct_from(client))

    def submitted_by(self, client: str, since: float) -> int:
        """How many jobs a client submitted; ``since`` is seconds since 1970."""
        return self._count(_jobs.c.client == client, _jobs.c.created >= since)

    def follow_ups(self, parent: str) -> builtins.list[str]:
        """The ids of the jobs that are follow-ups of one, the oldest first."""
        query = select(_jobs.c.id).where(_jobs.c.parent == parent, self._visible).order_by(_jobs.c.place)
        with self._engine.connect() as db:
            return [*db.execute(query).scalars()]

    def seconds_left(self, row: JobRow) -> float | None:
        """Until an unfinished job ends, by what the last jobs of its kind took; ``None`` where one kind had none yet.

        Those ahead of it in the queue count. A kind is a preset, with the video or without.
        """
        counted = _jobs.c.id == row.id
        if row.status == "queued":
            counted |= _ahead_of(row)
        since = case((_waits, time.time() - _jobs.c.ran), else_=_jobs.c.started).label("since")
        alike = select(_kind, since, func.count().label("number")).where(counted).group_by(_kind, since)
        with self._engine.connect() as db:
            ahead = db.execute(alike).all()
        typical = {kind: self._typical_seconds(kind) for kind in {each.kind for each in ahead}}
        left = 0.0
        for kind, since, number in ahead:
            seconds = typical[kind]
            if seconds is None:
                return None
            left += number * max(seconds - (time.time() - since if since else 0.0), 0.0)
        return left

    def typical_seconds(self, preset: str) -> float | None:
        """Of a whole job of the preset, by the last that were completed; ``None`` where none was."""
        return self._typical_seconds(f"{preset} ")

    def _typical_seconds(self, kind: str) -> float | None:
        """The median of the last nine."""
        took = (
            select(_jobs.c.finished - _jobs.c.started)
            .where(_jobs.c.status == "completed", _kind == kind)
            .order_by(_jobs.c.place.desc())
            .limit(9)
        )
        with self._engine.connect() as db:
            seconds = db.execute(took).scalars().all()
        return statistics.median(seconds) if seconds else None

    def _count(self, *conditions: ColumnElement[bool]) -> int:
        with self._engine.connect() as db:
            return db.execute(select(func.count()).where(*conditions)).scalar_one()

    def claim(self, owner: str, phase: int | None = None) -> JobRow | None:
        """Take the next job whose owner fell silent, else the next that waits; ``None`` where there is none.

        Of jobs in phases those come first that wait for ``phase``, whose models the device has, then those that wait
        for the earliest phase. While the queue is paused no waiting job is taken.
        """
        silent = and_(_jobs.c.status == "running", func.coalesce(_jobs.c.renewed, 0) < time.time() - LEASE)
        begins = and_(_waits, ~select(_pauses).exists())
        together = _jobs.c.phase.is_distinct_from(phase), _jobs.c.phase
        order = (_waits, _jobs.c.priority.desc(), _in_phases, *together, _turn)
        first = select(_jobs.c.id).where(silent | begins).order_by(*order).limit(1).scalar_subquery()
        taken = (
            update(_jobs)
            .where(_jobs.c.id == first, silent | _waits)
            .values(
                status="running",
                owner=owner,
                epoch=_jobs.c.epoch + 1,
                renewed=time.time(),
                started=func.coalesce(_began(time.time()), time.time()),
                ran=None,
            )
            .returning(_jobs)
        )
        with self._engine.begin() as db:
            row = db.execute(taken).first()
        return _row(row) if row else None

    def requeue_orphans(self, owner: str) -> int:
        """Put the running jobs of an earlier process back in their places; that one had the same name, and is gone."""
        with self._engine.begin() as db:
            result = db.execute(
                update(_jobs)
                .where(_jobs.c.status == "running", _jobs.c.owner == owner)
                .values(status="queued", epoch=_jobs.c.epoch + 1)
            )
            return int(result.rowcount)

    def renew(self, row: JobRow) -> None:
        """Give a sign of life for a claimed job; raises ``LeaseLost`` as ``write`` does."""
        self.write(row, renewed=time.time())

    def take_folder(self, row: JobRow, folder: Path) -> bool:
        """Take a folder for the results of a claimed job; ``False`` where it is another job's.

        Raises ``LeaseLost`` as ``write`` does.
        """
        try:
            self.write(row, folder=str(folder))
        except IntegrityError:
            return False
        return True

    def paused(self) -> bool:
        with self._engine.connect() as db:
            return db.execute(select(select(_pauses).exists())).scalar_one()

    def pause(self) -> None:
        """Begin no more jobs until ``resume``; those that run go on."""
        with self._engine.begin() as db:
            if db.execute(select(_pauses)).first() is None:
                db.execute(_pauses.insert().values(since=time.time()))

    def resume(self) -> None:
        with self._engine.begin() as db:
            db.execute(delete(_pauses))

    def queue(self) -> builtins.list[JobRow]:
        """The unfinished jobs in the order in which they run."""
        query = select(_jobs).where(_jobs.c.status.not_in(ENDED), self._visible).order_by(_waits, *_in_order)
        with self._engine.connect() as db:
            return [_row(row) for row in db.execute(query)]

    def set_priority(self, job_id: str, priority: int) -> bool:
        """Whether the job still waited, so that it has this priority now; among its equals it keeps its turn."""
        with self._engine.begin() as db:
            return db.execute(self._waiting(job_id).values(priority=priority)).rowcount > 0

    def put_first(self, job_id: str) -> bool:
        """Whether the job still waited, so that it now comes first of the waiting jobs that are seen here.

        Each of them that came before it takes the turn of the next one; what is not seen here keeps its turn. It
        waits for no phase any more.
        """
        seen = select(_jobs.c.id, _jobs.c.priority, _turn.label("turn")).where(_waits, self._visible)
        with self._engine.begin() as db:
            if db.execute(self._waiting(job_id).values(turn=_turn, phase=None)).rowcount == 0:  # no other writes now
                return False
            waiting = db.execute(seen.order_by(*_in_order)).all()
            before = [*itertools.takewhile(lambda each: each.id != job_id, waiting)]
            turns = sorted(waiting[: len(before) + 1], key=lambda each: (-each.priority, each.turn))
            for moved, taken in zip([job_id, *(each.id for each in before)], turns, strict=True):
                db.execute(update(_jobs).where(_jobs.c.id == moved).values(priority=taken.priority, turn=taken.turn))
        return True

    def _waiting(self, job_id: str) -> Update:
        return update(_jobs).where(_jobs.c.id == job_id, _waits, self._visible)

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
            ended = time.time()
            cancelled = {"status": "cancelled", "finished": ended, "started": _began(ended), "ran": None}
            db.execute(update(_jobs).where(mine, _waits).values(**cancelled))
            db.execute(update(_jobs).where(mine, _jobs.c.status == "running").values(cancel_asked=True))

    def close(self) -> None:
        self._engine.dispose()


def _ahead_of(row: JobRow) -> ColumnElement[bool]:
    """Those that run, and those that wait and come before this one."""
    turn = row.place if row.turn is None else row.turn
    earlier = and_(~_in_phases, _turn < turn) if row.phase is None else or_(~_in_phases, _turn < turn)
    before = or_(_jobs.c.priority > row.priority, and_(_jobs.c.priority == row.priority, earlier))
    return or_(_jobs.c.status == "running", and_(_waits, before))


def _began(now: float) -> ColumnElement[float]:
    """When a job was begun, as if it had not waited between its phases."""
    return case((_jobs.c.ran.is_not(None), now - _jobs.c.ran), else_=_jobs.c.started)


def _row(row: Row[Any]) -> JobRow:
    values = dict(row._mapping)
    assert values["status"] in get_args(Status)
    return JobRow(**values)
