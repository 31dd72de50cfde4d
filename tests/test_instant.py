"""The backends that other tests lean on do what their words say."""

from __future__ import annotations

import threading
from pathlib import Path
from types import ModuleType

from agent.settings import load_settings
from tools import media, registry
from tools.artifacts import Artifacts
from tools.contracts import Size
from tools.pools import CallKey, calls
from tools.pools.local import LocalPool


def test_marks_survive_the_encoding_of_the_delivered_video(instant: ModuleType, tmp_path: Path) -> None:
    marks = [
        instant.Mark(similarity=s, faces=n, side=40, yaw=-30, score=0.2) for s, n in [(0.9, 1), (-0.25, 3), (0, 0)]
    ]
    file = tmp_path / "clip.mp4"
    media.encode_mp4((instant.picture(mark, Size(256, 144)) for mark in marks), 16, file, "title", "comment")
    assert [instant.read_mark(image) for image in media.read_clip(file)] == marks


def test_they_are_found_by_name_and_chosen_by_the_environment(instant: ModuleType) -> None:
    recipe = load_settings().recipe()
    assert isinstance(registry.create("video", recipe.video), instant.Projector)
    assert isinstance(registry.create("faces", recipe.faces), instant.Analyzer)
    assert recipe.planner == recipe.face_detail == "instant"


def test_a_worker_finds_them_too_and_crashes_once_when_told(instant: ModuleType, home: Path) -> None:
    artifacts, pool = Artifacts(home), LocalPool(home, 2)
    photo = artifacts.put(media.png_bytes(instant.picture(instant.PERSON)), "png")
    first = artifacts.put(media.png_bytes(instant.picture(instant.Mark())), "png")
    request = calls.Animate(
        job_id="job", prompt="crash=once", first_frame=first, first_frame_backend=None, first_frame_prompt=None,
        first_frame_seed=None, references=[], seed=1, width=256, height=144, frames=9, fps=8, backend="instant",
    )  # fmt: skip
    try:
        inspected = pool.call(_inspect(photo), CallKey("job", "a", 0), lambda *_: None, threading.Event())
        animated = pool.call(request, CallKey("job", "b", 0), lambda *_: None, threading.Event())
    finally:
        pool.close()
    assert inspected.reply.recogniser.name == "instant recogniser"  # type: ignore[attr-defined]
    assert "replaced" in animated.notes[0]
    assert len(list(media.read_clip(artifacts.path(animated.reply.clip)))) == 9  # type: ignore[attr-defined]


def _inspect(photo: str) -> calls.InspectReference:
    return calls.InspectReference(photo=photo, face=None, presentation=None, faces="instant", matting="instant")
