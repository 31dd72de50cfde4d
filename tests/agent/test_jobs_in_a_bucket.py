"""Jobs whose artifacts are in object storage: one machine may go on where another left off."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from agent.intent import prepare
from agent.jobs import JobEngine
from agent.settings import load_settings
from tools import media

if TYPE_CHECKING:
    from s3_server import Bucket


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
    job_id = submit(engine, instant, tmp_path / "person.png", "similarity=0.9 video=4")
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
