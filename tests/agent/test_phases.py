"""Jobs in phases: rows of a batch that want the same model follow one another, and lose nothing while they wait."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import LeaseLost
from agent.intent import prepare
from agent.jobs import JobEngine
from agent.nodes import NODES
from agent.phases import PHASES, beyond, phase_of
from agent.settings import load_settings
from agent.store import JobStore
from agent.telemetry import new_request_id

PHOTO = Path("examples/astronaut.jpg")
PLAN, FIRST_FRAMES, VIDEO, REPAIR = range(4)


@pytest.fixture
def home(emptied_home):
    return emptied_home


@pytest.fixture
def open_engine(instant, kept_pool):
    return lambda: JobEngine(load_settings(), kept_pool)


@pytest.fixture
def waiting(open_engine):
    """An engine that runs nothing yet."""
    engine = open_engine()
    yield engine
    engine.close()


def submit(engine, prompt, in_phases=True, **settings):
    asked = prepare(
        engine.settings, prompt=prompt, consent="synthetic", source="stated by the user", seed=7, out=None, face=None
    )
    recipe = engine.settings.recipe().model_copy(update=settings)
    request = asked.with_photos(engine.artifacts, [PHOTO])
    return engine.submit_once(request, recipe, new_request_id(), in_phases=in_phases)[0]


def run(open_engine, monkeypatch, job_ids):
    """Run the jobs to their ends; the nodes in the order in which they were entered, with the number of their job."""
    entered = []
    show = JobStore.write

    def told(store, row, **values):
        progress = values.get("progress")
        if progress and progress["stage"] and progress["total"] == 0:
            entered.append((job_ids.index(row.id), progress["stage"], progress["stages_begun"]))
        show(store, row, **values)

    monkeypatch.setattr(JobStore, "write", told)
    with open_engine() as engine:
        views = [engine.wait(job_id, seconds=50) for job_id in job_ids]
        rows = [engine.row(job_id) for job_id in job_ids]
    assert [view.status for view in views] == ["completed"] * len(job_ids), [view.error for view in views]
    return [(job, stage) for job, stage, _ in dict.fromkeys(entered)], rows


def runs_of(entered, *stages):
    """How often the device turned to one of these stages from something else."""
    kinds = [stage in stages for _, stage in entered]
    return sum(now and not before for before, now in zip([False, *kinds], kinds, strict=False))


def test_every_node_of_a_phase_is_one_of_the_graph():
    assert frozenset().union(*(phase.nodes for phase in PHASES)) <= NODES.keys()


def test_a_node_without_a_phase_stays_in_the_one_before():
    assert phase_of(["score_first_frames"], FIRST_FRAMES) == FIRST_FRAMES
    assert phase_of(["animate"], FIRST_FRAMES) == VIDEO
    assert "score_video" not in beyond(VIDEO)
    assert "revise_spatial_prompt" in beyond(FIRST_FRAMES)


def test_rows_take_turns_phase_by_phase_and_come_to_the_same_videos(waiting, open_engine, monkeypatch):
    prompts = [f"similarity=0.9 row {number}" for number in range(3)]
    entered, rows = run(open_engine, monkeypatch, [submit(waiting, prompt) for prompt in prompts])
    assert runs_of(entered, "inspect_reference", "decouple_prompt") == 1
    assert runs_of(entered, "generate_first_frames", "score_first_frames") == 1
    assert runs_of(entered, "animate", "score_video", "deliver") == 1
    assert all(Path(row.result["video"]).is_file() for row in rows)
    assert [stage for job, stage in entered if job == 0] == [
        "inspect_reference",
        "decouple_prompt",
        "generate_first_frames",
        "score_first_frames",
        "animate",
        "score_video",
        "deliver",
    ]


def test_rows_whose_first_frames_fail_are_revised_together_before_any_video(waiting, open_engine, monkeypatch):
    weak, good = "side=20 then similarity=0.9", "similarity=0.9"
    entered, _ = run(open_engine, monkeypatch, [submit(waiting, prompt) for prompt in (weak, good, weak)])
    stages = [stage for _, stage in entered]
    assert runs_of(entered, "revise_spatial_prompt") == 1
    assert runs_of(entered, "generate_first_frames", "score_first_frames") == 2
    assert stages.index("animate") > max(at for at, stage in enumerate(stages) if stage == "generate_first_frames")


def test_repairs_come_after_the_videos_of_all_rows(waiting, open_engine, monkeypatch):
    entered, rows = run(
        open_engine, monkeypatch, [submit(waiting, f"similarity=0.9 damage=15-25 row {n}") for n in range(2)]
    )
    asked = ("animate", "fix_keyframes", "repair_identity")
    assert [stage for _, stage in entered if stage in asked] == [stage for stage in asked for _ in range(2)]
    assert all(row.result["identity_skip"] > 0.8 for row in rows)


def test_jobs_of_people_come_before_the_phases_of_rows(waiting, open_engine, monkeypatch):
    rows = [submit(waiting, f"similarity=0.9 row {number}") for number in range(2)]
    hers = submit(waiting, "similarity=0.9 hers", in_phases=False)
    entered, _ = run(open_engine, monkeypatch, [*rows, hers])
    assert {job for job, _ in entered[:7]} == {2}


@pytest.fixture
def held(waiting, open_engine):
    """An engine whose device makes the video of the first of three rows, for long; and the rows."""
    rows = [submit(waiting, f"similarity=0.9 {words}") for words in ("video=30", "second", "third")]
    with open_engine() as engine:
        until(lambda: engine.view(rows[0]).stage == "animate")
        yield engine, rows


def until(reached):
    deadline = time.monotonic() + 40
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_row_that_waits_tells_what_it_has_and_shows_its_first_frames(held):
    engine, (_, second, _) = held
    view = engine.view(second)
    assert view.status == "queued"
    assert view.line.startswith("First frame kept; the video is made with those of other rows")
    assert [candidate.passed for candidate in view.candidates] == [True, True]


def test_a_row_that_waits_for_its_phase_can_be_cancelled_and_leaves_nothing_inside(held):
    engine, (first, second, third) = held
    assert engine.cancel(second).status == "cancelled"
    assert second not in engine.artifacts.jobs()
    engine.cancel(first)
    assert engine.wait(third, seconds=40).status == "completed"
    assert engine.view(second).status == "cancelled"


def test_rows_that_wait_for_their_phase_are_held_by_a_paused_queue(held):
    engine, (first, second, _) = held
    engine.queue.pause()
    engine.cancel(first)
    until(lambda: engine.view(first).ended)
    assert engine.wait(second, seconds=1).status == "queued"
    engine.queue.resume()
    assert engine.wait(second, seconds=40).status == "completed"


@pytest.mark.parametrize(
    "move", [lambda queue, job: queue.put_first(job), lambda queue, job: queue.set_priority(job, 5)]
)
def test_a_row_that_was_moved_goes_first_to_its_end(held, move):
    engine, (first, second, third) = held
    before = submit(engine, "similarity=0.9 of a person", in_phases=False)
    move(engine.queue, third)
    assert [job.job_id for job in engine.queue.show().jobs] == [first, third, before, second]
    engine.cancel(first)
    ends = [engine.wait(job, seconds=40).result and engine.row(job).finished for job in (third, before, second)]
    assert ends == sorted(ends)


def test_a_row_that_is_asked_to_stop_while_its_phase_ends_is_cancelled(waiting, open_engine, monkeypatch):
    job_id = submit(waiting, "similarity=0.9")
    reached = JobStore.held

    def asked_at_the_end(store, row):
        now = reached(store, row)
        stage = (now.progress or {}).get("stage")
        return now if stage != "decouple_prompt" else replace(now, cancel_asked=True)

    monkeypatch.setattr(JobStore, "held", asked_at_the_end)
    with open_engine() as engine:
        assert engine.wait(job_id, seconds=40).status == "cancelled"


def test_a_killed_process_leaves_a_row_to_its_phase(waiting, open_engine, monkeypatch):
    """The row is found running, with a checkpoint at whose end another phase begins."""
    job_id = submit(waiting, "similarity=0.9")
    write = JobStore.write

    def killed(store, row, **values):
        if values.get("phase") == VIDEO:
            raise LeaseLost("killed")
        write(store, row, **values)

    with monkeypatch.context() as patched, open_engine() as engine:
        patched.setattr(JobStore, "write", killed)
        until(lambda: "verdict" in engine.state_of(job_id))
        engine.queue.pause()
    assert (waiting.row(job_id).status, waiting.row(job_id).phase) == ("running", FIRST_FRAMES)
    waiting.queue.resume()
    with open_engine() as engine:
        assert engine.wait(job_id, seconds=40).status == "completed"
        assert len(engine.state_of(job_id)["attempts"]) == 1


@pytest.fixture
def store(home):
    store = JobStore(home / "jobs.sqlite")
    yield store
    store.close()


def add(store, **phases):
    for name, phase in phases.items():
        store.add(name, {"prompt": name}, {}, phase=phase)


def test_the_phase_of_the_device_goes_on_and_then_the_earliest_that_is_waited_for(store):
    add(store, late=REPAIR, plan=PLAN, video=VIDEO, person=None, more=VIDEO)
    assert [store.claim("me", VIDEO).id for _ in range(5)] == ["person", "video", "more", "plan", "late"]


def test_a_device_that_holds_nothing_begins_with_the_earliest_phase(store):
    add(store, video=VIDEO, plan=PLAN, painted=FIRST_FRAMES)
    assert [store.claim("me").id for _ in range(3)] == ["plan", "painted", "video"]


def test_what_a_row_waits_between_its_phases_is_not_counted_as_work(store):
    add(store, row=PLAN)
    claimed = store.claim("me")
    store.write(claimed, status="queued", phase=VIDEO, ran=100.0)
    again = store.claim("me")
    assert again.ran is None
    assert time.time() - again.started == pytest.approx(100, abs=20)
    store.write(again, status="queued", phase=REPAIR, ran=200.0)
    store.ask_cancel("row")
    ended = store.get("row")
    assert ended.finished - ended.started == pytest.approx(200)


def test_rows_in_phases_are_counted_as_those_that_come_before_a_row_and_not_before_a_person(store):
    add(store, row=VIDEO, person=None, later=PLAN)
    assert store.waiting_before(store.get("person")) == 0
    assert store.waiting_before(store.get("row")) == 1
    assert store.waiting_before(store.get("later")) == 2
