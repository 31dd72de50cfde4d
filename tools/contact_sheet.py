"""One picture that tells how a video went: some of its frames, each with what was measured under it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.ImageFont import FreeTypeFont

from tools.contracts import RGBImage

Tone = Literal["good", "weak", "none"]


@dataclass(frozen=True)
class Tile:
    """One frame. The first of ``lines`` stands large under it, the second small at the right, for its time.

    ``tone`` colours the first line's mark: ``good`` passed, ``weak`` did not, ``none`` where nothing was measured.
    """

    image: RGBImage
    lines: tuple[str, ...]
    tone: Tone


class _Grid(NamedTuple):
    columns: int
    rows: int
    width: int
    height: int


_LARGEST = (1500, 1120)
_MARGIN, _GAP, _LABEL, _LINE, _CORNER = 28, 16, 40, 26, 8
_PAPER, _INK, _SOFT = "#f7f5f0", "#1d1b18", "#77716a"
_TONES: dict[Tone, str] = {"good": "#2f8f5b", "weak": "#c9722b", "none": "#aaa49b"}


def contact_sheet(tiles: Sequence[Tile], caption: str) -> RGBImage:
    """The tiles in reading order over a caption, at most 1500 pixels long; every tile has the shape of the first."""
    grid = _grid(len(tiles), tiles[0].image.shape[1] / tiles[0].image.shape[0])
    width = 2 * _MARGIN + grid.columns * (grid.width + _GAP) - _GAP
    lines = _wrapped(_drawable(caption), width - 2 * _MARGIN)
    foot = 2 * _MARGIN + grid.rows * (grid.height + _LABEL + _GAP) - _GAP
    sheet = Image.new("RGB", (width, foot + len(lines) * _LINE), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, grid.columns)
        left = _MARGIN + column * (grid.width + _GAP)
        top = _MARGIN + row * (grid.height + _LABEL + _GAP)
        _put_tile(sheet, draw, tile, left, top, grid)
    for number, line in enumerate(lines):
        draw.text((_MARGIN + 2, foot + (number - 0.1) * _LINE), line, _SOFT, _font(18), anchor="lm")
    return np.asarray(sheet)


def jpeg_under(image: RGBImage, limit_bytes: int) -> bytes:
    """A JPEG of at most ``limit_bytes``: as good as fits, and scaled down only where the poorest quality does not."""
    picture = Image.fromarray(image)
    while True:
        for quality in (92, 88, 84, 80, 75, 70, 64):
            data = _jpeg(picture, quality)
            if len(data) <= limit_bytes or max(picture.size) < 32:
                return data
        picture = picture.resize((round(picture.width * 0.85), round(picture.height * 0.85)), Image.Resampling.LANCZOS)


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    out = BytesIO()
    picture.save(out, "JPEG", quality=quality, subsampling="4:4:4" if quality > 84 else "4:2:0")
    return out.getvalue()


def _grid(count: int, aspect: float) -> _Grid:
    """As many columns as show ``count`` tiles of ``aspect`` (width / height) nearly largest, with the fewest holes."""
    grids = []
    for columns in range(1, count + 1):
        rows = -(-count // columns)
        wide = (_LARGEST[0] - 2 * _MARGIN + _GAP) // columns - _GAP
        high = (_LARGEST[1] - 2 * _MARGIN - 2 * _LINE + _GAP) // rows - _GAP - _LABEL
        width = min(wide, int(high * aspect))
        grids.append(_Grid(columns, rows, width, round(width / aspect)))
    widest = max(grid.width for grid in grids)
    fit = [grid for grid in grids if grid.width >= 0.9 * widest]
    return min(fit, key=lambda grid: (grid.columns * grid.rows - count, -grid.columns))


def _put_tile(sheet: Image.Image, draw: ImageDraw.ImageDraw, tile: Tile, left: int, top: int, grid: _Grid) -> None:
    picture = Image.fromarray(tile.image).resize((grid.width, grid.height), Image.Resampling.LANCZOS)
    sheet.paste(picture, (left, top), _rounded(grid.width, grid.height))
    middle = top + grid.height + _LABEL // 2 + 2
    _put_dot(sheet, left + 9, middle, _TONES[tile.tone])
    if tile.lines:
        draw.text((left + 24, middle), _drawable(tile.lines[0]), _INK, _font(22), anchor="lm", stroke_width=0.4)
    if len(tile.lines) > 1:
        small = "  ".join(_drawable(line) for line in tile.lines[1:])
        draw.text((left + grid.width - 2, middle), small, _SOFT, _font(17), anchor="rm")


def _put_dot(sheet: Image.Image, x: int, y: int, colour: str) -> None:
    side = 14
    mask = Image.new("L", (side * 4, side * 4))
    ImageDraw.Draw(mask).ellipse((0, 0, side * 4 - 1, side * 4 - 1), fill=255)
    mask = mask.resize((side, side), Image.Resampling.LANCZOS)
    sheet.paste(colour, (x - side // 2, y - side // 2), mask)


@cache
def _rounded(width: int, height: int) -> Image.Image:
    mask = Image.new("L", (width * 4, height * 4))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, width * 4 - 1, height * 4 - 1), _CORNER * 4, fill=255)
    return mask.resize((width, height), Image.Resampling.LANCZOS)


@cache
def _font(size: int) -> FreeTypeFont:
    return ImageFont.load_default(size)  # type: ignore[return-value] # Pillow's wheels have FreeType


def _wrapped(text: str, width: int) -> list[str]:
    """At most two lines that fit ``width``; the rest is left out with an ellipsis."""
    font = _font(18)
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    if len(lines) > 2:
        lines = [lines[0], lines[1].rsplit(" ", 2)[0] + " …"]
    return lines


def _drawable(text: str) -> str:
    """The text in the letters that Pillow's own font has: accents go, dashes become hyphens, the rest is left out."""
    plain = unicodedata.normalize("NFKD", text.translate(_DASHES))
    return "".join(letter for letter in plain if letter in _LETTERS).strip()


_DASHES = str.maketrans("–—−×", "---x")
_LETTERS = frozenset(chr(code) for code in range(32, 127)) | set("·…’‘“”°±≥")
