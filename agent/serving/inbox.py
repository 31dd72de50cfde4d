"""The inbox: a folder where people put photos, and from which an assistant takes them by name."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from agent.serving.intake import open_photo
from agent.settings import Settings
from tools.errors import InputError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif", ".bmp", ".tif", ".tiff", ".gif"})

THUMBNAIL = 232
"""Pixels of its longer side."""

_TILE, _COLUMNS, _LABEL = THUMBNAIL + 8, 4, 26
_PAPER, _INK = "#f7f5f0", "#1d1b18"


@dataclass(frozen=True)
class Listed:
    """A photo of the inbox, small, as PNG; or ``fault``, a sentence that says why it cannot be used."""

    path: Path
    thumbnail: bytes | None = None
    fault: str | None = None


def inbox_of(settings: Settings) -> Path:
    """The folder, made where it is missing; ``InputError`` where it cannot be."""
    try:
        settings.inbox.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"The inbox {settings.inbox} cannot be made ({error.strerror}); name another folder in STEADFACE_INBOX."
        ) from error
    return settings.inbox


def photos_in(folder: Path, limit: int) -> list[Listed]:
    """The newest photos of a folder, at most ``limit``, the newest first."""
    return [_listed(file) for file in newest_files(folder)[:limit]]


def newest_files(folder: Path) -> list[Path]:
    """The files of a folder that look like photos, the newest first; none where there is no folder."""
    if not folder.is_dir():
        return []
    files = [file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file()]
    return sorted(files, key=lambda file: (-file.stat().st_mtime, file.name))


def sheet_of(photos: Sequence[Listed]) -> str | None:
    """A JPEG of their thumbnails, numbered as they are listed, in base64; ``None`` where there is nothing to see."""
    return labelled_sheet([(str(number), photo.thumbnail) for number, photo in enumerate(photos, 1) if photo.thumbnail])


def labelled_sheet(tiles: Sequence[tuple[str, bytes]]) -> str | None:
    """A JPEG of pictures, each at most ``THUMBNAIL`` pixels long, over its label; in base64, ``None`` for no tiles."""
    from PIL import Image, ImageDraw, ImageFont

    if not tiles:
        return None
    columns = min(_COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * _TILE, rows * (_TILE + _LABEL)), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(18)
    for place, (label, thumbnail) in enumerate(tiles):
        row, column = divmod(place, columns)
        left, top = column * _TILE, row * (_TILE + _LABEL)
        with Image.open(BytesIO(thumbnail)) as tile:
            sheet.paste(tile, (left + (_TILE - tile.width) // 2, top + (_TILE - tile.height) // 2))
        draw.text((left + _TILE / 2, top + _TILE + _LABEL / 2), label, _INK, font, anchor="mm")
    out = BytesIO()
    sheet.save(out, "JPEG", quality=80)
    return b64encode(out.getvalue()).decode()


def _listed(file: Path) -> Listed:
    try:
        return Listed(file, open_photo(file.read_bytes(), file.name, THUMBNAIL))
    except InputError as error:
        return Listed(file, fault=str(error))
    except OSError as error:
        return Listed(file, fault=f"{file.name} cannot be read ({error.strerror}).")
