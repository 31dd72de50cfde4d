"""Consent records: who may be shown, on what basis, who said so, for how long; in a file that processes share.

Times are seconds since 1970. A photo is known by the hash of what is stored of it, so the same picture sent again is
the same photo, and another picture of the same person is not. Withdrawing is of a photo: it holds against every job
with that photo, whoever submits it, until the owner of the installation records a new consent for any video.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Float, Integer, MetaData, Row, Select, String, Table, select, update

from agent.requests import Consent, ConsentScope, ConsentSource, JobRequest
from agent.schema import open_database
from agent.settings import ConsentBasis
from agent.status import ENDED, Status
from agent.store import JobRow, JobStore
from tools.errors import InputError

FILE = "consents.sqlite"
"""In the home folder."""

_STEPS = (
    """
    CREATE TABLE consents (
        place INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        id VARCHAR NOT NULL UNIQUE,
        subject VARCHAR NOT NULL,
        basis VARCHAR NOT NULL,
        source VARCHAR NOT NULL,
        scope VARCHAR NOT NULL,
        expires FLOAT,
        reference VARCHAR NOT NULL,
        client VARCHAR,
        created FLOAT NOT NULL,
        revoked FLOAT
    )
    """,
    "CREATE INDEX ix_consents_reference ON consents (reference)",
)

_consents = Table(
    "consents",
    MetaData(),
    Column("place", Integer, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("basis", String, nullable=False),
    Column("source", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("expires", Float),
    Column("reference", String, nullable=False),
    Column("client", String),
    Column("created", Float, nullable=False),
    Column("revoked", Float),
)


@dataclass(frozen=True)
class ConsentRecord:
    """``subject`` is a label for the person. ``reference`` is the photo's SHA-256, as its artifact is named.

    ``client`` is who recorded it, ``None`` the owner of the installation.
    """

    id: str
    subject: str
    basis: ConsentBasis
    source: ConsentSource
    scope: ConsentScope
    expires: float | None
    reference: str
    client: str | None
    created: float
    revoked: float | None

    @property
    def expired(self) -> bool:
        return self.expires is not None and self.expires <= time.time()

    @property
    def state(self) -> str:
        return "withdrawn" if self.revoked else "ended" if self.expired else "stands"


@dataclass(frozen=True)
class Output:
    """A job with the photo, and its files that are still there."""

    job_id: str
    status: Status
    created: float
    files: list[Path]


@dataclass(frozen=True)
class Known:
    """What is on record for a photo: the consent that stands, or else a sentence that says why none does."""

    consent: Consent | None
    note: str | None


class ConsentBook:
    """Safe to use from any thread and from several processes."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._engine = open_database(home / FILE, _STEPS)

    def record(
        self,
        *,
        subject: str,
        basis: ConsentBasis,
        source: ConsentSource,
        scope: ConsentScope,
        reference: str,
        expires: float | None = None,
        client: str | None = None,
    ) -> ConsentRecord:
        """Keep a new record; ``reference`` may carry the artifact's suffix."""
        made = ConsentRecord(
            id=secrets.token_hex(6),
            subject=subject,
            basis=basis,
            source=source,
            scope=scope,
            expires=expires,
            reference=_hash(reference),
            client=client,
            created=time.time(),
            revoked=None,
        )
        with self._engine.begin() as db:
            db.execute(_consents.insert().values(vars(made)))
        return made

    def get(self, record_id: str) -> ConsentRecord:
        """``InputError`` where there is none of that id."""
        with self._engine.connect() as db:
            row = db.execute(select(_consents).where(_consents.c.id == record_id)).first()
        if row is None:
            raise InputError(f"There is no consent {record_id!r}; steadface consent list shows those there are.")
        return _record(row)

    def records(self, limit: int) -> list[ConsentRecord]:
        """The newest first."""
        with self._engine.connect() as db:
            return [_record(row) for row in db.execute(_newest_first().limit(limit))]

    def photos_for_any_video(self) -> set[str]:
        """The hashes of the photos that somebody remembered a consent for which still holds."""
        any_video = select(_consents).where(_consents.c.scope == "any video", _consents.c.revoked.is_(None))
        with self._engine.connect() as db:
            records = [_record(row) for row in db.execute(any_video)]
        return {record.reference for record in records if not record.expired}

    def standing(self, reference: str, client: str | None = None) -> ConsentRecord | None:
        """What the client remembered of this photo for any video, where it still holds."""
        remembered = self._remembered(reference, client)
        return remembered if remembered and self._holds(remembered, [reference]) else None

    def known(self, reference: str, client: str | None) -> Known:
        """What the client remembered of a photo."""
        standing = self.standing(reference, client)
        if standing:
            return Known(consent_under(standing), None)
        withdrawal, lapsed = self.withdrawn(reference), self.lapsed(reference, client)
        return Known(None, _withdrawn(withdrawal) if withdrawal else _ended(lapsed) if lapsed else None)

    def lapsed(self, reference: str, client: str | None = None) -> ConsentRecord | None:
        """What was remembered of this photo, where its time is over."""
        remembered = self._remembered(reference, client)
        return remembered if remembered and remembered.expired and not remembered.revoked else None

    def withdrawn(self, *references: str) -> ConsentRecord | None:
        """The last withdrawal of any of these photos, whether or not consent was given again since."""
        photos = [_hash(reference) for reference in references]
        query = (
            select(_consents)
            .where(_consents.c.reference.in_(photos), _consents.c.revoked.is_not(None))
            .order_by(_consents.c.revoked.desc())
        )
        with self._engine.connect() as db:
            row = db.execute(query.limit(1)).first()
        return _record(row) if row else None

    def revoke(self, record_id: str) -> list[str]:
        """Withdraw consent for the photo of a record: every record of it ends, and jobs that wait or run are stopped.

        The ids of those jobs come back. A photo whose consent was withdrawn already stays as it is.
        """
        reference = self.get(record_id).reference
        of_photo = update(_consents).where(_consents.c.reference == reference, _consents.c.revoked.is_(None))
        with self._engine.begin() as db:
            db.execute(of_photo.values(revoked=time.time()))
        with closing(JobStore(self._home / "jobs.sqlite")) as jobs:
            stopped = [row.id for row in jobs.using(reference) if row.status not in ENDED]
            for job_id in stopped:
                jobs.ask_cancel(job_id)
        return stopped

    def expire(self, record_id: str, when: float) -> ConsentRecord:
        """Set when a record's time is over, which may be now."""
        self.get(record_id)
        with self._engine.begin() as db:
            db.execute(update(_consents).where(_consents.c.id == record_id).values(expires=when))
        return self.get(record_id)

    def outputs(self, record_id: str) -> list[Output]:
        """What was made with the photo of a record, under any record, the newest first."""
        reference = self.get(record_id).reference
        with closing(JobStore(self._home / "jobs.sqlite")) as jobs:
            return [Output(row.id, row.status, row.created, _files(row)) for row in jobs.using(reference)]

    def admit(self, request: JobRequest, client: str | None) -> JobRequest:
        """The request with the record that its consent is kept under; raises ``InputError`` where it has none.

        A follow-up keeps the record of its job while that holds; else what the client remembered since may stand in.
        """
        photos = _photos(request)
        consent, remembered = request.consent, self.standing(request.photo, client)
        if remembered and not self._holds(remembered, photos):
            remembered = None
        if consent.record is not None:
            kept = self.get(consent.record)
            if self._holds(kept, photos):
                return request
            if remembered is None:
                raise self._refusal(kept, photos)
        elif remembered is None:
            self._expect_given(consent, photos, client)
        if remembered is None or (consent.record is None and remembered.basis != consent.basis):
            remembered = self._recorded(request, client)
        return request.model_copy(update={"consent": consent_under(remembered)})

    def keep_for_person(
        self, name: str, consent: Consent, photos: Sequence[str], new: Sequence[str], client: str | None
    ) -> dict[str, ConsentRecord]:
        """Record consent for any video with each of the ``new`` among a named person's photos; by photo.

        ``consent`` was stated now, or is that of one of the person's records. Raises ``InputError`` where it was
        withdrawn, or its time is over.
        """
        if consent.record is None:
            self._expect_given(consent.model_copy(update={"scope": "any video"}), photos, client)
        elif not self._holds(before := self.get(consent.record), photos):
            raise self._refusal(before, photos)
        return {
            photo: self.record(
                subject=name,
                basis=consent.basis,
                source=consent.source,
                scope="any video",
                reference=photo,
                expires=consent.expires.timestamp() if consent.expires else None,
                client=client,
            )
            for photo in new
        }

    def expect_standing(self, request: JobRequest) -> None:
        """Raises ``InputError`` where the consent that a job was queued with holds no more."""
        record = self.get(request.consent.record) if request.consent.record else None
        if record and not self._holds(record, _photos(request)):
            raise self._refusal(record, _photos(request))

    def close(self) -> None:
        self._engine.dispose()

    def _expect_given(self, consent: Consent, photos: Iterable[str], client: str | None) -> None:
        """After a withdrawal only the owner's new consent for any video counts."""
        withdrawal = self.withdrawn(*photos)
        if withdrawal and (client, consent.source, consent.scope) != (None, "stated by the user", "any video"):
            raise InputError(_withdrawn(withdrawal))

    def _recorded(self, request: JobRequest, client: str | None) -> ConsentRecord:
        return self.record(
            subject=request.identity or request.photo_name,
            basis=request.consent.basis,
            source=request.consent.source,
            scope=request.consent.scope,
            reference=request.photo,
            client=client,
        )

    def _holds(self, record: ConsentRecord, photos: Iterable[str]) -> bool:
        if record.revoked or record.expired:
            return False
        withdrawal = self.withdrawn(*photos)
        return withdrawal is None or withdrawal.revoked is None or withdrawal.revoked < record.created

    def _refusal(self, record: ConsentRecord, photos: Iterable[str]) -> InputError:
        withdrawal = self.withdrawn(*photos)
        return InputError(_withdrawn(withdrawal) if withdrawal else _ended(record))

    def _remembered(self, reference: str, client: str | None) -> ConsentRecord | None:
        query = _newest_first().where(
            _consents.c.reference == _hash(reference),
            _consents.c.scope == "any video",
            _consents.c.source == "stated by the user",
            _consents.c.client.is_not_distinct_from(client),
        )
        with self._engine.connect() as db:
            row = db.execute(query.limit(1)).first()
        return _record(row) if row else None


