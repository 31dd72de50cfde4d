"""Jobs whose artifacts are in object storage: one machine may go on where another left off."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from agent.intent import prepare
from agent.jobs import JobEngine
from agent.settings import load_settings
from tools import media

if TYPE_CHECKING:
    from s3_server import Bucket, S3Server


@pytest.fixture
def engine(instant: ModuleType, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> JobEngine:
    """One that runs nothing yet."""
    monkeypatch.setenv("STEADFACE_ARTIFACTS_URL", bucket.url)
    return JobEngine(load_settings())


def submit(engine: JobEngine, instant: ModuleType, photo: Path, prompt: str) -> str:
    photo.write_bytes(media.png_bytes(instant.picture(instant.PERSON)))
    asked = prepare(
        engine.settings,
        prompt=prompt,
        consent="synthetic",
        source="stated by the user",
        seed=7,
        out=None,
        face=None,
    )
    return engine.submit(asked.with_photos(engine.artifacts, [photo]), engine.settings.recipe())


def reach(engine: JobEngine, job_id: str, stage: str) -> None:
    while (view := engine.view(job_id)).stage != stage:
        assert not view.ended, view
        time.sleep(0.02)


def test_a_job_that_one_machine_began_another_ends(
    engine: JobEngine,
    instant: ModuleType,
    bucket: Bucket,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job_id = submit(engine, instant, tmp_path / "person.png", "similarity=0.9 video=2")
    with engine:
        reach(engine, job_id, "animate")
    painted = engine.state_of(job_id)["painted"]
    monkeypatch.setenv("STEADFACE_HOME", str(tmp_path / "other"))
    (tmp_path / "other").mkdir(mode=0o700)
    for database in home.glob("*.sqlite"):
        shutil.copy(database, tmp_path / "other")
    shutil.rmtree(home)
    with JobEngine(load_settings()) as other:
        view = other.wait(job_id, seconds=50)
        assert view.status == "completed", view.error
        assert other.state_of(job_id)["painted"] == painted
    assert view.result is not None
    assert Path(view.result.video).is_file()
    assert not [key for key in bucket.keys if key.startswith(("videos/scratch", "videos/receipts"))]
    assert {image["image"] for image in painted} <= {key.rpartition("/")[2] for key in bucket.keys}


def test_a_storage_that_refuses_fails_the_job_in_a_sentence_without_the_credentials(
    engine: JobEngine, instant: ModuleType, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = submit(engine, instant, tmp_path / "person.png", "similarity=0.9")
    engine.close()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "")
    with JobEngine(load_settings()) as shut_out:
        view = shut_out.wait(job_id, seconds=50)
    assert view.error is not None
    assert "does not let Steadface in; check the credentials in the environment" in view.error.message


@pytest.fixture
def server(s3: S3Server, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """One that a test may stop; its clients give up after a second or two."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    yield s3
    s3.start_again()


def test_jobs_wait_in_their_places_for_a_storage_that_is_away_and_end_when_it_is_back(
    engine: JobEngine, instant: ModuleType, server: S3Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, after = (submit(engine, instant, tmp_path / "person.png", f"similarity=0.9 video={each}") for each in (3, 0))
    with engine:
        reach(engine, first, "animate")
        server.stop()
        while engine.view(first).status == "running":
            time.sleep(0.02)
        for _ in range(5):
            assert engine.view(first).line == "Waiting until the storage of artifacts answers again"
            assert [row.id for row in engine.store.queue()] == [first, after]
            time.sleep(1)
        assert engine.row(after).epoch == 0
        server.start()
        views = [engine.wait(each, seconds=40) for each in (first, after)]
        ends = [engine.row(each).finished for each in (first, after)]
    assert [view.status for view in views] == ["completed", "completed"], [view.error for view in views]
    assert ends == sorted(ends)
    assert [record.getMessage() for record in caplog.records if record.name == "agent.jobs"] == [
        f"a runner waits: The storage at {engine.settings.artifacts_url} cannot be used now "
        "(EndpointConnectionError); jobs go on when it is back. See that it can be reached from this machine."
    ]


def test_a_job_that_waits_for_its_storage_is_cancelled_at_once(
    engine: JobEngine, instant: ModuleType, server: S3Server, tmp_path: Path
) -> None:
    job_id = submit(engine, instant, tmp_path / "person.png", "similarity=0.9")
    server.stop()
    with engine:
        while "storage" not in engine.view(job_id).line:
            time.sleep(0.02)
        assert engine.cancel(job_id).status == "cancelled"


def test_a_bucket_that_went_away_for_good_fails_the_job(
    engine: JobEngine, instant: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = submit(engine, instant, tmp_path / "person.png", "similarity=0.9")
    engine.close()
    monkeypatch.setenv("STEADFACE_ARTIFACTS_URL", "s3://nowhere/videos")
    with JobEngine(load_settings()) as lost:
        view = lost.wait(job_id, seconds=50)
    assert view.error is not None
    assert view.error.message.startswith("There is no s3://nowhere/videos; make its bucket")
