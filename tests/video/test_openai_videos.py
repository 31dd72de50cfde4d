"""Clips by a server of one's own: what it is asked, what becomes of its bad days, and what never happens twice."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from served import workers_of
from stub_videos import Videos, serving

from agent.intent import prepare
from agent.jobs import JobEngine
from agent.settings import load_settings
from tools.contracts import ClipSpec, Given, RGBImage, Size
from tools.errors import BackendError, Cancelled, InputError, Unavailable
from tools.home import home_folder
from tools.notes import noted
from tools.video import openai_videos
from tools.video.openai_videos import OpenAIVideos

CLIP = ClipSpec(Size(160, 96), 9, 16)


@pytest.fixture
def videos(home: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Videos]:
    monkeypatch.setattr(openai_videos, "PAUSES", (0.01, 0.02))
    monkeypatch.setattr(openai_videos, "ABSENCE", 0.3)
    monkeypatch.setattr(openai_videos, "OUTAGE", 0.6)
    videos = Videos()
    with serving(videos) as url:
        monkeypatch.setenv("STEADFACE_VIDEOS_URL", url)
        yield videos


@pytest.fixture
def made(picture: Callable[..., RGBImage]) -> Callable[..., list[RGBImage]]:
    def make(report: Any = lambda done, total, message: None, prompt: str = "she walks", **options: Any) -> Any:
        given = Given({0: picture(1, *CLIP.size)})
        return list(OpenAIVideos(**options).generate(prompt, CLIP, given, 2**40 + 7, report))

    return make


def test_the_clip_is_the_one_that_the_server_made(videos: Videos, made: Any) -> None:
    frames = made()
    assert [frame.shape for frame in frames] == [(96, 160, 3)] * 9
    assert [round(float(frame.mean())) for frame in frames] == pytest.approx([40 + 2 * n for n in range(9)], abs=2)


def test_the_server_is_asked_for_just_what_was_asked(videos: Videos, made: Any, picture: Any) -> None:
    made(steps=20, guidance=3.5, shift=5.0, negative_prompt="blur")
    made(prompt="she runs")
    full, plain = videos.submitted
    photo = full.pop("input_reference")
    assert np.array_equal(np.asarray(Image.open(BytesIO(photo))), picture(1, *CLIP.size))
    assert {name: value for name, value in full.items() if name != "user"} == {
        "prompt": "she walks", "size": "160x96", "num_frames": "9", "fps": "16", "seed": "7",
        "num_inference_steps": "20", "guidance_scale": "3.5", "flow_shift": "5.0", "negative_prompt": "blur",
    }  # fmt: skip
    assert plain.keys() == {"prompt", "size", "num_frames", "fps", "seed", "user", "input_reference"}


def test_the_model_and_the_key_come_from_the_environment(
    videos: Videos, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos.key = "s3cret"
    with pytest.raises(Unavailable, match=r"refused the key \(401\); set STEADFACE_VIDEOS_KEY") as refused:
        made()
    assert "s3cret" not in str(refused.value)
    monkeypatch.setenv("STEADFACE_VIDEOS_KEY", "s3cret")
    monkeypatch.setenv("STEADFACE_VIDEOS_MODEL", "Wan-AI/Wan2.2-I2V-A14B-Diffusers")
    made()
    assert videos.submitted[-1]["model"] == "Wan-AI/Wan2.2-I2V-A14B-Diffusers"


def test_a_server_that_forgot_the_job_is_asked_again_and_it_is_said(videos: Videos, made: Any) -> None:
    videos.forgets = 1
    with noted() as notes:
        assert len(made()) == 9
    assert notes == ["The video server had forgotten the job, and was asked again."]
    first, again = videos.submitted
    assert first == again


def test_a_server_that_forgets_again_and_again_is_given_up(videos: Videos, made: Any) -> None:
    videos.forgets = 9
    with pytest.raises(BackendError, match="forgot the job 3 times"):
        made()
    assert len(videos.submitted) == 3


def test_a_short_outage_is_borne(videos: Videos, made: Any) -> None:
    videos.garbles, videos.away = 2, 2
    outages = [3]

    def report(done: int, total: int, message: str) -> None:
        if done == 33 and outages:
            videos.away = outages.pop()

    assert len(made(report)) == 9
    assert len(videos.submitted) == 1


def test_a_server_that_does_not_come_back_is_given_up(videos: Videos, made: Any) -> None:
    def report(done: int, total: int, message: str) -> None:
        videos.away = 10**6

    with pytest.raises(Unavailable, match=r"is busy or broken \(503\); start it"):
        made(report)


def test_a_server_that_is_not_there_is_told_before_anything_is_painted(
    videos: Videos, monkeypatch: pytest.MonkeyPatch
) -> None:
    OpenAIVideos().check(CLIP)
    monkeypatch.setenv("STEADFACE_VIDEOS_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(Unavailable, match=r"takes no connection; start it, or set STEADFACE_VIDEOS_URL"):
        OpenAIVideos().check(CLIP)


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (
            (422, '{"detail": "size must divide\\u001b[31m by 16."}'),
            r"refused the clip \(422\): size must divide \[31m",
        ),
        ((400, '{"error": {"message": "too long"}}'), r"\(400\): too long\."),
        ((400, ""), r"\(400\): it does not say why\."),
    ],
)
def test_what_the_server_refuses_is_told_in_its_words(videos: Videos, made: Any, refusal: Any, said: str) -> None:
    videos.refuses = refusal
    with pytest.raises(BackendError, match=said):
        made()


def test_an_address_without_videos_is_told(videos: Videos, made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    videos.refuses = (404, "{}")
    with pytest.raises(Unavailable, match=r"has no /v1/videos \(404\)"):
        made()


def test_a_job_that_fails_there_is_told_in_its_words(videos: Videos, made: Any) -> None:
    videos.fails = "CUDA out of memory"
    with pytest.raises(BackendError, match=r"The video server failed: CUDA out of memory\."):
        made()


def test_a_cancelled_clip_is_taken_back_within_a_second(videos: Videos, made: Any) -> None:
    videos.looks = 10**6
    cancelled = threading.Event()
    threading.Timer(0.3, cancelled.set).start()

    def report(done: int, total: int, message: str) -> None:
        if cancelled.is_set():
            raise Cancelled

    begun = time.monotonic()
    with pytest.raises(Cancelled):
        made(report)
    assert time.monotonic() - begun < 2
    assert videos.taken_back == ["video_gen_1"]


def test_a_clip_that_takes_too_long_is_given_up_and_taken_back(videos: Videos, made: Any) -> None:
    videos.looks = 10**6
    with pytest.raises(BackendError, match="did not make the clip in 1 seconds"):
        made(seconds=1)
    assert videos.taken_back == ["video_gen_1"]


def test_a_job_that_a_dead_worker_left_is_waited_for_and_not_asked_for_again(videos: Videos, made: Any) -> None:
    """A worker that is killed runs nothing more: what it leaves is the file that names the job."""

    class Killed(BaseException):
        pass

    left: list[tuple[Any, str]] = []

    def report(done: int, total: int, message: str) -> None:
        left.extend((file, file.read_text()) for file in (home_folder() / "remote").iterdir())
        raise Killed

    with pytest.raises(Killed):
        made(report)
    ((file, job),) = left
    file.write_text(job)
    assert len(made()) == 9
    assert len(videos.submitted) == 1
    assert not list((home_folder() / "remote").iterdir())


@pytest.mark.slow
def test_a_job_outlives_a_forgetful_server_and_a_killed_worker(
    instant: ModuleType, videos: Videos, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the whole graph: the render worker dies while the server works, and the server restarts after it."""
    videos.looks = 3
    monkeypatch.setenv("STEADFACE_VIDEO", "openai-videos")
    with JobEngine(load_settings()) as engine:
        asked = prepare(
            engine.settings, prompt="similarity=0.9", consent="synthetic", source="stated by the user", seed=7,
            out=None, face=None,
        )  # fmt: skip
        photo = engine.artifacts, [Path("examples/astronaut.jpg")]
        job = engine.submit(asked.with_photos(*photo), engine.settings.recipe())
        _wait_until(lambda: any(job["looked"] for job in videos.jobs()))
        next(worker for worker in workers_of(home) if "render" in worker.cmdline()).kill()
        view = engine.wait(job, seconds=50)
        assert view.status == "completed", view.error
        assert len(videos.submitted) == 1
        assert "worker died" in " ".join(json.loads(Path(view.result.report).read_text())["events"])
        videos.forgets = 1
        view = engine.wait(engine.submit(asked.with_photos(*photo), engine.settings.recipe()), seconds=50)
        assert view.status == "completed", view.error
        assert "had forgotten the job" in " ".join(json.loads(Path(view.result.report).read_text())["events"])