def consent_under(record: ConsentRecord) -> Consent:
    """What a job keeps of the record that it is made under."""
    expires = None if record.expires is None else moment(record.expires)
    return Consent(basis=record.basis, source=record.source, scope=record.scope, record=record.id, expires=expires)


def known_consent(home: Path, reference: str) -> Known:
    """What the owner remembered of a photo. Leaves no file behind where nothing was ever recorded."""
    if not (home / FILE).exists():
        return Known(None, None)
    with closing(ConsentBook(home)) as book:
        return book.known(reference, None)


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds).astimezone()


def _ended(record: ConsentRecord) -> str:
    assert record.expires is not None
    return (
        f"The consent for {record.subject} ended on {moment(record.expires):%d %B %Y}; ask the person again, and state "
        "the new consent."
    )


def _withdrawn(record: ConsentRecord) -> str:
    assert record.revoked is not None
    return (
        f"The consent for {record.subject} was withdrawn on {moment(record.revoked):%d %B %Y}, so no video is made of "
        "this photo; only after the person has agreed again, record that with steadface consent add."
    )


def _photos(request: JobRequest) -> list[str]:
    return [request.photo, *(photo.image for photo in request.more_photos)]


def _hash(reference: str) -> str:
    return reference.partition(".")[0]


def _newest_first() -> Select[Any]:
    return select(_consents).order_by(_consents.c.place.desc())


def _record(row: Row[Any]) -> ConsentRecord:
    values = dict(row._mapping)
    del values["place"]
    return ConsentRecord(**values)


def _files(row: JobRow) -> list[Path]:
    """The files that a job tells of, and its candidates beside them, as far as they are still there."""
    result, error, progress = row.result or {}, row.error or {}, row.progress or {}
    told = {result.get(name) for name in ("video", "first_frame", "contact_sheet", "report", "page")}
    told.update(error.get("attachments", {}).values())
    told.update(candidate["file"] for candidate in progress.get("candidates", []))
    beside = Path(result["folder"]).glob("candidate_*.png") if result else ()
    return sorted(path for path in {*map(Path, filter(None, told)), *beside} if path.is_file())
