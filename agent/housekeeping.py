"""What nothing needs any more of what Steadface keeps inside: found, told, and deleted.

Results' folders, photos of named people, consent records and the list of jobs are never touched. Of the rest everything
stays that an unfinished or pinned job needs, a person with a name, a consent that stands for any video, or an ended job
that can still be changed: each of them without limits; with limits those that ended last, as far as the limits allow.
Safe beside processes that run jobs: what was written or asked for within the last hour stays too.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from agent.checkpoints import Checkpoints, checkpoints_in
from agent.consents import ConsentBook
from agent.database import Database
from agent.requests import JobRequest
from agent.settings import Settings
from agent.store import JobRow, JobStore
from tools.artifacts import Artifacts, Folder, Kept, writing_to
from tools.errors import InputError

log = logging.getLogger(__name__)

GIGABYTE = 10**9
_DAY = 24 * 3600.0

_GRACE = 3600.0
"""Seconds. A photo is kept before its job is queued, and a cancelled call may still write."""

_PASSING = ("uploads", "previews")
"""Folders of the home whose files are kept for a day: photos given on a page, and which copy of a video is small."""

_HASH = re.compile(r"(?=([0-9a-f]{64}))")
"""Names an artifact, in whatever text it stands; what stands before it may look like a part of it."""

_ARTIFACT = re.compile(r'"([0-9a-f]{64}\.[a-z0-9]+)"')


@dataclass(frozen=True)
class Limits:
    """On what ended jobs that nobody pinned may keep; ``None`` is no limit.

    ``days`` count from a job's end. ``gigabytes`` are of all artifacts and scratch files together.
    """

    days: float | None = None
    gigabytes: float | None = None


@dataclass(frozen=True)
class Clearance:
    """What can go. ``files`` are artifacts, ``passing`` what is abandoned or was kept for its day, ``left`` the ended
    jobs that left something, ``closed`` the jobs that can be changed no more. In bytes: what that frees, what stays,
    and by how much this is over the limit.
    """

    files: list[Kept]
    passing: list[Kept]
    left: list[str]
    closed: list[str]
    freed: int
    kept: int
    over: int


@dataclass(frozen=True)
class _Ended:
    job_id: str
    finished: float
    needs: set[str]


class Housekeeping:
    """Holds a home to its limits, where there are some, and lets go what is kept for a day.

    As often as somebody asks: once an hour at the most.
    """

    def __init__(self, settings: Settings, limits: Limits) -> None:
        self._settings = settings
        self._limits = limits
        self._due = time.monotonic()

    def when_due(self) -> None:
        """What goes wrong is logged: jobs go on all the same."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _GRACE
        try:
            if self._limits == Limits():
                _drop_passing(self._settings.home)
            else:
                clear(self._settings, self._limits)
        except Exception:
            log.exception("clearing away failed, and is tried again in an hour")


class _Shelf:
    """The artifacts by their hash, and which of them are needed; those that are young stay whoever needs them.

    ``kept`` is the bytes of those that stay.
    """

    def __init__(self, files: Iterable[Kept], young: float) -> None:
        self._files: dict[str, list[Kept]] = {}
        self._needed: set[str] = set()
        self.kept = 0
        young_ones = set()
        for file in files:
            self._files.setdefault(file.stem, []).append(file)
            if file.modified > young:
                young_ones.add(file.stem)
        self.need(young_ones)

    def need(self, hashes: set[str]) -> None:
        self.kept += self.share(hashes)
        self._needed.update(hashes & self._files.keys())

    def share(self, hashes: set[str]) -> int:
        """Bytes that would stay for these alone."""
        return sum(_bytes(self._files.get(name, ())) for name in hashes - self._needed)

    @property
    def unneeded(self) -> list[Kept]:
        return [file for name in self._files.keys() - self._needed for file in self._files[name]]


