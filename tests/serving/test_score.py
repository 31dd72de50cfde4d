"""A video compared with a photo, by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.videos_given import LARGEST_VIDEO, is_video, lent, video_given
from agent.settings import load_settings
from tools import media
from tools.artifacts import Artifacts
from tools.errors import InputError

pytestmark = pytest.mark.anyio

Ask = Callable[..., dict[str, Any]]


async def test_a_jobs_video_is_scored_over_time_as_the_job_scored_it(connection: Any, ask: Ask) -> None:
    async with connection.open() as client:
        made = await client.call_tool(
            "generate_identity_video", ask("similarity=0.8 damage=30-40 repair=0.05", reference=connection.reference)
        )
        job = made.structured_content
        asked = {"reference": connection.reference, "picture": job["video_uri"]}
        scored = await client.call_tool("score_identity", asked)
    found, result = scored.structured_content, job["result"]
    assert not scored.is_error, scored.content
    assert found["similarity"] == found["video"]["identity_skip"] == pytest.approx(result["identity_skip"], abs=0.001)
    assert found["video"]["identity_zero"] == pytest.approx(result["identity_zero"], abs=0.001)
    assert found["video"]["face_rate"] == result["face_rate"] == 1
    assert len(found["video"]["curve"]) == 16
    assert found["video"]["curve"][-1]["second"] == pytest.approx(2.5, abs=0.01)
    assert min(point["similarity"] for point in found["video"]["curve"]) < found["video"]["good_from"]
    assert found["passes"] is False
    assert "the person is not held" in scored.content[0].text
    assert f"identity_skip {found['similarity']:.3f}" in scored.content[0].text


async def test_an_mp4_in_a_folder_that_may_be_read_is_scored(local: Any, photo: Path, instant: ModuleType) -> None:
    media.encode_mp4(iter([instant.picture(instant.Mark(similarity=0.8))] * 12), 16, photo.parent / "clip.MP4", "", "")
    media.encode_mp4(iter([instant.picture(instant.Mark(faces=0))] * 12), 16, photo.parent / "nobody.mp4", "", "")
    async with local.open() as client:
        held, nobody = [
            await client.call_tool("score_identity", {"reference": local.reference, "picture": name})
            for name in ("clip.MP4", "nobody.mp4")
        ]
    assert held.structured_content["passes"] is True
    assert held.structured_content["similarity"] == pytest.approx(0.8, abs=0.01)
    assert (held.structured_content["faces"], held.structured_content["face_side"]) == (None, None)
    assert nobody.structured_content["similarity"] is None
    assert nobody.structured_content["passes"] is False
    assert "No face was found in 12 frames" in nobody.content[0].text


async def test_what_is_no_video_is_refused_in_one_sentence(local: Any, photo: Path) -> None:
    (photo.parent / "fake.mp4").write_bytes(b"#EXTM3U\nfile:///etc/passwd")
    async with local.open() as client:
        for picture, sentence in {
            "": "The picture is empty",
            "fake.mp4": "is no video that can be read",
            "none.mp4": "There is no file",
            "clip.mov": "is no mp4",
            "/etc/clip.mp4": "outside the folders",
            "https://example.org/clip.mp4": "takes no video from there",
            "steadface://jobs/none/video.mp4": "There is no job 'none'",
        }.items():
            refused = await client.call_tool("score_identity", {"reference": local.reference, "picture": picture})
            assert refused.is_error
            assert sentence in refused.content[0].text
            assert "\n" not in refused.content[0].text


@pytest.fixture
def engine(home: Path, instant: ModuleType) -> LateEngine:
    return LateEngine()


@pytest.mark.parametrize("reach", [Reach.LOOPBACK, Reach.NETWORK])
def test_over_http_only_the_video_of_a_job_is_taken(reach: Reach, engine: LateEngine, photo: Path) -> None:
    with pytest.raises(InputError, match="takes no video from there"):
        video_given(str(photo.parent / "clip.mp4"), engine, reach)


def test_the_folder_of_videos_may_be_read(engine: LateEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    video = load_settings().videos / "surfing" / "video.mp4"
    video.parent.mkdir(parents=True)
    video.write_bytes(b"")
    assert video_given(str(video), engine, Reach.STDIO) == video.resolve()
    with video.open("wb") as file:
        file.truncate(LARGEST_VIDEO + 1)
    with pytest.raises(InputError, match="at most 200 MB"):
        video_given(str(video), engine, Reach.STDIO)


def test_a_video_that_was_lent_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"frames")
    artifacts = Artifacts(tmp_path / "home")
    with lent(tmp_path / "clip.mp4", artifacts) as copy:
        assert artifacts.read(copy) == b"frames"
    assert not [path for path in (tmp_path / "home").rglob("*") if path.is_file()]


def test_pictures_are_told_from_videos_by_their_name() -> None:
    assert all(map(is_video, ("a.mp4", " A.MOV ", "steadface://jobs/x/video.mp4", "x.webm")))
    assert not any(map(is_video, ("a.jpg", "mp4", "steadface://jobs/x/first_frame.png", "@mp4", "A" * 9000 + ".mp4")))
