"""Jobs whose list and checkpoints are in PostgreSQL, run by servers with homes of their own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from postgres_server import PostgresServer

from agent.database import DatabaseAway
from agent.intent import prepare
from agent.jobs import JobEngine
from agent.settings import load_settings
from tools import media


@pytest.fixture
def server(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresServer]:
    """One that a test may stop; the settings name an empty database of it."""
    monkeypatch.setenv("STEADFACE_DATABASE_URL", postgres.new_database())
    yield postgres
    postgres.start_again()


def submit(engine: JobEngine, instant: ModuleType, folder: Path, prompt: str) -> str:
    photo = folder / "photo.png"
    photo.write_bytes(media.png_bytes(instant.picture(instant.PERSON)))
    asked = prepare(
        engine.settings, prompt=prompt, consent="synthetic", source="stated by the user", seed=7, out=None, face=None
    )
    return engine.submit(asked.with_photos(engine.artifacts, [photo]), engine.settings.recipe())


def test_a_job_that_one_home_submits_is_run_by_another_that_shares_database_and_artifacts(
    instant: ModuleType, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFACE_DATABASE_URL", postgres.new_database())
    one, two = (load_settings(home=tmp_path / name) for name in ("one", "two"))
    two.home.mkdir()
    (two.home / "artifacts").symlink_to(one.home / "artifacts")
    submitting = JobEngine(one)
    job_id = submit(submitting, instant, tmp_path, "similarity=0.9")
    with JobEngine(two) as running:
        view = running.wait(job_id, seconds=50)
    assert view.status == "completed", view.error
    assert submitting.state_of(job_id)["delivered"]
    owner = submitting.row(job_id).owner
    submitting.close()
    assert owner is not None
    assert owner.endswith(str(two.home))
    assert not list(tmp_path.rglob("*.sqlite"))


@pytest.mark.parametrize("back_before_the_call_ends", [True, False])
def test_a_job_whose_database_is_stopped_and_started_again_ends_once_and_pays_nothing_twice(
    instant: ModuleType,
    server: PostgresServer,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    back_before_the_call_ends: bool,
) -> None:
    def told() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name.startswith("agent")]

    with JobEngine(load_settings()) as engine:
        job_id, after = (submit(engine, instant, tmp_path, f"similarity=0.9 video={seconds}") for seconds in (4, 0))
        while engine.view(job_id).stage != "animate":
            time.sleep(0.02)
        server.stop()
        for call in (engine.view, engine.cancel, engine.state_of):
            with pytest.raises(DatabaseAway, match=r"^The PostgreSQL database cannot be used now"):
                call(job_id)
        with pytest.raises(DatabaseAway):
            submit(engine, instant, tmp_path, "similarity=0.9")
        while not back_before_the_call_ends and not told():
            time.sleep(0.02)
        server.start()
        views = [engine.wait(each, seconds=50) for each in (job_id, after)]
        assert [view.status for view in views] == ["completed", "completed"], [view.error for view in views]
        row = engine.row(job_id)
        assert engine.store.count_by_status() == {"completed": 2}
    assert row.epoch == 3  # claimed, put back into its place, claimed again
    assert all(message.startswith("the runner waits: The PostgreSQL database") for message in told()), told()
    assert len(list(engine.settings.videos.iterdir())) == 2
    animated = (engine.settings.home / "logs" / "worker-render.log").read_text()
    assert animated.count("animate took") == 2
