"""The preset ``paper-small`` from photo to video on tiny checkpoints, each loaded as the published one would be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_hyperlora import TINY, save_tiny_clip, save_tiny_hyperlora
from tiny_insightface import draw_face, plain_photo, save_tiny_pack
from tiny_sdxl import save_tiny_sdxl
from tiny_wan import save_tiny_wan

from agent.intent import prepare
from agent.jobs import JobEngine
from agent.settings import Settings, load_settings
from agent.views import JobView
from tools import media, sdxl
from tools.artifacts import Artifacts
from tools.contracts import Box, RGBImage
from tools.pools import calls, work
from tools.pools.bench import Bench

FACE = Box(200, 200, 240, 240)
"""Where the detector of the gate sees a face in every picture of 640x640."""

SIDE = 256


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Environment variables to the folders that they name."""
    folder = tmp_path_factory.mktemp("models")
    sight = draw_face(np.zeros((640, 640, 3), np.uint8), FACE)
    return {
        "STEADFACE_SDXL": save_tiny_sdxl(folder / "sdxl", vae_blocks=4),
        "STEADFACE_HYPERLORA": save_tiny_hyperlora(folder / "hyperlora", sizes=replace(TINY, face_dim=512)),
        "STEADFACE_CLIP": save_tiny_clip(folder / "clip"),
        "STEADFACE_ANTELOPEV2": save_tiny_pack(folder / "antelopev2", "antelopev2"),
        "STEADFACE_BUFFALO_L": save_tiny_pack(folder / "buffalo_l", "buffalo_l", sight),
        "STEADFACE_WAN_VACE_1_3B": save_tiny_wan(folder / "wan"),
    }


