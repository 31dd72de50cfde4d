"""What a Wan model is given beside the prompt: fixed frames, grey where VACE shall paint, photos of the person.

Pipelines resize what does not fit, without a word and not as one would wish; so nothing leaves here that is not exactly
the size of its canvas.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tools.contracts import ClipSpec, Reference, RGBImage, Size

BLANK = 127.5 / 255
"""The grey that stands where a frame is to be painted: exactly the middle, which the model sees as 0."""


def control(
    frames: Mapping[int, RGBImage], clip: ClipSpec, canvas: Size
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """VACE's control video, shape (1, frames, height, width, 3) in [0, 1], and its mask, with 1 channel.

    The mask is 0 where a frame is given and 1 where one is to be painted. Height and width are the canvas's.
    """
    shape = (1, clip.frames, canvas.height, canvas.width)
    video = np.full((*shape, 3), BLANK, np.float32)
    mask = np.ones((*shape, 1), np.float32)
    for number, image in frames.items():
        video[0, number] = on_canvas(image, clip.size, canvas) / np.float32(255)
        mask[0, number] = 0
    return video, mask


def on_canvas(image: RGBImage, size: Size, canvas: Size) -> RGBImage:
    """The image in the size of the clip, in the middle, its edges mirrored into the few pixels round it."""
    image = fitted(image, size)
    left, top = _margins(canvas, size)
    right, bottom = canvas.width - size.width - left, canvas.height - size.height - top
    return np.pad(image, ((top, bottom), (left, right), (0, 0)), mode="symmetric")


def cropped(image: RGBImage, size: Size) -> RGBImage:
    """The size of the clip out of the middle of a painted canvas: the inverse of how given frames are laid on it."""
    left, top = _margins(Size(image.shape[1], image.shape[0]), size)
    return np.ascontiguousarray(image[top : top + size.height, left : left + size.width])


def on_white(reference: Reference, canvas: Size) -> Image.Image:
    """The person cut out on white, whole, in the middle of a canvas: how VACE's references look."""
    cut = Image.fromarray(reference.cut_out.pixels)
    white = Image.new("RGBA", cut.size, "white")
    person = Image.alpha_composite(white, cut).convert("RGB")
    return ImageOps.pad(person, canvas, Image.Resampling.LANCZOS, color="white")


def fitted(image: RGBImage, size: Size) -> RGBImage:
    """Scaled to fill the size, and what is over cut off evenly; the same pixels where it has that size already."""
    return np.asarray(ImageOps.fit(Image.fromarray(image), size, Image.Resampling.LANCZOS))


def _margins(canvas: Size, size: Size) -> tuple[int, int]:
    """Left and top."""
    return (canvas.width - size.width) // 2, (canvas.height - size.height) // 2