def _wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_frames_too_many_and_another_size_and_pace_are_mended_and_told(videos: Videos, made: Any) -> None:
    videos.frames_more, videos.size, videos.fps = 2, (320, 200), 24
    with noted() as notes:
        assert [frame.shape for frame in made()] == [(96, 160, 3)] * 9
    assert notes == [
        "The video server made 11 frames; the first 9 were taken.",
        "The video server made 320x200; it was scaled and cut to 160x96.",
        "The video server made 24 frames a second; they are shown at 16.",
    ]


def test_too_few_frames_are_refused(videos: Videos, made: Any) -> None:
    videos.frames_more = -2
    with pytest.raises(BackendError, match="made 7 frames instead of 9"):
        made()


def test_what_is_no_video_is_refused(videos: Videos, made: Any) -> None:
    videos.content = b"<html>busy</html>"
    with pytest.raises(BackendError, match="cannot be read as a video"):
        made()


def test_a_clip_of_any_length_is_not_taken(videos: Videos, made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.video.video_server.LARGEST", 1000)
    with pytest.raises(BackendError, match="larger than"):
        made()


@pytest.mark.parametrize(
    ("url", "kind", "said"),
    [("", Unavailable, "set STEADFACE_VIDEOS_URL"), ("localhost:8000", InputError, "is no web address")],
)
def test_without_an_address_it_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, url: str, kind: type[Exception], said: str
) -> None:
    monkeypatch.setenv("STEADFACE_VIDEOS_URL", url)
    with pytest.raises(kind, match=said):
        OpenAIVideos()
