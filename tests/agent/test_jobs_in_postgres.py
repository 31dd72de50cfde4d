"""Jobs whose list and checkpoints are in PostgreSQL, run by servers with homes of their own."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from postgres_server import PostgresServer

from agent.intent import prepare
from agent.jobs import JobEngine
from agent.settings import load_settings
from tools import media


def test_a_job_that_one_home_submits_is_run_by_another_that_shares_database_and_artifacts(
    instant: ModuleType, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFACE_DATABASE_URL", postgres.new_database())
    one, two = (load_settings(home=tmp_path / name) for name in ("one", "two"))
    two.home.mkdir()
    (two.home / "artifacts").symlink_to(one.home / "artifacts")
    photo = tmp_path / "photo.png"
    photo.write_bytes(media.png_bytes(instant.picture(instant.PERSON)))
    asked = prepare(
        one, prompt="similarity=0.9", consent="synthetic", source="stated by the user", seed=7, out=None, face=None
    )
    submitting = JobEngine(one)
    job_id = submitting.submit(asked.with_photos(submitting.artifacts, [photo]), one.recipe())
    with JobEngine(two) as running:
        view = running.wait(job_id, seconds=50)
    assert view.status == "completed", view.error
    assert submitting.state_of(job_id)["delivered"]
    owner = submitting.row(job_id).owner
    submitting.close()
    assert owner is not None
    assert owner.endswith(str(two.home))
    assert not list(tmp_path.rglob("*.sqlite"))
