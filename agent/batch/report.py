"""The contact sheet of a batch: every row with its first frame, the most alike first, in pages that need nothing else.

Pages link to the reports and videos of the rows beside them, so the folder can be moved as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from agent.batch.ledger import Ledger
from agent.batch.results import ROWS, ResultFiles, RowError, RowResult
from agent.batch.standing import REPORT, Summary
from agent.html import data_url, template
from agent.report import SKETCH_NOTICE

if TYPE_CHECKING:
    from markupsafe import Markup

A_PAGE = 100
"""Rows; a page of that many has about 1 MB."""

THUMBNAIL = 320
"""Pixels of the longer side."""


@dataclass(frozen=True)
class Tile:
    """One row: a result, or else an error."""

    result: RowResult | None
    error: RowError | None
    picture: Markup | None
    page: str | None
    video: str | None


def write_report(files: ResultFiles, ledger: Ledger, summary: Summary) -> None:
    """Write the pages anew, and delete those of before that there is no longer a need for."""
    pages = max(1, -(-summary.ended // A_PAGE))
    tiles = _tiles(files, ledger)
    names = [_page_name(number) for number in range(1, pages + 1)]
    for number in range(1, pages + 1):
        _write_page(files.folder, number, names, list(islice(tiles, A_PAGE)), summary)
    while (left := files.folder / _page_name(pages + 1)).exists():
        left.unlink()
        pages += 1


def _write_page(folder: Path, number: int, names: list[str], tiles: list[Tile], summary: Summary) -> None:
    pieces = template("batch.html.j2").generate(
        summary=summary,
        tiles=tiles,
        page=number,
        pages=names,
        notice=SKETCH_NOTICE,
        first=(number - 1) * A_PAGE + 1,
    )
    draft = folder / f".{names[number - 1]}"
    with draft.open("w", encoding="utf-8") as file:
        file.writelines(pieces)
    draft.replace(folder / names[number - 1])


def _page_name(number: int) -> str:
    return REPORT if number == 1 else f"report-{number}.html"


def _tiles(files: ResultFiles, ledger: Ledger) -> Iterator[Tile]:
    for offset in ledger.by_similarity(completed=True):
        result = files.at(RowResult, offset)
        yield Tile(
            result=result,
            error=None,
            picture=_thumbnail(Path(result.first_frame or result.contact_sheet)),
            page=_beside(result, result.page),
            video=_beside(result, result.video),
        )
    for offset in ledger.by_similarity(completed=False):
        error = files.at(RowError, offset)
        attached = [Path(path) for path in error.error.attachments.values()]
        yield Tile(None, error, _thumbnail(attached[0]) if attached else None, None, None)


def _beside(result: RowResult, path: str) -> str:
    """As the page, which lies beside the rows, names a file."""
    return quote(f"{ROWS}/{result.custom_id}/{Path(path).name}")


def _thumbnail(file: Path) -> Markup | None:
    """As a data: URL; ``None`` where the file is gone."""
    from PIL import Image

    out = BytesIO()
    try:
        with Image.open(file) as image:
            small = image.convert("RGB")
    except OSError:
        return None
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    small.save(out, "JPEG", quality=80)
    return data_url(out.getvalue(), "image/jpeg")
