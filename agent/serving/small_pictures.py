"""Pictures made as small as a message can carry."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING

from tools.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

_SIDES = (1280, 1024, 832, 640, 512, 384, 256)
"""Pixels of the longer side, tried in turn."""


def jpeg_under(data: bytes, most: int) -> bytes:
    """The picture as a JPEG of at most ``most`` bytes: at first coarser, then with fewer pixels."""
    for picture in _smaller(data):
        for quality in (90, 82, 74):
            out = BytesIO()
            picture.save(out, "JPEG", quality=quality)
            if out.tell() <= most:
                return out.getvalue()
    raise _too_small(most)


def png_under(data: bytes, most: int) -> bytes:
    """The PNG itself where it has at most ``most`` bytes, else with fewer pixels."""
    if len(data) <= most:
        return data
    for picture in _smaller(data):
        out = BytesIO()
        picture.save(out, "PNG")
        if out.tell() <= most:
            return out.getvalue()
    raise _too_small(most)


def _smaller(data: bytes) -> Iterator[Image]:
    from PIL import Image

    with Image.open(BytesIO(data)) as image:
        picture = image.convert("RGB")
    for side in _SIDES:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
        yield picture


def _too_small(most: int) -> InputError:
    return InputError(f"The picture cannot be made as small as {most / 1000:.0f} KB.")
