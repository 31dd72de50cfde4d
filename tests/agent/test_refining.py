"""A follow-up makes a new job that keeps what it can; what was kept is told, and nothing of the old one is lost."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from agent.intent import prepare
from agent.jobs import JobEngine
from agent.settings import load_settings
from tools.errors import InputError


@pytest.fixture
def engine(shared_engine: JobEngine) -> JobEngine:
    return shared_engine


def submit(engine: JobEngine, prompt: str, **settings: Any) -> str:
    asked = prepare(
        engine.settings, prompt=prompt, consent="synthetic", source="stated by the user", seed=7, out=None, face=None
    )
    recipe = engine.settings.recipe().model_copy(update=settings)
    return engine.submit(asked.with_photos(engine.artifacts, [Path("examples/astronaut.jpg")]), recipe)


def follow(engine: JobEngine, job_id: str, instruction: str) -> Any:
    refined = engine.refine(job_id, instruction)
    assert refined.job_id is not None
    return engine.wait(refined.job_id, seconds=60)


def ended(engine: JobEngine, job_id: str) -> Any:
    view = engine.wait(job_id, seconds=60)
    assert view.status == "completed", view.error
    return view


def report_of(view: Any) -> Any:
    return json.loads(Path(view.result.report).read_text())


def stages_of(view: Any) -> list[str]:
    return [timing["stage"] for timing in report_of(view)["timings"]]


def test_another_motion_keeps_the_first_frame_and_all_that_led_to_it(engine: JobEngine) -> None:
    first = ended(engine, submit(engine, "side=20 then similarity=0.8"))
    second = follow(engine, first.job_id, "motion waves")
    before, after = report_of(first), report_of(second)
    assert stages_of(second) == ["animate", "score_video"]
    assert after["attempts"] == before["attempts"]
    assert after["chosen"] == before["chosen"]
    assert Path(second.result.first_frame).read_bytes() == Path(first.result.first_frame).read_bytes()
    assert after["temporal_prompt"] == after["request"]["prompt"] == "waves"
    assert (after["request"]["refines"], after["request"]["understood"]) == (first.job_id, "Understood as motion.")
    assert (second.parent, second.understood) == (first.job_id, "Understood as motion.")


def test_another_look_paints_anew_and_keeps_the_photo_as_it_was_read(engine: JobEngine) -> None:
    first = ended(engine, submit(engine, "similarity=0.9"))
    second = follow(engine, first.job_id, "look similarity=0.7")
    assert stages_of(second)[0] == "generate_first_frames"
    assert second.result.first_frame_similarity == pytest.approx(0.7, abs=0.01)
    (attempt,) = report_of(second)["attempts"]
    assert attempt["spatial_prompt"] == "similarity=0.7"
    assert report_of(second)["reference"] == report_of(first)["reference"]


def test_another_take_has_another_seed_and_the_same_prompt(engine: JobEngine) -> None:
    first = ended(engine, submit(engine, "similarity=0.9"))
    second = follow(engine, first.job_id, "seed")
    assert second.prompt == first.prompt
    assert report_of(second)["request"]["seed"] != report_of(first)["request"]["seed"]


def test_settings_of_the_gate_can_change(engine: JobEngine) -> None:
    first = ended(engine, submit(engine, "similarity=0.9"))
    second = follow(engine, first.job_id, "settings")
    assert len(report_of(second)["attempts"][0]["candidates"]) == 5


def test_undo_goes_back_to_the_job_before(engine: JobEngine) -> None:
    first = ended(engine, submit(engine, "similarity=0.9"))
    second = follow(engine, first.job_id, "motion waves")
    assert engine.refine(second.job_id, "undo").job_id == first.job_id
    with pytest.raises(InputError, match="nothing to undo"):
        engine.refine(first.job_id, "undo")


def test_undo_makes_a_job_anew_that_its_follow_up_had_stopped(engine: JobEngine) -> None:
    first = submit(engine, "similarity=0.9 video=30")
    second = engine.refine(first, "motion video=30").job_id
    assert second is not None
    assert engine.view(first).status == "cancelled"
    undone, again = engine.refine(second, "undo"), engine.refine(second, "undo")
    assert undone.job_id is not None
    assert undone == again
    assert undone.told.endswith("That one had been stopped, and is made anew.")
    assert engine.view(second).status == "cancelled"
    assert engine.view(undone.job_id).prompt == "similarity=0.9 video=30"
    engine.cancel(undone.job_id)


def test_an_empty_follow_up_is_refused_as_what_it_is(engine: JobEngine) -> None:
    with pytest.raises(InputError, match="The follow-up is empty"):
        engine.refine(ended(engine, submit(engine, "similarity=0.9")).job_id, " ")


def test_what_cannot_be_known_is_asked_back_and_nothing_is_stopped(engine: JobEngine) -> None:
    job_id = submit(engine, "similarity=0.9 video=1")
    refined = engine.refine(job_id, "hmm")
    assert (refined.job_id, refined.question) == (None, "What shall change?")
    assert ended(engine, job_id)


def test_a_job_can_be_looked_into_before_and_while_the_queue_begins(instant: Any) -> None:
    """Who runs the queue sets the checkpoints up; whoever looks meanwhile neither waits for it nor disturbs it."""
    quiet = JobEngine(load_settings())
    job_id = submit(quiet, "similarity=0.9")
    assert quiet.state_of(job_id) == {}
    quiet.close()
    for _ in range(5):
        with JobEngine(load_settings()) as engine:
            for _ in range(50):
                engine.state_of(job_id)
            assert ended(engine, job_id)


def test_a_running_job_is_stopped_and_what_it_had_finished_is_kept(engine: JobEngine) -> None:
    job_id = submit(engine, "similarity=0.9 video=20")
    end = time.monotonic() + 30
    while engine.view(job_id).stage != "animate":
        assert time.monotonic() < end
        time.sleep(0.05)
    second = follow(engine, job_id, "motion waves")
    assert engine.view(job_id).status == "cancelled"
    assert second.understood == "Understood as motion. The job before it was stopped; what it had finished is kept."
    assert stages_of(second)[0] == "animate"


def test_a_waiting_job_that_has_found_nothing_out_begins_anew(engine: JobEngine) -> None:
    ahead = submit(engine, "similarity=0.9 video=2")
    waiting = submit(engine, "similarity=0.9")
    second = follow(engine, waiting, "look similarity=0.8")
    assert engine.view(waiting).status == "cancelled"
    assert stages_of(second)[0] == "inspect_reference"
    assert second.prompt == "similarity=0.8"
    assert ended(engine, ahead)


def test_a_job_that_failed_at_the_gate_can_be_followed_up(engine: JobEngine) -> None:
    failed = engine.wait(submit(engine, "similarity=0.1", on_gate_failure="fail", max_attempts=1), seconds=60)
    assert failed.status == "failed"
    second = follow(engine, failed.job_id, "look similarity=0.9")
    assert second.status == "completed", second.error
    again = follow(engine, failed.job_id, "motion similarity=0.9")
    assert again.status == "failed"


def test_a_follow_up_of_a_follow_up_keeps_too(engine: JobEngine) -> None:
    first = ended(engine, submit(engine, "similarity=0.9"))
    third = follow(engine, follow(engine, first.job_id, "motion waves").job_id, "motion bows")
    assert stages_of(third) == ["animate", "score_video"]
    assert third.prompt == "bows"


@pytest.mark.parametrize(("job", "instruction", "said"), [("none", "slower", "no job 'none'"), ("", " ", "is empty")])
def test_bad_input_is_one_sentence(engine: JobEngine, job: str, instruction: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        engine.refine(job, instruction)


def test_the_rules_understand_plain_words(engine: JobEngine) -> None:
    first = ended(engine, submit(engine, "A woman walks along the sea at dawn similarity=0.9", planner="rules"))
    refined = engine.refine(first.job_id, "slower, and let her smile")
    assert refined.job_id is not None
    assert "the first frame is kept" in refined.told
    assert engine.wait(refined.job_id, seconds=60).status == "completed"
