"""The queue by hand: paused, resumed, and its order changed, on the command line and for clients."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agent.cli import app
from agent.errors import UnknownJob
from agent.jobs import JobEngine
from agent.queue import JobQueue
from agent.settings import load_settings
from agent.store import JobStore
from tools.errors import InputError

Run = Callable[..., Any]


@pytest.fixture
def store(home: Path) -> Iterator[JobStore]:
    """Three jobs of the owner's that wait, and one of a client's."""
    store = JobStore(home / "jobs.sqlite")
    for name in ("a", "b", "c"):
        store.add(name, {"prompt": f"A woman waves {name}."}, {})
    store.add("hers", {"prompt": "A man waves."}, {}, client="hers")
    yield store
    store.close()


@pytest.fixture
def steadface(home: Path) -> Run:
    return lambda *words: CliRunner().invoke(app, ["queue", *words])


def order(told: Any) -> list[str]:
    assert told.exit_code == 0, told.output
    return [line.split()[0] for line in told.stdout.splitlines()[1:]]


def test_the_queue_is_shown_in_its_order_and_moved_in(store: JobStore, steadface: Run) -> None:
    assert order(steadface("show")) == ["a", "b", "c", "hers"]
    assert order(steadface("move", "c", "--first")) == ["c", "a", "b", "hers"]
    assert order(steadface("move", "c", "--priority", "-5")) == ["a", "b", "hers", "c"]
    assert order(steadface("move", "hers", "--priority", "7")) == ["hers", "a", "b", "c"]
    assert "priority   7  A man waves." in steadface("show").stdout


def test_pausing_holds_every_waiting_job_and_they_say_so(store: JobStore, steadface: Run) -> None:
    assert steadface("pause").stdout.startswith("The queue is paused")
    with JobEngine(load_settings()) as engine:
        view = engine.view("b")
        assert engine.wait("a", seconds=1).status == "queued"
        assert (view.paused, view.waiting_before) == (True, 1)
        assert view.line == "The queue is paused; resume_queue, or steadface queue resume, goes on"
    assert steadface("resume").stdout.startswith("The queue is running")
    assert not store.paused()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["move", "a"], "Give either --first or --priority."),
        (["move", "a", "--first", "--priority", "1"], "Give either --first or --priority."),
        (["move", "a", "--priority", "101"], "A priority cannot be 101; give one from -100 to 100; jobs have 0."),
        (["move", "z", "--first"], "There is no job 'z'; list the jobs to see their ids."),
    ],
)
def test_what_cannot_be_is_told_in_one_sentence(store: JobStore, steadface: Run, words: list[str], told: str) -> None:
    refused = steadface(*words)
    assert (refused.exit_code, refused.stderr) == (2, f"steadface: {told}\n")


def test_a_job_that_runs_cannot_be_moved(store: JobStore) -> None:
    store.claim("me")
    with pytest.raises(InputError, match=r"^Job a is running; only a job that waits can be moved\.$"):
        JobQueue(store).put_first("a")


def test_a_client_moves_its_own_jobs_behind_those_of_others_and_pauses_nothing(store: JobStore) -> None:
    hers = JobQueue(store.seen_by("hers"), "hers")
    assert [job.job_id for job in hers.show().jobs] == ["hers"]
    hers.put_first("hers")
    assert [row.id for row in store.queue()] == ["a", "b", "c", "hers"]
    for move in (lambda: hers.put_first("a"), lambda: hers.set_priority("a", -1)):
        with pytest.raises(UnknownJob):
            move()
    for change in (hers.pause, hers.resume, lambda: hers.set_priority("hers", 1)):
        with pytest.raises(InputError, match=r"^Only the owner of this installation may"):
            change()
    hers.set_priority("hers", -1)
    assert not store.paused()


def test_a_long_queue_is_shown_as_far_as_a_message_carries_it(store: JobStore) -> None:
    for number in range(120):
        store.add(f"more-{number}", {"prompt": "x" * 4000}, {})
    shown = JobQueue(store).show()
    assert (shown.unfinished, len(shown.jobs)) == (124, 100)
    assert shown.lines[-1] == "Further jobs: 24"
    assert len(shown.model_dump_json()) < 30_000
