"""Images and videos in and out. Only workers import this module: it loads FFmpeg."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tools.contracts import Frames, RGBAImage, RGBImage, Size
from tools.errors import BackendError, InputError


class CutShortError(BackendError):
    """A video has fewer frames than it should."""


@dataclass(frozen=True)
class ClipFacts:
    """What a video file holds: its number of ``frames``, ``fps`` a second, and how many ``seconds`` it plays."""

    size: Size
    frames: int
    fps: float
    seconds: float


@dataclass(frozen=True)
class _Format:
    container: str
    codec: str
    pixels: str
    codec_options: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)


# FFV1 keeps RGB bit for bit in bgr0. Slices let it use more than one core.
_LOSSLESS = _Format("matroska", "ffv1", "bgr0", {"level": "3", "slices": "4", "g": "1"})

# The same clip must be the same file everywhere. x264 writes other bytes for another number of threads, so theirs is
# fixed; and with macroblock-tree rate control 24 runs over one clip gave up to five different files, without it one.
_ENCODER_THREADS = 2
_DELIVERED = _Format(
    "mp4",
    "libx264",
    "yuv420p",
    {"crf": "18", "preset": "medium", "x264-params": "mbtree=0"},
    {"movflags": "+faststart"},
)


def read_image(data: bytes) -> RGBImage:
    """The pixels of an image file; alpha is dropped."""
    with Image.open(BytesIO(data)) as image:
        return np.array(image.convert("RGB"))


def read_rgba(data: bytes) -> RGBAImage:
    """The pixels of an image file; alpha is 255 where the file has none."""
    with Image.open(BytesIO(data)) as image:
        return np.array(image.convert("RGBA"))


def png_bytes(image: RGBImage | RGBAImage, text: Mapping[str, str] | None = None) -> bytes:
    """A PNG with ``text`` in its text chunks, in order; the same arguments give the same bytes."""
    info = PngInfo()
    for key, value in (text or {}).items():
        info.add_itxt(key, value)
    out = BytesIO()
    Image.fromarray(image).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def write_lossless(frames: Frames, fps: int, path: Path) -> int:
    """Write a clip as FFV1 in Matroska, which gives back every pixel bit for bit; returns the number of frames.

    One frame at a time is held. Nothing is left at ``path`` when this raises.
    """
    with _output(path, _LOSSLESS) as container:
        return _encode(frames, fps, container, _LOSSLESS)


def encode_mp4(frames: Frames, fps: int, path: Path, title: str, comment: str) -> int:
    """Write a clip as people get it: H.264, yuv420p, BT.709, index in front; returns the number of frames.

    The same frames give the same bytes. Nothing is left at ``path`` when this raises.
    """
    with _output(path, _DELIVERED) as container:
        container.metadata.update(title=title, comment=comment)
        return _encode(frames, fps, container, _DELIVERED)


def encode_proxy(source: Path, path: Path, longest: int, crf: int) -> None:
    """Write an mp4 again as a smaller one: ``longest`` pixels at the most, H.264's ``crf`` (18 is what people get).

    It keeps title, comment and every frame. The same file gives the same bytes.
    """
    facts = clip_facts(source)
    scale = min(1.0, longest / max(facts.size.width, facts.size.height))
    size = Size(_even(facts.size.width * scale), _even(facts.size.height * scale))
    form = replace(_DELIVERED, codec_options={**_DELIVERED.codec_options, "crf": str(crf), "preset": "veryfast"})
    with _opened(source) as told, _output(path, form) as container:
        container.metadata.update({key: told.metadata[key] for key in ("title", "comment") if key in told.metadata})
        _encode(read_clip(source, size), round(facts.fps) or 1, container, form)


def read_clip(path: Path, size: Size | None = None) -> Iterator[RGBImage]:
    """The frames of a video file, one at a time; ``size`` scales them."""
    with _opened(path) as container:
        container.streams.video[0].thread_type = "AUTO"
        for frame in container.decode(video=0):
            scaled = frame.reformat(size.width, size.height, interpolation="AREA") if size else frame
            yield cast(RGBImage, scaled.to_ndarray(format="rgb24"))


def read_frames(path: Path, indices: Sequence[int]) -> list[RGBImage]:
    """The frames at ``indices``, counted from 0, in the order asked; the others are decoded and let go."""
    wanted = set(indices)
    found: dict[int, RGBImage] = {}
    for index, frame in enumerate(read_clip(path)):
        if index in wanted:
            found[index] = frame
        if len(found) == len(wanted):
            break
    if missing := wanted - found.keys():
        raise CutShortError(f"The video ends before frame {min(missing)}.")
    return [found[index] for index in indices]


def clip_facts(path: Path) -> ClipFacts:
    """Size, frames, rate and duration, without decoding a frame."""
    with _opened(path) as container:
        stream = container.streams.video[0]
        frames = sum(1 for packet in container.demux(stream) if packet.size)
        seconds = (container.duration or 0) / av.time_base
        return ClipFacts(Size(stream.width, stream.height), frames, float(stream.average_rate or 0), seconds)


def _even(pixels: float) -> int:
    """As H.264 with yuv420p wants it."""
    return max(2, 2 * round(pixels / 2))


@contextmanager
def video_of_others() -> Iterator[None]:
    """Say in one sentence that a file which somebody gave is no video."""
    try:
        yield
    except (FFmpegError, IndexError, CutShortError):
        raise InputError("The file is no video that can be read, or is cut short; give an mp4.") from None


def _opened(path: Path) -> InputContainer:
    """The file as what its name says, never as what FFmpeg guesses: a playlist would have it read other files."""
    return av.open(path, format={".mp4": "mp4", ".mkv": "matroska"}.get(path.suffix))


@contextmanager
def _output(path: Path, form: _Format) -> Iterator[OutputContainer]:
    """The file to write into; it goes when the block raises. Bit-exact: no date, library version or random id in it."""
    options = {"fflags": "+bitexact", **form.container_options}
    try:
        with av.open(path, "w", format=form.container, options=options) as container:
            yield container
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _encode(frames: Frames, fps: int, container: OutputContainer, form: _Format) -> int:
    stream: VideoStream | None = None
    convert = VideoReformatter()
    count = 0
    for image in frames:
        stream = stream or _stream(container, form, fps, image)
        frame = convert.reformat(
            av.VideoFrame.from_ndarray(image, format="rgb24"),
            format=form.pixels,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG if form.pixels == "yuv420p" else ColorRange.JPEG,
        )
        frame.pts, frame.time_base = count, Fraction(1, fps)
        container.mux(stream.encode(frame))
        count += 1
    if stream is None:
        raise BackendError("The clip has no frames.")
    container.mux(stream.encode())
    return count


def _stream(container: OutputContainer, form: _Format, fps: int, image: RGBImage) -> VideoStream:
    stream = cast(VideoStream, container.add_stream(form.codec, rate=fps, options=dict(form.codec_options)))
    stream.height, stream.width = image.shape[:2]
    stream.pix_fmt = form.pixels
    stream.time_base = Fraction(1, fps)
    context = stream.codec_context
    context.thread_count = _ENCODER_THREADS
    if form.pixels == "yuv420p":
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709
        context.colorspace = Colorspace.ITU709
        context.color_range = ColorRange.MPEG
    return stream
