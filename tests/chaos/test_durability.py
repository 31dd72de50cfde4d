"""What a job keeps when its process is killed, drained, asleep or replaced, and what it makes again."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from agent.intent import prepare
from agent.jobs import JobEngine
from agent.settings import load_settings
from agent.store import JobRow
from tools import media

PERSON = "person.png"


@pytest.fixture
def engine(instant: ModuleType) -> Iterator[JobEngine]:
    """One that runs nothing yet."""
    engine = JobEngine(load_settings())
    yield engine
    engine.close()


@pytest.fixture
def submit(instant: ModuleType, engine: JobEngine, tmp_path: Path) -> Callable[[str], str]:
    photo = tmp_path / PERSON
    photo.write_bytes(media.png_bytes(instant.picture(instant.PERSON)))

    def submitted(prompt: str) -> str:
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

    return submitted


def reach(engine: JobEngine, job_id: str, stage: str) -> None:
    while (view := engine.view(job_id)).stage != stage:
        assert not view.ended, view
        time.sleep(0.02)


def fall_silent(engine: JobEngine) -> None:
    """Have it look as if no owner of a job had given a sign of life for long."""
    with closing(sqlite3.connect(engine.settings.home / "jobs.sqlite")) as db, db:
        db.execute("UPDATE jobs SET renewed = 0")


def taken_over(engine: JobEngine) -> JobRow:
    """The running job, as another process takes it over whose last owner slept."""
    row = None
    while row is None or row.id not in {each.id for each in engine.store.queue()}:
        fall_silent(engine)
        row = engine.store.claim("elsewhere")
    return row


def test_an_owner_that_wakes_finds_its_lease_lost_and_stops(engine: JobEngine, submit: Callable[[str], str]) -> None:
    job_id = submit("similarity=0.9 video=20")
    with JobEngine(load_settings()) as slept:
        reach(engine, job_id, "animate")
        taken = taken_over(engine)
        after = submit("similarity=0.9")
        assert slept.wait(after, seconds=40).status == "completed"
        held = engine.store.held(taken)
    assert (held.status, held.owner, held.epoch) == ("running", "elsewhere", 2)
    assert "clip" not in engine.state_of(job_id)


def test_a_job_whose_owner_elsewhere_fell_silent_is_taken_over(engine: JobEngine, submit: Callable[[str], str]) -> None:
    job_id = submit("similarity=0.9")
    assert engine.store.claim("elsewhere") is not None
    fall_silent(engine)
    with JobEngine(load_settings()) as running:
        assert running.wait(job_id, seconds=40).status == "completed"


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize("harm", [tear, Path.unlink])
def test_a_first_frame_that_was_torn_is_painted_again(
    engine: JobEngine, submit: Callable[[str], str], harm: Callable[[Path], None]
) -> None:
    job_id = submit("similarity=0.9 video=4")
    with JobEngine(load_settings()):
        reach(engine, job_id, "animate")
    image = engine.state_of(job_id)["painted"][0]["image"]
    harm(engine.artifacts.path(image))
    with JobEngine(load_settings()) as restarted:
        view = restarted.wait(job_id, seconds=40)
    assert view.status == "completed", view.error
    assert engine.artifacts.exists(image, verify=True)
    assert len(engine.state_of(job_id)["attempts"]) == 1


def test_a_photo_that_was_torn_is_told(engine: JobEngine, submit: Callable[[str], str]) -> None:
    job_id = submit("similarity=0.9 video=4")
    with JobEngine(load_settings()):
        reach(engine, job_id, "animate")
    tear(engine.artifacts.path(engine.row(job_id).request["photo"]))
    with JobEngine(load_settings()) as restarted:
        view = restarted.wait(job_id, seconds=40)
    assert view.error is not None
    assert "damaged" in view.error.message


def test_a_job_that_nobody_can_read_fails_and_the_next_one_runs(
    engine: JobEngine, submit: Callable[[str], str]
) -> None:
    engine.store.add("unreadable", {"prompt": "of another version"}, engine.settings.recipe().model_dump(mode="json"))
    after = submit("similarity=0.9")
    with JobEngine(load_settings()) as running:
        assert running.wait(after, seconds=40).status == "completed"
    assert engine.view("unreadable").status == "failed"


def test_a_drained_engine_keeps_what_its_call_made_and_begins_no_more(
    engine: JobEngine, submit: Callable[[str], str]
) -> None:
    running, waiting = submit("similarity=0.9 video=2"), submit("similarity=0.9")
    with JobEngine(load_settings()) as drained:
        reach(engine, running, "animate")
        drained.drain(30)
    state = engine.state_of(running)
    assert "clip" in state
    assert "video" not in state
    assert [engine.view(job_id).status for job_id in (running, waiting)] == ["queued", "queued"]
    assert [row.id for row in engine.store.queue()] == [running, waiting]


def test_a_call_that_takes_longer_than_the_drain_is_made_again(engine: JobEngine, submit: Callable[[str], str]) -> None:
    job_id = submit("similarity=0.9 video=30")
    with JobEngine(load_settings()) as drained:
        reach(engine, job_id, "animate")
        drained.drain(0.2)
    assert "clip" not in engine.state_of(job_id)
    assert engine.view(job_id).status == "queued"


@pytest.mark.parametrize("transport", [[], ["--http", "--port", "0"]], ids=["stdio", "http"])
@pytest.mark.parametrize(("number", "kept"), [(signal.SIGTERM, True), (signal.SIGINT, False)])
def test_sigterm_gives_the_running_call_time_and_ctrl_c_does_not(
    engine: JobEngine, submit: Callable[[str], str], transport: list[str], number: int, kept: bool
) -> None:
    job_id = submit("similarity=0.9 video=3")
    command = [sys.executable, "-m", "server", "serve", *transport]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet) as server:
        reach(engine, job_id, "animate")
        server.send_signal(number)
        server.wait(timeout=30)
    assert engine.view(job_id).status == "queued"
    assert ("clip" in engine.state_of(job_id)) == kept
