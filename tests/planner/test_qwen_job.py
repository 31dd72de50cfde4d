"""Whole jobs on the instant backends whose planner asks a server: an outage never fails one."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from stub_server import TEMPORAL, serving, stalls

from agent.intent import prepare
from agent.jobs import JobEngine
from agent.views import JobView

PROMPT = "A woman in an orange flight suit walks across the launch pad at dawn."


@pytest.fixture
def engine(shared_engine: JobEngine) -> JobEngine:
    return shared_engine


def submit(engine: JobEngine, **settings: Any) -> str:
    asked = prepare(
        engine.settings, prompt=PROMPT, consent="synthetic", source="stated by the user", seed=7, out=None, face=None
    )
    recipe = engine.settings.recipe().model_copy(update={"planner": "qwen", **settings})
    return engine.submit(asked.with_photos(engine.artifacts, [Path("examples/astronaut.jpg")]), recipe)


def report_of(view: JobView) -> dict[str, Any]:
    assert view.status == "completed", view.error
    assert view.result is not None
    return dict(json.loads(Path(view.result.report).read_text()))


def test_a_server_that_is_not_there_leaves_the_job_to_the_rules(engine: JobEngine) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    view = engine.wait(submit(engine, planner_url=url), seconds=55)
    assert "rules (the server refused the connection)" in json.dumps(report_of(view))


def test_a_server_that_answers_speaks_in_the_report(engine: JobEngine) -> None:
    with serving() as stub:
        report = json.dumps(report_of(engine.wait(submit(engine, planner_url=stub.url), seconds=55)))
        assert stub.refused == []
    assert TEMPORAL in report
    assert '"planner": "qwen"' in report
    assert "temporal_polisher" in report


def test_a_job_that_waits_for_its_planner_is_cancelled_at_once(engine: JobEngine) -> None:
    with serving() as stub:
        stub.always = stalls
        job = submit(engine, planner_url=stub.url)
        patience = time.monotonic() + 30
        while not stub.bodies and time.monotonic() < patience:
            time.sleep(0.05)
        began = time.monotonic()
        assert engine.cancel(job).status == "cancelled"
        assert time.monotonic() - began < 3
