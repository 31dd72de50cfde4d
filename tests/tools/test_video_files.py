"""What is done with finished video files: smaller copies of them, and scores of files from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest

from tools import media
from tools.artifacts import Artifacts
from tools.contracts import RGBImage
from tools.errors import InputError
from tools.pools import calls
from tools.pools.bench import Bench
from tools.pools.work import inspect_reference, score_file, shrink_video

LIMIT = 700_000


@pytest.fixture
def bench(instant: ModuleType, home: Path) -> Bench:
    bench = Bench(Artifacts(home))
    bench.report = lambda done, total, message: None
    return bench


@pytest.fixture
def reference(bench: Bench, instant: ModuleType) -> calls.ReferencePhoto:
    photo = bench.artifacts.put(media.png_bytes(instant.picture(instant.PERSON)), "png")
    asked = calls.InspectReference(photo=photo, face=None, presentation=None, faces="instant", matting="instant")
    return inspect_reference(asked, bench).reference


def test_a_smaller_copy_has_every_frame_and_the_words_of_the_file(bench: Bench) -> None:
    video = _mp4(bench, _noise(12, 480, 832))
    small = _shrunk(bench, video, LIMIT)
    facts, before = media.clip_facts(small), media.clip_facts(bench.artifacts.path(video))
    assert bench.artifacts.path(video).stat().st_size > LIMIT >= small.stat().st_size
    assert (facts.frames, facts.fps) == (before.frames, before.fps) == (12, 16)
    with av.open(small) as container:
        assert container.metadata["title"] == "waves"
        assert container.metadata["comment"] == "made by nobody"
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.streams.video[0].pix_fmt == "yuv420p"


def test_the_longest_clip_of_a_job_fits_even_where_every_pixel_is_noise(bench: Bench) -> None:
    small = _shrunk(bench, _mp4(bench, _noise(241, 90, 160)), LIMIT)
    assert small.stat().st_size <= LIMIT
    assert media.clip_facts(small).frames == 241


def test_a_smaller_copy_keeps_colours_and_shape(bench: Bench) -> None:
    red = np.zeros((480, 272, 3), np.uint8)
    red[:, :, 0], red[:, :, 1] = 200, 40
    small = _shrunk(bench, _mp4(bench, [red] * 3), 3_000)
    shown = media.read_frames(small, [1])[0]
    assert shown.shape[0] / shown.shape[1] == pytest.approx(480 / 272, rel=0.02)
    assert np.abs(shown.mean((0, 1)) - (200, 40, 0)).max() < 6


def test_the_same_video_gives_the_same_smaller_copy(bench: Bench) -> None:
    video = _mp4(bench, _noise(6, 120, 208))
    asked = calls.ShrinkVideo(video=video, most_bytes=20_000)
    assert shrink_video(asked, bench) == shrink_video(asked, bench)


def test_what_cannot_be_made_small_enough_is_told(bench: Bench) -> None:
    with pytest.raises(InputError, match="cannot be made as small"):
        _shrunk(bench, _mp4(bench, _noise(6, 120, 208)), 500)


def test_a_video_file_is_scored_over_time(bench: Bench, reference: calls.ReferencePhoto, instant: ModuleType) -> None:
    alike, nobody = instant.picture(instant.Mark(similarity=0.8)), instant.picture(instant.Mark(faces=0))
    found = score_file(_asking(reference, _mp4(bench, [alike] * 20 + [nobody] * 20)), bench)
    assert found.score.identity_skip == pytest.approx(0.8, abs=0.01)
    assert found.score.identity_zero == pytest.approx(0.4, abs=0.01)
    assert found.score.face_rate == 0.5
    assert [point.frame for point in found.score.points] == [0, 5, 11, 16, 22, 27, 33, 39]
    assert (found.fps, found.seconds) == (16, 2.5)
    assert found.recogniser.name == "instant recogniser"


def test_a_video_that_plays_too_long_is_not_decoded(
    bench: Bench, reference: calls.ReferencePhoto, instant: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = _mp4(bench, [instant.picture(instant.PERSON)] * 40)
    monkeypatch.setattr(media, "read_frames", None)
    with pytest.raises(InputError, match="plays 2 s at 256x144; give one of at most 1 s"):
        score_file(_asking(reference, video, longest=1), bench)


@pytest.mark.parametrize("data", [b"", b"not a video", b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n", b"\0" * 4096])
def test_what_is_no_mp4_is_refused_in_one_sentence(bench: Bench, reference: calls.ReferencePhoto, data: bytes) -> None:
    with pytest.raises(InputError, match="is no video that can be read"):
        score_file(_asking(reference, bench.artifacts.put(data, "mp4")), bench)


def test_a_playlist_in_an_mp4s_clothes_opens_no_other_file(
    bench: Bench, reference: calls.ReferencePhoto, instant: ModuleType, tmp_path: Path
) -> None:
    """FFmpeg would play it by its content, and read what it names."""
    secret = tmp_path / "secret.mp4"
    media.encode_mp4(iter([instant.picture(instant.PERSON)] * 4), 16, secret, "", "")
    lists = (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{secret}'\n",
    )
    for playlist in lists:
        with pytest.raises(InputError, match="is no video that can be read"):
            score_file(_asking(reference, bench.artifacts.put(playlist.encode(), "mp4")), bench)


def test_a_video_that_is_cut_short_is_refused(bench: Bench, reference: calls.ReferencePhoto) -> None:
    whole = bench.artifacts.path(_mp4(bench, _noise(30, 144, 256))).read_bytes()
    with pytest.raises(InputError, match="cut short"):
        score_file(_asking(reference, bench.artifacts.put(whole[: len(whole) // 2], "mp4")), bench)


def _asking(reference: calls.ReferencePhoto, video: str, longest: float = 60) -> calls.ScoreFile:
    return calls.ScoreFile(reference=reference, video=video, samples=8, longest=longest)


def _shrunk(bench: Bench, video: str, most: int) -> Path:
    return bench.artifacts.path(shrink_video(calls.ShrinkVideo(video=video, most_bytes=most), bench).video)


def _mp4(bench: Bench, frames: list[RGBImage] | Iterator[RGBImage]) -> str:
    with bench.artifacts.new_file("mp4") as path:
        media.encode_mp4(iter(frames), 16, path, "waves", "made by nobody")
        return bench.artifacts.put_file(path, "mp4")


def _noise(count: int, height: int, width: int) -> Iterator[RGBImage]:
    random = np.random.default_rng(7)
    return (random.integers(0, 256, (height, width, 3), np.uint8) for _ in range(count))
