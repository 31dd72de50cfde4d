"""Stills and clips in and out."""

import weakref

import av
import numpy as np
import pytest
from PIL import Image

from tools import media
from tools.errors import BackendError


def clip(count=12, width=128, height=96):
    """A bright square that moves over a soft gradient: something that an encoder can predict."""
    y, x = np.mgrid[:height, :width]
    for index in range(count):
        frame = np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], axis=2)
        frame[20:50, 8 + 4 * index : 38 + 4 * index] = (240, 120, 30)
        yield frame.astype(np.uint8)


def noise(count, width=66, height=50):
    yield from np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def test_png_gives_back_the_pixels_and_the_words(tmp_path):
    image = next(noise(1))
    data = media.png_bytes(image, {"prompt": "a woman, Zoë, 宇宙飛行士", "seed": "7"})
    assert np.array_equal(media.read_image(data), image)
    path = tmp_path / "frame.png"
    path.write_bytes(data)
    with Image.open(path) as opened:
        assert opened.text == {"prompt": "a woman, Zoë, 宇宙飛行士", "seed": "7"}


def test_png_of_the_same_image_is_the_same_file():
    image = next(noise(1))
    assert media.png_bytes(image, {"seed": "7"}) == media.png_bytes(image, {"seed": "7"})


def test_png_keeps_alpha():
    image = np.random.default_rng(0).integers(0, 256, (9, 12, 4), dtype=np.uint8)
    assert np.array_equal(media.read_rgba(media.png_bytes(image)), image)


def test_lossless_clip_gives_back_every_bit(tmp_path):
    frames = [*noise(5), *(np.full((50, 66, 3), value, np.uint8) for value in (0, 1, 254, 255))]
    assert media.write_lossless(iter(frames), 16, tmp_path / "clip.mkv") == 9
    read = list(media.read_clip(tmp_path / "clip.mkv"))
    assert len(read) == 9
    assert all(np.array_equal(a, b) for a, b in zip(frames, read, strict=True))


def test_lossless_clip_of_the_same_frames_is_the_same_file(tmp_path):
    for name in ("a.mkv", "b.mkv"):
        media.write_lossless(noise(4), 16, tmp_path / name)
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()


def test_mp4_tells_its_size_rate_and_duration(tmp_path):
    path = tmp_path / "clip.mp4"
    assert media.encode_mp4(clip(81), 16, path, "A walk", "AI-generated") == 81
    facts = media.clip_facts(path)
    assert (facts.size, facts.frames, facts.fps) == ((128, 96), 81, 16.0)
    assert facts.seconds == pytest.approx(81 / 16, abs=0.01)


def test_mp4_is_what_players_expect(tmp_path):
    path = tmp_path / "clip.mp4"
    media.encode_mp4(clip(), 24, path, "Zoë walks", "AI-generated")
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "the index must come first, so that a browser starts at once"
    with av.open(path) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        assert container.metadata["title"] == "Zoë walks"
        assert container.metadata["comment"] == "AI-generated"


def test_mp4_keeps_colours(tmp_path):
    colours = [(220, 40, 30), (30, 200, 60), (20, 50, 220), (255, 255, 255), (0, 0, 0), (230, 120, 40)]
    frames = [np.full((64, 64, 3), colour, np.uint8) for colour in colours]
    media.encode_mp4(frames, 16, tmp_path / "c.mp4", "", "")
    for colour, frame in zip(colours, media.read_clip(tmp_path / "c.mp4"), strict=True):
        assert np.abs(frame.mean(axis=(0, 1)) - colour).max() < 4


def test_mp4_of_the_same_frames_is_the_same_file(tmp_path):
    files = set()
    for _ in range(4):
        media.encode_mp4(clip(33, 256, 192), 16, tmp_path / "c.mp4", "A walk", "AI-generated")
        files.add((tmp_path / "c.mp4").read_bytes())
    assert len(files) == 1


def test_frames_come_in_the_order_asked(tmp_path):
    media.write_lossless(noise(6), 16, tmp_path / "clip.mkv")
    frames = list(noise(6))
    for index, image in zip((4, 0, 4), media.read_frames(tmp_path / "clip.mkv", [4, 0, 4]), strict=True):
        assert np.array_equal(image, frames[index])


def test_a_frame_past_the_end_is_an_error(tmp_path):
    media.write_lossless(noise(3), 16, tmp_path / "clip.mkv")
    with pytest.raises(BackendError, match="before frame 3"):
        media.read_frames(tmp_path / "clip.mkv", [0, 3])


def test_a_clip_is_written_without_being_held_whole(tmp_path):
    alive = weakref.WeakSet()
    most = 0

    class Pixels(np.ndarray):
        __hash__ = object.__hash__

    def frames():
        nonlocal most
        for frame in clip(40):
            alive.add(pixels := frame.view(Pixels))
            most = max(most, len(alive))
            del frame
            yield pixels

    media.write_lossless(frames(), 16, tmp_path / "a.mkv")
    assert 1 <= most <= 3


def lossless(frames, path):
    return media.write_lossless(frames, 16, path)


def delivered(frames, path):
    return media.encode_mp4(frames, 16, path, "", "")


@pytest.mark.parametrize("write", [lossless, delivered])
def test_nothing_half_written_is_left(tmp_path, write):
    def broken():
        yield from clip(3)
        raise RuntimeError("the engine stopped")

    with pytest.raises(RuntimeError, match="the engine stopped"):
        write(broken(), tmp_path / "clip")
    assert not list(tmp_path.iterdir())


def test_a_clip_without_frames_is_an_error(tmp_path):
    with pytest.raises(BackendError, match="no frames"):
        media.encode_mp4([], 16, tmp_path / "clip.mp4", "", "")
    assert not list(tmp_path.iterdir())
