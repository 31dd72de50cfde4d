"""The word "preview" in a corner: these pixels are a sketch, and say so."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tools.contracts import Size
from tools.preview.sprites import Sprite, cut, premultiply

WORD = "preview"


def corner_mark(size: Size) -> Sprite:
    """The mark at its place in a picture of ``size``: the lower right corner."""
    letters = max(11, round(0.034 * min(size)))
    gap, room = round(0.55 * letters), round(0.45 * letters)
    font = ImageFont.load_default(letters)
    left, top, right, bottom = font.getbbox(WORD, anchor="ls")
    width, height = round(right - left) + 2 * room, round(bottom - top) + 2 * room
    plate = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(plate)
    draw.rounded_rectangle((0, 0, width - 1, height - 1), radius=height / 2, fill=(24, 18, 32, 96))
    draw.text((room - left, room - top), WORD, font=font, anchor="ls", fill=(255, 252, 245, 235))
    sheet = np.zeros((size.height, size.width, 4), np.uint8)
    sheet[size.height - gap - height : size.height - gap, size.width - gap - width : size.width - gap] = np.asarray(
        plate
    )
    return cut(premultiply(sheet))
