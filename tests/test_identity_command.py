"""``steadface identity``, as a person meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner, Result

from agent.cli import app
from tools import media

Run = Callable[..., Result]


@pytest.fixture
def home(emptied_home: Path) -> Path:
    return emptied_home


@pytest.fixture
def steadface(instant: ModuleType, kept_workers: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, with photos of the instant backends beside it."""
    monkeypatch.chdir(tmp_path)
    for name, mark in {"me": {}, "side": {"similarity": 0.8, "yaw": 30}, "other": {"similarity": 0.1}}.items():
        picture = instant.picture(instant.Mark(**{"similarity": 1.0, **mark}))
        (tmp_path / f"{name}.png").write_bytes(media.png_bytes(picture))
    (tmp_path / "group.png").write_bytes(media.png_bytes(instant.picture(instant.Mark(faces=2))))

    def run(*words: str) -> Result:
        done = CliRunner().invoke(app, words)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


def test_a_person_is_saved_listed_filmed_and_forgotten(steadface: Run, home: Path) -> None:
    saved = steadface("identity", "add", "Alice", "side.png", "me.png", "--consent", "written")
    assert saved.exit_code == 0, saved.stderr
    assert "1. me.png: similarity is measured against this one" in saved.stdout
    assert "2. side.png: similarity 0.8" in saved.stdout
    assert steadface("identity", "show", "@alice").stdout == saved.stdout
    assert steadface("identity", "list").stdout.startswith("@alice  2 photos  consent written (stated by the user)")

    made = steadface("generate", "--reference", "@alice", "--prompt", "photos similarity=0.9", "--json")
    assert made.exit_code == 0, made.stderr
    job = json.loads(made.stdout)
    assert job["result"]["first_frame_similarity"] == pytest.approx(0.2, abs=0.01)  # of two photos

    forgotten = steadface("identity", "forget", "alice", "--revoke")
    assert "@alice is forgotten, and the consent withdrawn." in forgotten.stdout
    assert f"{job['job_id']}  completed  {job['result']['folder']}" in forgotten.stdout
    assert not (home / "identities" / "alice").exists()
    again = steadface("generate", "--reference", "me.png", "--prompt", "waves", "--consent", "self")
    assert again.exit_code == 2
    assert "The consent for alice was withdrawn" in again.stderr


def test_what_cannot_be_saved_is_told_in_one_sentence(steadface: Run) -> None:
    other = steadface("identity", "add", "alice", "me.png", "other.png", "--consent", "self")
    group = steadface("identity", "add", "alice", "group.png", "--consent", "self")
    silent = steadface("identity", "add", "alice", "me.png")
    nobody = steadface("generate", "--reference", "@alice", "--prompt", "waves")
    assert [done.exit_code for done in (other, group, silent, nobody)] == [2, 2, 2, 2]
    assert other.stderr.startswith("steadface: other.png: The photo seems to show somebody else")
    assert "Consent is missing" in silent.stderr
    assert "There is nobody called @alice" in nobody.stderr
    picture = Path(group.stderr.rpartition("They are numbered in ")[2].strip().removesuffix("."))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert steadface("identity", "list").stdout == ""
