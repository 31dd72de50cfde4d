"""A whole job planned by a model in the job's own worker: one of random weights breaks nothing."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from agent.intent import prepare
from agent.jobs import JobEngine
from agent.settings import load_settings


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_nonsense_of_a_model_leaves_the_job_to_the_rules_and_the_report_says_so(
    instant: ModuleType, tiny_qwen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFACE_PLANNER", "qwen-local")
    monkeypatch.setenv("STEADFACE_PLANNER_MODEL", str(tiny_qwen))
    monkeypatch.setenv("STEADFACE_PLANNER_TIMEOUT", "150")
    with JobEngine(load_settings()) as engine:
        asked = prepare(
            engine.settings,
            prompt="A woman in an orange flight suit walks across the launch pad at dawn.",
            consent="synthetic",
            source="stated by the user",
            seed=7,
            out=None,
            face=None,
        )
        request = asked.with_photos(engine.artifacts, [Path("examples/astronaut.jpg")])
        view = engine.wait(engine.submit(request, engine.settings.recipe()), seconds=170)
    assert view.status == "completed", view.error
    assert view.result is not None
    report = json.loads(Path(view.result.report).read_text())
    assert report["planner"]["name"].startswith("rules (its answer ")
    assert [note for note in report["planner"]["notes"] if "qwen-local" in note]
