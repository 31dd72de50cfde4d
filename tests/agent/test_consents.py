"""Consent is kept with each job, remembered where the user says so, and can be withdrawn."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from agent.consents import ConsentBook, Known, known_consent
from agent.database import Database
from agent.intent import prepare
from agent.jobs import JobEngine
from agent.requests import Consent, JobRequest, Photo
from agent.settings import load_settings
from tools.errors import InputError
from tools.pools.local import LocalPool

PHOTO = "a" * 64 + ".png"
OTHER = "b" * 64 + ".png"
LATER = time.time() + 3600


@pytest.fixture
def book(tmp_path: Path) -> Iterator[ConsentBook]:
    book = ConsentBook(Database.of(tmp_path))
    yield book
    book.close()


def remember(book: ConsentBook, reference: str = PHOTO, client: str | None = None, expires: float | None = None) -> str:
    kept = book.record(
        subject="Ada",
        basis="written",
        source="stated by the user",
        scope="any video",
        reference=reference,
        expires=expires,
        client=client,
    )
    return kept.id


def asked(consent: Consent, photo: str = PHOTO) -> JobRequest:
    return JobRequest(photo=photo, photo_name="ada.jpg", prompt="Ada waves.", consent=consent, seed=1)


ASSERTED = Consent(basis="self", source="asserted by client")
STATED = Consent(basis="self", source="stated by the user")
RENEWED = Consent(basis="self", source="stated by the user", scope="any video")


def test_a_job_is_kept_under_a_record_of_what_was_stated(book: ConsentBook) -> None:
    consent = book.admit(asked(ASSERTED), "laptop").consent
    assert consent.record is not None
    kept = book.get(consent.record)
    assert (kept.subject, kept.basis, kept.source, kept.scope) == (
        "ada.jpg",
        "self",
        "asserted by client",
        "this video",
    )
    assert (kept.reference, kept.client, kept.revoked, kept.expires) == ("a" * 64, "laptop", None, None)
    assert consent == ASSERTED.model_copy(update={"record": kept.id})


def test_what_is_said_for_one_video_is_not_remembered_for_another(book: ConsentBook) -> None:
    book.admit(asked(STATED), None)
    assert book.standing(PHOTO) is None
    book.admit(asked(RENEWED), None)
    assert book.standing(PHOTO) is not None
    assert book.standing(OTHER) is None


def test_what_a_client_asserts_is_never_remembered(book: ConsentBook) -> None:
    book.admit(asked(ASSERTED.model_copy(update={"scope": "any video"})), None)
    assert book.standing(PHOTO) is None


def test_a_remembered_consent_serves_further_jobs_and_is_not_recorded_again(book: ConsentBook) -> None:
    first = book.admit(asked(RENEWED), None).consent
    assert book.admit(asked(RENEWED), None).consent == first
    assert book.admit(asked(STATED), None).consent == first
    assert len(book.records(10)) == 1


def test_what_one_client_remembered_is_nobody_elses(book: ConsentBook) -> None:
    remember(book, client="laptop")
    assert book.standing(PHOTO, "laptop") is not None
    assert book.standing(PHOTO) is None
    assert book.standing(PHOTO, "phone") is None


def test_an_ended_consent_counts_as_missing_and_says_so(book: ConsentBook, tmp_path: Path) -> None:
    record = remember(book, expires=LATER)
    assert known_consent(Database.of(tmp_path), PHOTO).consent is not None
    followed = book.admit(asked(RENEWED.model_copy(update={"basis": "written"})), None)
    book.expire(record, time.time() - 1)
    assert book.standing(PHOTO) is None
    known = known_consent(Database.of(tmp_path), PHOTO)
    assert known.consent is None
    assert re.match(r"The consent for Ada ended on .*; ask the person again", known.note or "")
    with pytest.raises(InputError, match="ended"):
        book.admit(followed, None)


def test_a_withdrawn_photo_is_refused_whoever_asks_and_whatever_is_asserted(book: ConsentBook) -> None:
    follow_up = book.admit(asked(STATED), None)
    record = follow_up.consent.record
    assert record
    book.revoke(record)
    for consent in (ASSERTED, STATED, Consent(basis="self", source="standing setting")):
        with pytest.raises(InputError, match=r"^The consent for ada.jpg was withdrawn on .*steadface consent add"):
            book.admit(asked(consent), None)
    with pytest.raises(InputError, match="withdrawn"):
        book.admit(follow_up, None)
    with pytest.raises(InputError, match="withdrawn"):
        book.admit(asked(RENEWED), "laptop")
    assert book.admit(asked(STATED, OTHER), None).consent.record


def test_a_withdrawal_is_of_every_record_of_the_photo(book: ConsentBook) -> None:
    first, second = (book.admit(asked(STATED), None).consent.record for _ in range(2))
    remembered = remember(book)
    assert first
    book.revoke(first)
    assert all(book.get(each).revoked for each in (first, second, remembered) if each)
    assert book.standing(PHOTO) is None


def test_a_new_consent_of_the_owner_lifts_a_withdrawal_for_follow_ups_too(book: ConsentBook) -> None:
    follow_up = book.admit(asked(STATED), None)
    assert follow_up.consent.record
    book.revoke(follow_up.consent.record)
    renewed = remember(book)
    assert book.admit(follow_up, None).consent.record == renewed
    assert book.admit(asked(ASSERTED), None).consent.source == "asserted by client"


def test_a_withdrawn_photo_blocks_jobs_that_use_it_beside_another(book: ConsentBook) -> None:
    book.revoke(remember(book, OTHER))
    both = asked(STATED).model_copy(update={"more_photos": [Photo(image=OTHER, name="again.jpg")]})
    with pytest.raises(InputError, match="withdrawn"):
        book.admit(both, None)


def test_looking_for_what_was_remembered_leaves_nothing_behind(tmp_path: Path) -> None:
    assert known_consent(Database.of(tmp_path / "home"), PHOTO) == Known(None, None)
    assert not (tmp_path / "home").exists()


def test_two_processes_share_the_book(book: ConsentBook, tmp_path: Path) -> None:
    record = remember(book)
    another = ConsentBook(Database.of(tmp_path))
    another.revoke(record)
    another.close()
    assert book.get(record).revoked


@pytest.fixture
def home(emptied_home: Path) -> Path:
    return emptied_home


@pytest.fixture
def engine(instant: ModuleType, kept_pool: LocalPool) -> Iterator[JobEngine]:
    with JobEngine(load_settings(), kept_pool) as engine:
        yield engine


def submit(engine: JobEngine, prompt: str) -> str:
    intent = prepare(
        engine.settings, prompt=prompt, consent="licensed", source="stated by the user", seed=7, out=None, face=None
    )
    return engine.submit(
        intent.with_photos(engine.artifacts, [Path("examples/astronaut.jpg")]), engine.settings.recipe()
    )


def record_of(engine: JobEngine, job_id: str) -> str:
    record = engine.row(job_id).request["consent"]["record"]
    assert isinstance(record, str)
    return record


def test_the_report_names_the_record(engine: JobEngine) -> None:
    view = engine.wait(submit(engine, "similarity=0.9"), seconds=50)
    assert view.result
    consent = json.loads(Path(view.result.report).read_text())["request"]["consent"]
    assert consent == {
        "basis": "licensed",
        "source": "stated by the user",
        "scope": "this video",
        "record": record_of(engine, view.job_id),
        "expires": None,
    }


def test_withdrawing_stops_what_waits_or_runs_blocks_follow_ups_and_lists_what_was_made(engine: JobEngine) -> None:
    done = engine.wait(submit(engine, "similarity=0.9"), seconds=50)
    assert done.result
    running, waiting = submit(engine, "video=50"), submit(engine, "similarity=0.8")
    engine.wait(running, seconds=1)
    record = record_of(engine, done.job_id)
    assert set(engine.consents.revoke(record)) == {running, waiting}
    assert engine.wait(running, seconds=20).status == engine.wait(waiting, seconds=20).status == "cancelled"
    with pytest.raises(InputError, match="withdrawn"):
        engine.refine(done.job_id, "motion waves")
    with pytest.raises(InputError, match="withdrawn"):
        engine.animate(done.job_id, 1)
    outputs = {output.job_id: output for output in engine.consents.outputs(record)}
    assert list(outputs) == [waiting, running, done.job_id]
    assert {file.name for file in outputs[done.job_id].files} >= {"video.mp4", "first_frame.png", "report.json"}
    Path(done.result.video).unlink()
    assert Path(done.result.video) not in engine.consents.outputs(record)[-1].files


def test_a_job_whose_consent_ends_while_it_waits_is_not_run(instant: ModuleType) -> None:
    engine = JobEngine(load_settings())
    job_id = submit(engine, "similarity=0.8")
    engine.consents.expire(record_of(engine, job_id), time.time() - 1)
    with engine:
        view = engine.wait(job_id, seconds=20)
    assert view.error
    assert (view.status, view.error.kind) == ("failed", "InputError")
    assert "ended" in view.error.message
