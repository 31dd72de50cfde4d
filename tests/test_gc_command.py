"""``steadface gc``, ``pin`` and ``unpin``, as a person meets them."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner, Result

from agent.cli import app

PHOTO = Path(__file__).parents[1] / "examples" / "astronaut.jpg"

Run = Callable[..., Result]


@pytest.fixture
def home(emptied_home: Path) -> Path:
    return emptied_home


@pytest.fixture
def steadface(instant: ModuleType, kept_workers: None) -> Run:
    def run(*words: object) -> Result:
        done = CliRunner().invoke(app, [*map(str, words)])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


def grow_old(home: Path, days: float) -> None:
    then = time.time() - days * 24 * 3600
    with closing(sqlite3.connect(home / "jobs.sqlite")) as db, db:
        db.execute("UPDATE jobs SET finished = ?", (then,))
    for file in (home / "artifacts").rglob("*.*"):
        os.utime(file, (then, then))


def test_a_pinned_job_is_kept_and_an_unpinned_one_is_let_go_with_its_results_left_where_they_are(
    steadface: Run, home: Path
) -> None:
    made = steadface("generate", "--reference", PHOTO, "--prompt", "similarity=0.9", "--consent", "self", "--json")
    job = json.loads(made.stdout)
    grow_old(home, 40)
    assert steadface("pin", job["job_id"]).stdout == f"{job['job_id']} is pinned.\n"
    assert job["job_id"] not in steadface("gc", "--older-than", 30).stdout
    assert steadface("unpin", job["job_id"]).exit_code == 0

    told = steadface("gc", "--older-than", 30, "--dry-run")
    assert "would be freed" in told.stdout
    assert told.stdout.endswith(f"Let go would be: 1 job, which can then be changed no more:\n  {job['job_id']}\n")
    assert list((home / "artifacts").rglob("*.png"))

    done = steadface("gc", "--older-than", 30)
    assert done.exit_code == 0, done.stderr
    assert job["job_id"] in done.stdout
    assert not list((home / "artifacts").rglob("*.png"))
    assert Path(job["result"]["video"]).is_file()
    assert job["job_id"] in steadface("jobs").stdout
    refused = steadface("refine", job["job_id"], "motion damage=0-1")
    assert refused.exit_code == 2
    assert "no longer kept" in refused.stderr


def test_where_no_job_was_made_there_is_nothing_to_free_and_nothing_is_left_behind(home: Path, tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("steadface")
    done = subprocess.run([script, "gc"], capture_output=True, text=True, cwd=tmp_path, timeout=50)
    assert "Traceback" not in done.stdout + done.stderr
    assert (done.returncode, done.stdout) == (0, "There is nothing to free: no job was made here yet.\n")
    assert not home.exists()


def test_a_job_that_there_is_not_cannot_be_pinned(steadface: Run) -> None:
    refused = steadface("pin", "nothing")
    assert refused.exit_code == 2
    assert "There is no job 'nothing'" in refused.stderr
