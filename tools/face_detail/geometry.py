"""Where a face is repainted: what part of the frame is worked on, how large, and which pixels may change.

The FaceDetailer of ComfyUI's Impact Pack, to the pixel, with the values of HyperLoRA's published workflow. Its boxes
came from a YOLOv8 face detector; those of the analyzers here are tighter, so each is grown first. Results are
therefore not the workflow's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tools.contracts import Box, Size

BOX_GROWTH = 1.125
CROP_FACTOR = 2.0
GUIDE_SIZE = 896
LONGEST_SIDE = 896
SMALLEST_BOX = 10

CELL = 8
"""Pixels of the image that one value of SDXL's latents stands for, each way."""

# A 10x10 kernel has no middle: anchored at 5, it reaches one pixel further right and down.
DILATION_BEFORE, DILATION_AFTER = 4, 5


class Region(NamedTuple):
    """A rectangle of whole pixels; ``right`` and ``bottom`` are the first ones outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> Size:
        return Size(self.right - self.left, self.bottom - self.top)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of an image."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


@dataclass(frozen=True)
class Spot:
    """One face of a frame.

    ``crop`` is worked on, at ``work`` pixels; ``mask``, in pixels of the crop, is what may change, before its feather.
    """

    crop: Region
    mask: Region
    work: Size


def spot_of(box: Box, frame: Size) -> Spot | None:
    """Where the face in ``box``, as a detector saw it, is repainted; ``None`` where it is too small or out of frame."""
    box = grown(box)
    if box.shorter_side <= SMALLEST_BOX:
        return None
    crop, mask = crop_region(box, frame), mask_region(box, frame)
    inside = Region(
        max(mask.left, crop.left) - crop.left,
        max(mask.top, crop.top) - crop.top,
        min(mask.right, crop.right) - crop.left,
        min(mask.bottom, crop.bottom) - crop.top,
    )
    return Spot(crop, inside, work_size(box, crop.size)) if min(inside.size) > 0 else None


def grown(box: Box) -> Box:
    """The box about its centre, ``BOX_GROWTH`` times as wide and high."""
    width, height = box.width * BOX_GROWTH, box.height * BOX_GROWTH
    return Box(box.x - (width - box.width) / 2, box.y - (height - box.height) / 2, width, height)


def mask_region(box: Box, frame: Size) -> Region:
    """The pixels that the box touches, both corners included, dilated."""
    return Region(
        max(0, int(box.x) - DILATION_BEFORE),
        max(0, int(box.y) - DILATION_BEFORE),
        min(frame.width, int(box.x + box.width) + 1 + DILATION_AFTER),
        min(frame.height, int(box.y + box.height) + 1 + DILATION_AFTER),
    )


def crop_region(box: Box, frame: Size) -> Region:
    left, right = _span(box.x, box.width, frame.width)
    top, bottom = _span(box.y, box.height, frame.height)
    return Region(left, top, right, bottom)


def work_size(box: Box, crop: Size) -> Size:
    """The crop so large that the box's shorter side has ``GUIDE_SIZE``, its longest side at most ``LONGEST_SIDE``.

    Never smaller than the crop itself.
    """
    scale = GUIDE_SIZE / box.shorter_side
    work = _scaled(crop, scale)
    if max(work) > LONGEST_SIDE:
        scale *= LONGEST_SIDE / max(work)
        work = _scaled(crop, scale)
    return work if scale > 1 else crop


def whole_cells(size: Size) -> Region:
    """The middle of an image that has whole latent cells."""
    width, height = size.width // CELL * CELL, size.height // CELL * CELL
    left, top = (size.width - width) // 2, (size.height - height) // 2
    return Region(left, top, left + width, top + height)


def _span(start: float, length: float, limit: int) -> tuple[int, int]:
    """``CROP_FACTOR`` times a side of the box, about its middle; moved into the frame, cut only where it is larger."""
    size = CROP_FACTOR * length
    begin = int(start + length / 2 - size / 2)
    if begin < 0:
        return 0, int(min(limit, size))
    if begin + size > limit:
        return int(max(0, limit - size)), limit
    return begin, int(begin + size)


def _scaled(size: Size, scale: float) -> Size:
    return Size(int(size.width * scale), int(size.height * scale))
