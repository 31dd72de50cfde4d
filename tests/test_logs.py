"""What a line of a log says, in both forms, from a client's call to the worker."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from agent.intent import prepare
from agent.jobs import JobEngine
from agent.settings import load_settings
from tools import logs
from tools.errors import InputError
from tools.pools import CallKey

PHOTO = Path(__file__).parents[1] / "examples" / "astronaut.jpg"


def line(error: Exception | None = None) -> str:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("agent.jobs", logging.ERROR, __file__, 1, "two\nlines of %s", ("text",), info)
    return logs.formatter().format(record)


@pytest.fixture
def json_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(logs.FORMAT, "json")


def test_a_line_for_people_names_the_request_and_the_job() -> None:
    with logs.logged_as("r1", "j1"):
        assert line().endswith("ERROR agent.jobs: two\nlines of text request_id=r1 job_id=j1")
    assert line().endswith("ERROR agent.jobs: two\nlines of text")


@pytest.mark.usefixtures("json_lines")
def test_a_json_line_is_one_line_whatever_is_said_and_has_the_traceback() -> None:
    try:
        raise ValueError("no")
    except ValueError as error:
        with logs.logged_as("r1", "j1"):
            told = line(error)
    assert "\n" not in told
    facts = json.loads(told)
    assert facts["message"] == "two\nlines of text"
    assert (facts["level"], facts["logger"]) == ("error", "agent.jobs")
    assert (facts["request_id"], facts["job_id"]) == ("r1", "j1")
    assert facts["traceback"].endswith("ValueError: no")
    assert facts["time"].endswith("+00:00")
    assert json.loads(line()).keys() == {"time", "level", "logger", "process", "message"}


def test_a_form_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(logs.FORMAT, "xml")
    with pytest.raises(InputError, match=r"STEADFACE_LOG_FORMAT cannot be 'xml'; choose one of: text, json"):
        logs.formatter()


def test_another_request_does_not_make_a_call_another_one() -> None:
    with logs.logged_as("first"):
        key = CallKey("job", "task", 0)
    with logs.logged_as("after a restart"):
        assert CallKey("job", "task", 0) == key
    assert key.request_id == "first"


@pytest.mark.usefixtures("instant", "json_lines")
def test_the_lines_of_a_worker_name_the_request_and_the_job_that_it_works_for() -> None:
    with JobEngine(load_settings()) as engine:
        with logs.logged_as("the-call"):
            job_id = submit(engine, "similarity=0.9")
        assert engine.wait(job_id, 60).status == "completed"
        assert engine.row(job_id).request_id == "the-call"
    told = worker_lines(engine, "quick")
    assert any(each["message"].startswith("inspect_reference took") for each in told)
    assert {(each["request_id"], each["job_id"]) for each in told} == {("the-call", job_id)}


@pytest.mark.usefixtures("instant", "json_lines")
def test_an_error_names_the_request_under_which_the_log_has_it() -> None:
    with JobEngine(load_settings()) as engine:
        with logs.logged_as("the-call"):
            job_id = submit(engine, "similarity=0.9 defect")
        view = engine.wait(job_id, 60)
    assert view.error is not None
    assert view.error.message.endswith("worker-render.log, request the-call")
    [failed] = [each for each in worker_lines(engine, "render") if each["level"] == "error"]
    assert failed["request_id"] == "the-call"
    assert "ZeroDivisionError" in failed["traceback"]


def submit(engine: JobEngine, prompt: str) -> str:
    asked = prepare(
        engine.settings, prompt=prompt, consent="synthetic", source="stated by the user", seed=7, out=None, face=None
    )
    return engine.submit(asked.with_photos(engine.artifacts, [PHOTO]), engine.settings.recipe())


def worker_lines(engine: JobEngine, queue: str) -> list[dict[str, Any]]:
    """Every line of its log that is ours; libraries print there as well."""
    lines = (engine.settings.home / "logs" / f"worker-{queue}.log").read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]
