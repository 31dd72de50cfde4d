"""What VACE is given beside the prompt: frames that are fixed, grey where it shall paint, and photos of the person.

The pipeline resizes what does not fit, without a word and not as one would wish; so nothing leaves here that is not
exactly the size of its canvas.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tools.contracts import ClipSpec, Reference, RGBImage, Size
from tools.errors import InputError

MULTIPLE = 16
"""Width and height of what is painted are multiples of this: 8 pixels a latent, 2 latents a token."""

GROUP = 4
"""Frames that one latent holds; frame 0 has a latent of its own."""

LENGTHS = range(GROUP + 1, 82, GROUP)
FPS = 16
"""The lengths and the pace that the model was trained on; longer clips lose their colours or run back."""

BLANK = 127.5 / 255
"""The grey that stands where a frame is to be painted: exactly the middle, which the model sees as 0."""


def refuse_untrained(clip: ClipSpec) -> None:
    """``InputError``, with what would do, where the model was not trained on such clips."""
    if clip.fps != FPS:
        raise InputError(f"VACE makes {FPS} frames a second, not {clip.fps}; set fps to {FPS}.")
    if clip.frames not in LENGTHS:
        least = min(abs(frames - clip.frames) for frames in LENGTHS)
        nearest = " or ".join(str(frames) for frames in LENGTHS if abs(frames - clip.frames) == least)
        raise InputError(
            f"VACE makes {LENGTHS[0]}, {LENGTHS[1]}, {LENGTHS[2]} … {LENGTHS[-1]} frames, not {clip.frames}; "
            f"ask for {nearest}."
        )


def canvas_of(size: Size) -> Size:
    """The smallest size that holds ``size`` and that the model can paint."""
    return Size(*(-(-side // MULTIPLE) * MULTIPLE for side in size))


def control(frames: Mapping[int, RGBImage], clip: ClipSpec) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The control video, shape (1, frames, height, width, 3) in [0, 1], and its mask, with 1 channel.

    The mask is 0 where a frame is given and 1 where one is to be painted. Height and width are the canvas's.
    """
    canvas = canvas_of(clip.size)
    shape = (1, clip.frames, canvas.height, canvas.width)
    video = np.full((*shape, 3), BLANK, np.float32)
    mask = np.ones((*shape, 1), np.float32)
    for number, image in frames.items():
        video[0, number] = _onto_canvas(_fitted(image, clip.size), canvas) / np.float32(255)
        mask[0, number] = 0
    return video, mask


def cropped(image: RGBImage, size: Size) -> RGBImage:
    """The asked size out of the middle of a painted canvas: the inverse of how given frames are laid on it."""
    left, top = _margins(canvas_of(size), size)
    return np.ascontiguousarray(image[top : top + size.height, left : left + size.width])


def on_white(reference: Reference, size: Size) -> Image.Image:
    """The person cut out on white, whole, in the middle of a canvas of the clip's: how VACE's references look."""
    cut = Image.fromarray(reference.cut_out.pixels)
    white = Image.new("RGBA", cut.size, "white")
    person = Image.alpha_composite(white, cut).convert("RGB")
    return ImageOps.pad(person, canvas_of(size), Image.Resampling.LANCZOS, color="white")


def _fitted(image: RGBImage, size: Size) -> RGBImage:
    """Scaled to fill the size, and what is over cut off evenly; the same pixels where it has that size already."""
    return np.asarray(ImageOps.fit(Image.fromarray(image), size, Image.Resampling.LANCZOS))


def _onto_canvas(image: RGBImage, canvas: Size) -> RGBImage:
    """In the middle, at its own scale, its edges mirrored into the few pixels round it."""
    size = Size(image.shape[1], image.shape[0])
    left, top = _margins(canvas, size)
    right, bottom = canvas.width - size.width - left, canvas.height - size.height - top
    return np.pad(image, ((top, bottom), (left, right), (0, 0)), mode="symmetric")


def _margins(canvas: Size, size: Size) -> tuple[int, int]:
    """Left and top."""
    return (canvas.width - size.width) // 2, (canvas.height - size.height) // 2
