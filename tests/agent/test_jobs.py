"""Whole jobs on the instant backends: what happens, in what order, and what is kept when something breaks."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from agent.intent import prepare
from agent.jobs import JobEngine
from agent.settings import load_settings
from tools import media
from tools.errors import StorageAway

PERSON_PHOTO = "examples/astronaut.jpg"


@pytest.fixture
def engine(shared_engine):
    return shared_engine


@pytest.fixture
def own_engine(instant):
    with JobEngine(load_settings()) as engine:
        yield engine


def submit(engine, prompt, photo=PERSON_PHOTO, more=(), out=None, face=None, seed=7, **settings):
    asked = prepare(
        engine.settings, prompt=prompt, consent="synthetic", source="stated by the user", seed=seed, out=out, face=face
    )
    recipe = engine.settings.recipe().model_copy(update=settings)
    return engine.submit(asked.with_photos(engine.artifacts, [Path(photo), *more]), recipe)


def photo_file(path, image):
    path.write_bytes(media.png_bytes(image))
    return path


def run(engine, prompt, **given):
    return engine.wait(submit(engine, prompt, **given), seconds=60)


def report_of(view):
    return json.loads(Path(view.result.report).read_text())


def test_a_jobs_id_can_be_typed_on_a_command_line(engine):
    job_id = submit(engine, "similarity=0.9")
    assert set(job_id) <= set("0123456789abcdef")  # none begins with a dash, as an option does
    assert engine.wait(job_id, seconds=60).status == "completed"


def test_a_job_ends_with_a_video_and_everything_that_belongs_to_it(engine, tmp_path):
    view = run(engine, "similarity=0.9", out=tmp_path / "out")
    assert view.status == "completed", view.error
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "contact_sheet.jpg",
        "first_frame.png",
        "report.html",
        "report.json",
        "video.mp4",
    ]
    facts = media.clip_facts(Path(view.result.video))
    assert (facts.frames, facts.fps) == (41, 16)
    assert view.result.first_frame_similarity == pytest.approx(0.9, abs=0.01)
    assert view.result.attempts == 1
    assert view.result.warnings == ["The video hardly moves."]


def test_a_failing_first_frame_is_reseeded_once_then_revised(engine):
    view = run(engine, "similarity=0.2 then similarity=0.8")
    attempts = report_of(view)["attempts"]
    assert [attempt["move"] for attempt in attempts] == ["first", "re-seed", "after unlike"]
    assert len({candidate["seed"] for attempt in attempts for candidate in attempt["candidates"]}) == 6
    assert view.result.first_frame_passed


def test_progress_tells_the_attempt_how_near_it_came_and_what_is_tried(engine):
    heard = []
    engine.wait(submit(engine, "similarity=0.2 paint=1 then similarity=0.8"), 60, lambda view: heard.append(view.doing))
    assert "Painting first frames" in heard
    assert "Painting first frames, attempt 2 of 3 (best similarity 0.20 so far; re-seed)" in heard


def test_the_detailer_can_bring_a_first_frame_over_the_gate(engine):
    view = run(engine, "similarity=0.3 repair=0.8", detail_strength=0.5)
    assert view.result.attempts == 1
    assert view.result.first_frame_similarity == pytest.approx(0.8, abs=0.01)


def test_further_photos_of_the_person_condition_what_is_painted(engine, shared_instant, tmp_path):
    """The painter of the tests paints no person, so what it was given is told by the number of photos."""
    more = photo_file(tmp_path / "again.png", shared_instant.picture(shared_instant.Mark(similarity=0.8)))
    view = run(engine, "photos similarity=0.9", more=[more])
    assert view.result.first_frame_similarity == pytest.approx(0.2, abs=0.01)
    assert report_of(view)["request"]["more_photo_names"] == ["again.png"]


def test_a_further_photo_of_somebody_else_is_refused_by_name(engine, shared_instant, tmp_path):
    other = photo_file(tmp_path / "other.png", shared_instant.picture(shared_instant.Mark(similarity=0.1)))
    view = run(engine, "similarity=0.9", more=[other])
    assert (view.status, view.error.kind) == ("failed", "InputError")
    assert view.error.message == (
        "other.png: The photo seems to show somebody else than the first one (similarity 0.10, at least 0.40 is asked);"
        " leave it out."
    )


def test_a_measured_cause_is_revised_at_once(engine):
    report = report_of(run(engine, "side=20 then similarity=0.8"))
    assert [attempt["move"] for attempt in report["attempts"]] == ["first", "after small_face"]
    assert report["attempts"][0]["diagnosis"]["cause"] == "small_face"
    assert report["planner"]["templates"] == {"instant_plan": 1, "instant_revision": 2}


def test_attempts_spent_goes_on_with_the_best_and_a_warning(engine):
    view = run(engine, "yaw=60 similarity=0.3 then yaw=60 similarity=0.4 then yaw=60 similarity=0.1")
    assert view.status == "completed"
    assert view.result.first_frame_similarity == pytest.approx(0.4, abs=0.01)
    assert not view.result.first_frame_passed
    assert "No first frame passed the gate in 3 attempts" in view.result.warnings[0]


def test_attempts_spent_fails_with_the_best_first_frame_where_the_caller_chose_so(engine):
    view = run(engine, "similarity=0.3", on_gate_failure="fail", max_attempts=1)
    assert (view.status, view.error.kind) == ("failed", "GateError")
    best = Path(view.error.attachments["best_first_frame"])
    assert best.is_file()
    assert str(best) in view.error.message


def test_a_video_in_which_nothing_moves_says_so(engine):
    """The projector of the tests shows its first frame from beginning to end."""
    view = run(engine, "similarity=0.9")
    whole = report_of(view)["video"]["whole"]
    assert whole["motion"] < 0.1
    assert whole["first_frame_distance"] < 5
    assert "The video hardly moves." in view.result.warnings


def test_drifted_frames_are_repaired_and_the_report_shows_before_and_after(engine):
    damaged = run(engine, "similarity=0.9 damage=15-25", face_detail=None)
    mended = run(engine, "similarity=0.9 damage=15-25")
    (repair,) = report_of(mended)["repairs"]
    assert repair["accepted"]
    assert repair["after"] > repair["before"] + 0.1
    assert repair["drifted"] == [14, 25]
    assert min(point["similarity"] for point in repair["curve_before"]) == pytest.approx(0.1, abs=0.01)
    assert min(point["similarity"] for point in repair["curve_after"]) == pytest.approx(0.9, abs=0.01)
    assert mended.result.identity_skip == pytest.approx(0.9, abs=0.02)
    assert damaged.result.identity_skip < 0.8


def test_a_repair_that_fails_leaves_the_video_as_it_was_and_says_so(engine):
    view = run(engine, "similarity=0.9 damage=15-25 repair=never")
    report = report_of(view)
    assert view.status == "completed"
    assert [note for note in report["events"] if "drift and could not be repaired: The detailer is out" in note]
    assert [(repair["accepted"], repair["objection"]) for repair in report["repairs"]] == [(False, "It failed.")]


@pytest.mark.parametrize("operation", ["fix_keyframes", "repair_window"])
def test_a_storage_that_is_away_for_a_moment_costs_no_repair(engine, monkeypatch, operation):
    call, away = engine._pool.call, [StorageAway("Nobody answers.")]

    def called(request, *given):
        if request.operation == operation and away:
            raise away.pop()
        return call(request, *given)

    monkeypatch.setattr(engine._pool, "call", called)
    view = run(engine, "similarity=0.9 damage=15-25")
    assert [repair["accepted"] for repair in report_of(view)["repairs"]] == [True]
    assert not away


def test_a_repair_that_makes_it_worse_is_refused(engine):
    view = run(engine, "similarity=0.9 damage=15-25 repair=0.0")
    (repair,) = report_of(view)["repairs"]
    assert not repair["accepted"]
    assert repair["objection"] == "The least alike frames became less so."
    assert view.result.identity_skip == pytest.approx(repair["before"])


def test_without_a_first_frame_backend_the_plan_goes_straight_to_the_video(engine):
    view = run(engine, "similarity=0.9", first_frame=None)
    assert view.status == "failed"
    assert "needs a first frame" in view.error.message


def test_a_photo_that_cannot_work_ends_the_job_with_one_sentence(engine, shared_instant, tmp_path):
    photo = tmp_path / "group.png"
    photo.write_bytes(media.png_bytes(shared_instant.picture(shared_instant.Mark(faces=3))))
    view = run(engine, "similarity=0.9", photo=photo)
    assert (view.status, view.error.kind) == ("failed", "InputError")
    assert "3 faces" in view.error.message
    assert Path(view.error.attachments["numbered_faces"]).is_file()
    assert run(engine, "similarity=0.9", photo=photo, face=1).status == "completed"


def test_a_job_without_room_on_the_disk_says_so_and_the_next_one_runs(engine):
    view = run(engine, "similarity=0.9 disk=full")
    assert (view.status, view.error.kind) == ("failed", "InputError")
    assert view.error.message.startswith(f"The disk that holds {engine.settings.home} is full; free some space")
    assert run(engine, "similarity=0.9").status == "completed"


def test_the_same_request_gives_the_same_first_frame_and_report(engine, tmp_path):
    first = run(engine, "side=20 then similarity=0.8", out=tmp_path / "a")
    again = run(engine, "side=20 then similarity=0.8", out=tmp_path / "b")
    assert Path(first.result.first_frame).read_bytes() == Path(again.result.first_frame).read_bytes()
    reports = [report_of(view) for view in (first, again)]
    for report in reports:
        for own in ("job_id", "created", "finished", "timings"):
            del report[own]
        del report["request"]["consent"]["record"]
    assert reports[0] == reports[1]


def test_a_killed_worker_is_replaced_and_the_report_says_so(own_engine):
    view = run(own_engine, "similarity=0.9 crash=once")
    assert view.status == "completed"
    report, usage = report_of(view), own_engine.row(view.job_id).usage
    assert "worker died" in " ".join(report["events"])
    assert {timing["stage"]: timing["retries"] for timing in report["timings"] if timing["retries"]} == {"animate": 1}
    assert {stage: taken["retries"] for stage, taken in usage.items()} == {
        "inspect_reference": 0,
        "generate_first_frames": 0,
        "score_first_frames": 0,
        "animate": 1,
        "score_video": 0,
        "deliver": 0,
    }
    assert all(taken["worker_seconds"] > 0 for taken in usage.values())


def test_a_job_that_fails_tells_what_it_took_until_then(own_engine):
    view = run(own_engine, "similarity=0.9 crash=always")
    assert view.status == "failed"
    assert list(own_engine.row(view.job_id).usage) == [
        "inspect_reference",
        "generate_first_frames",
        "score_first_frames",
    ]


def test_a_running_job_is_cancelled_within_two_seconds(engine):
    job_id = submit(engine, "similarity=0.9 video=20")
    while engine.view(job_id).stage != "animate":
        time.sleep(0.05)
    begun = time.monotonic()
    assert engine.cancel(job_id).status == "cancelled"
    assert time.monotonic() - begun < 2
    assert run(engine, "similarity=0.9").status == "completed"


def test_a_queued_job_waits_and_says_for_what(own_engine):
    slow, waiting = submit(own_engine, "similarity=0.9 video=20"), submit(own_engine, "similarity=0.9")
    while own_engine.view(slow).status == "queued":
        time.sleep(0.05)
    assert own_engine.view(waiting).line == "Waiting for 1 earlier job"
    own_engine.cancel(waiting)
    assert own_engine.cancel(slow).status == "cancelled"


def test_scratch_and_receipts_go_when_the_job_ends(own_engine):
    view = run(own_engine, "similarity=0.9")
    own_engine.close()
    assert not (own_engine.settings.home / "scratch" / view.job_id).exists()
    assert not (own_engine.settings.home / "receipts" / view.job_id).exists()


def test_two_engines_on_one_home_share_the_queue_and_the_device(engine):
    with JobEngine(load_settings()) as other:
        ids = [submit(each, "similarity=0.9 paint=0.3") for each in (engine, other, engine)]
        views = [other.wait(job_id, seconds=60) for job_id in ids]
    assert [view.status for view in views] == ["completed"] * 3
    assert len({engine.store.get(job_id).owner for job_id in ids}) == 1


def test_an_engine_that_closes_puts_its_job_back_and_the_next_one_goes_on_with_it(instant):
    with JobEngine(load_settings()) as first:
        job_id = submit(first, "similarity=0.9 video=2")
        while first.view(job_id).stage != "animate":
            time.sleep(0.05)
    with JobEngine(load_settings()) as second:
        view = second.wait(job_id, seconds=60)
    assert view.status == "completed"
    stages = [timing["stage"] for timing in report_of(view)["timings"]]
    assert stages.count("generate_first_frames") == 1


SERVER = """
    import sys, time
    from pathlib import Path
    from agent.intent import prepare
    from agent.jobs import JobEngine
    from agent.settings import load_settings
    with JobEngine(load_settings()) as engine:
        asked = prepare(engine.settings, prompt="similarity=0.9 video=2", consent="self",
                        source="stated by the user", seed=1, out=None, face=None)
        photo = asked.with_photos(engine.artifacts, [Path("examples/astronaut.jpg")])
        print(engine.submit(photo, engine.settings.recipe()), flush=True)
        time.sleep(60)
"""


def test_kill_9_of_the_server_leaves_no_worker_and_a_restart_goes_on_with_the_job(instant):
    server = subprocess.Popen([sys.executable, "-c", textwrap.dedent(SERVER)], stdout=subprocess.PIPE, text=True)
    with server:
        job_id = server.stdout.readline().strip()
        observer = JobEngine(load_settings())
        while observer.view(job_id).stage != "animate":
            time.sleep(0.05)
        workers = psutil.Process(server.pid).children(recursive=True)
        assert workers
        os.kill(server.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(workers, timeout=2)
    assert not alive
    observer.close()
    with JobEngine(load_settings()) as restarted:
        view = restarted.wait(job_id, seconds=60)
    assert view.status == "completed"
    stages = [timing["stage"] for timing in report_of(view)["timings"]]
    assert stages.count("inspect_reference") == stages.count("generate_first_frames") == 1


def test_a_loosened_framing_is_loosened_in_the_motion_too(engine):
    view = run(engine, "wide shot side=20 then full shot side=64")
    report = report_of(view)
    assert [attempt["framing"] for attempt in report["attempts"]] == ["wide shot", "full shot"]
    assert "wide shot" not in report["temporal_prompt"]