@pytest.fixture(scope="module")
def settings(checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as environment:
        for variable, folder in checkpoints.items():
            environment.setenv(variable, str(folder))
        environment.setenv("STEADFACE_HOME", str(home))
        environment.setenv("STEADFACE_VIDEOS", str(home / "videos"))
        environment.setenv("STEADFACE_VIDEO_OPTIONS__STEPS", "2")
        environment.setenv("STEADFACE_FIRST_FRAME_OPTIONS__STEPS", "4")
        environment.setenv("STEADFACE_FACE_DETAIL_OPTIONS__STEPS", "2")
        # Random weights make random faces: the gate looks, and lets every similarity pass.
        yield load_settings(
            preset="paper-small", planner="rules", width=SIDE, height=SIDE, frames=9, first_frame_threshold=-1
        )


def photo(folder: Path, name: str, seed: int = 0) -> Path:
    image = draw_face(plain_photo(SIDE, SIDE, seed), Box(80, 80, 96, 96), person=3)
    (folder / name).write_bytes(media.png_bytes(image))
    return folder / name


@pytest.fixture(scope="module")
def engine(settings: Settings) -> Iterator[JobEngine]:
    """One for all tests, whose worker loads each model once."""
    with JobEngine(settings) as engine:
        yield engine


def run(engine: JobEngine, *photos: Path, **changed: object) -> JobView:
    asked = prepare(
        engine.settings,
        prompt="A woman at sea smiles.",
        consent="synthetic",
        source="stated by the user",
        seed=7,
        out=None,
        face=None,
    )
    request = asked.with_photos(engine.artifacts, photos)
    recipe = engine.settings.recipe().model_copy(update=changed)
    return engine.wait(engine.submit(request, recipe), seconds=380)


def first_frame(view: JobView) -> RGBImage:
    assert view.result is not None, view.error
    return media.read_image((Path(view.result.report).parent / "first_frame.png").read_bytes())


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_photo_becomes_a_video_through_every_model_of_the_paper(engine: JobEngine, tmp_path: Path) -> None:
    me = photo(tmp_path, "me.png")
    view = run(engine, me)
    assert view.result is not None, view.error
    report = json.loads(Path(view.result.report).read_text())
    assert report["backends"] == {
        "planner": "rules",
        "faces": "arcface",
        "matting": "cutout",
        "first_frame": "hyperlora",
        "face_detail": "sdxl",
        "video": "wan-vace-1.3b",
    }
    assert not report["sketch"]
    assert report["recogniser"]["name"] == "ArcFace (buffalo_l)"
    assert report["gate"]["passed"]
    assert report["video"]["face_rate"] == 1
    frames = list(media.read_clip(Path(view.result.video)))
    assert [frame.shape for frame in frames] == [(SIDE, SIDE, 3)] * 9
    again = run(engine, me)
    assert again.result is not None, again.error
    assert np.array_equal(first_frame(again), first_frame(view))
    assert Path(again.result.video).read_bytes() == Path(view.result.video).read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_detailer_and_further_photos_change_the_first_frame(engine: JobEngine, tmp_path: Path) -> None:
    me, beside = photo(tmp_path, "me.png"), photo(tmp_path, "beside.png", seed=1)
    # One candidate, or the gate may choose one of another seed.
    painted = {
        "as painted": run(engine, me, candidates=1, detail_strength=0.0),
        "detailed": run(engine, me, candidates=1),
        "of two photos": run(engine, me, beside, candidates=1),
    }
    seen = {name: first_frame(view) for name, view in painted.items()}
    y, x = slice(80, 176), slice(80, 176)
    changed = (seen["as painted"] != seen["detailed"]).any(axis=2)
    assert changed[y, x].mean() > 0.9
    assert not changed[:40].any()
    assert not np.array_equal(seen["detailed"], seen["of two photos"])


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers")
@pytest.mark.filterwarnings("ignore:`upcast_vae` is deprecated:FutureWarning:diffusers")
def test_a_window_is_repaired_by_detailer_and_video_model_and_the_rest_stays_to_the_pixel(
    settings: Settings, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(sdxl.shared.cache_clear)  # here the models are loaded in this process
    bench = Bench(Artifacts(tmp_path / "artifacts"))
    bench.report = lambda done, total, message: None
    clip = [draw_face(plain_photo(SIDE, SIDE, 0), Box(70 + number, 80, 96, 96), person=3) for number in range(17)]
    with bench.artifacts.new_file("mkv") as path:
        media.write_lossless(clip, 16, path)
        kept = bench.artifacts.put_file(path, "mkv", "job")
    seen = calls.InspectReference(
        photo=bench.artifacts.put(media.png_bytes(clip[0]), "png"),
        face=None,
        presentation=None,
        faces="arcface",
        matting="cutout",
    )
    references = [work.inspect_reference(seen, bench).reference]
    fixing = calls.FixKeyframes(
        clip=kept,
        frames=[7],
        references=references,
        prompt="a woman at sea",
        strength=0.5,
        seed=1,
        backend=settings.recipe().backend("face_detail"),
    )
    asked = calls.RepairWindow(
        job_id="job",
        clip=kept,
        first=0,
        last=16,
        keyframes=work.fix_keyframes(fixing, bench).keyframes,
        drifted=(1, 12),
        references=references,
        prompt="a woman smiles",
        seed=1,
        fps=16,
        backend=settings.recipe().backend("video"),
    )
    reply = work.repair_window(asked, bench)
    mended = list(media.read_clip(bench.artifacts.path(reply.clip)))
    assert [number for number in range(17) if not np.array_equal(mended[number], clip[number])] == list(range(1, 13))
    assert reply.fit.seam > 0


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_clip_that_the_video_model_was_not_trained_on_is_refused_before_anything_is_painted(
    engine: JobEngine, tmp_path: Path
) -> None:
    loras = set(engine.settings.home.glob("loras/*"))
    view = run(engine, photo(tmp_path, "stranger.png", seed=2), frames=80)
    assert view.status == "failed"
    assert view.error is not None
    assert view.error.message == "VACE makes 5, 9, 13 … 81 frames, not 80; ask for 81."
    assert set(engine.settings.home.glob("loras/*")) == loras