def clearance(settings: Settings, limits: Limits) -> Clearance:
    """What can go now; deletes nothing."""
    now = time.time()
    artifacts, database = settings.open_artifacts(), settings.database
    shelf = _Shelf(artifacts.kept(), now - _GRACE)
    with closing(JobStore(database.jobs)) as store, checkpoints_in(database.checkpoints) as checkpoints:
        shelf.need(_needed_by_people(settings.home, database))
        unfinished: set[str] = set()
        ended: list[_Ended] = []
        for row in store.all():
            needs = _needs(row, artifacts, checkpoints)
            if not row.ended:
                unfinished.add(row.id)
            if row.pinned or not row.finished or row.finished > now - _GRACE:
                shelf.need(needs)
            else:
                ended.append(_Ended(row.id, row.finished, needs))
        begun = checkpoints.jobs()
    of_jobs = artifacts.jobs()
    scratch = sum(_bytes(files) for job, files in of_jobs.items() if job in unfinished)
    open_jobs = _within(limits, ended, shelf, scratch, now)
    left = [job for job, files in of_jobs.items() if job not in unfinished and _at_rest(files, now)]
    passing = [*artifacts.abandoned(), *_passing(settings.home)]
    kept = shelf.kept + scratch
    return Clearance(
        files=shelf.unneeded,
        passing=passing,
        left=left,
        closed=[job.job_id for job in ended[open_jobs:] if job.job_id in begun],
        freed=_bytes([*shelf.unneeded, *passing]) + sum(_bytes(of_jobs[job]) for job in left),
        kept=kept,
        over=max(0, kept - round(limits.gigabytes * GIGABYTE)) if limits.gigabytes is not None else 0,
    )


def clear(settings: Settings, limits: Limits) -> Clearance:
    """Delete what can go, and tell it. Raises ``InputError`` where another process is about it."""
    with writing_to(settings.home):
        try:
            with FileLock(settings.home / "gc.lock", timeout=0):
                found = clearance(settings, limits)
                _delete(settings, found)
                return found
        except Timeout:
            raise InputError("Another process is clearing away already; wait until it is done.") from None


def renew(artifacts: Artifacts, request: JobRequest) -> None:
    """Keep what a job is made from for as long as it takes to queue it; ``InputError`` where it was cleared away."""
    for artifact in set(_ARTIFACT.findall(request.model_dump_json())):
        if not artifacts.renew(artifact):
            raise InputError(
                "What this video would be made from is no longer kept (steadface gc clears old jobs away); make a new "
                "one from the photo."
            )


def _within(limits: Limits, ended: Sequence[_Ended], shelf: _Shelf, scratch: int, now: float) -> int:
    """How many of the ended jobs, from the one that ended last, stay as they are; what they need is needed then."""
    for number, job in enumerate(ended):
        too_old = limits.days is not None and job.finished < now - limits.days * _DAY
        size = shelf.kept + scratch + shelf.share(job.needs)
        if too_old or (limits.gigabytes is not None and size > limits.gigabytes * GIGABYTE):
            return number
        shelf.need(job.needs)
    return len(ended)


def _needs(row: JobRow, artifacts: Artifacts, checkpoints: Checkpoints) -> set[str]:
    """By their hashes, the artifacts that a job, or a change of it, goes on from."""
    told = [str([row.request, row.progress, row.result, row.error])]
    told += [text.decode("latin-1") for text in checkpoints.last(row.id)]
    if not row.ended:
        told += [receipt.decode() for receipt in artifacts.receipts(row.id)]
    return set(_HASH.findall(" ".join(told)))


def _needed_by_people(home: Path, database: Database) -> set[str]:
    """The photos and cut-outs of named people, and the photos whose consent stands for any video."""
    named = [person.read_text() for person in (home / "identities").rglob("person.json")]
    with closing(ConsentBook(database)) as book:
        photos = book.photos_for_any_video()
    return photos.union(_HASH.findall(" ".join(named)))


def _delete(settings: Settings, found: Clearance) -> None:
    artifacts = settings.open_artifacts()
    with checkpoints_in(settings.database.checkpoints) as checkpoints:
        for job_id in found.closed:
            checkpoints.forget(job_id)
    for file in found.files:
        still = artifacts.fact(file)
        if still and _at_rest([still], time.time()):  # a job may have been queued with it meanwhile
            artifacts.drop(file.name)
    for job_id in found.left:
        artifacts.drop_job(job_id)
    artifacts.drop_abandoned()
    _drop_passing(settings.home)


def _passing(home: Path) -> list[Kept]:
    return [kept for folder in _PASSING for kept in Folder(home).unused(folder)]


def _drop_passing(home: Path) -> None:
    for kept in _passing(home):
        Folder(home).drop(kept.key)


def _at_rest(files: Iterable[Kept], now: float) -> bool:
    """Whether none of them was written within the grace."""
    return all(file.modified <= now - _GRACE for file in files)


def _bytes(files: Iterable[Kept]) -> int:
    return sum(file.bytes for file in files)
