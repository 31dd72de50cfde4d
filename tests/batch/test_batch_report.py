"""The contact sheet of a batch, and its videos under the names that others expect."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from agent.batch.closing import close_batch
from agent.batch.ledger import Ledger
from agent.batch.results import ResultFiles, RowError, RowResult
from agent.cli import app
from agent.views import JobError


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., ResultFiles]:
    """Results as a batch leaves them; of each row the prompt and the similarity, or ``None`` for one that failed."""

    def write(**rows: tuple[str, float | None]) -> ResultFiles:
        files, ledger = ResultFiles(tmp_path / "out"), Ledger()
        files.folder.mkdir()
        for line, (custom_id, (prompt, similarity)) in enumerate(rows.items(), 1):
            ledger.add(custom_id, line, "same", "preview")
            said = _failed(custom_id, prompt) if similarity is None else _result(files, custom_id, prompt, similarity)
            files.append(said)
        ledger.load(files)
        close_batch(files, ledger, "finished", None)
        ledger.close()
        return files

    return write


def _failed(custom_id: str, prompt: str) -> RowError:
    error = JobError(kind="GateError", message="No first frame <i>passed</i>.")
    return RowError(
        custom_id=custom_id, row="same", prompt=prompt, reference="photo.png", job_id="job", seconds=1,
        ended=datetime.now().astimezone(), error=error,
    )  # fmt: skip


def _result(files: ResultFiles, custom_id: str, prompt: str, similarity: float) -> RowResult:
    folder = files.folder / "rows" / custom_id
    folder.mkdir(parents=True)
    Image.new("RGB", (832, 480), "tan").save(folder / "first_frame.png")
    (folder / "video.mp4").write_bytes(custom_id.encode())
    return RowResult(
        custom_id=custom_id, row="same", prompt=prompt, reference="photo.png", job_id="job", seconds=2,
        ended=datetime.now().astimezone(), passed=similarity > 0.5, recogniser="instant", identity_skip=similarity,
        identity_zero=similarity, face_rate=1, first_frame_similarity=similarity, attempts=1, seed=1, preset="preview",
        sketch=True, video=str(folder / "video.mp4"), first_frame=str(folder / "first_frame.png"),
        contact_sheet=str(folder / "contact_sheet.jpg"), report=str(folder / "report.json"),
        page=str(folder / "report.html"), warnings=[], stages={"animate": 1.0},
    )  # fmt: skip


def ids(page: str) -> list[str]:
    return re.findall(r"First frame of ([\w-]+)", page)


def test_the_most_alike_come_first_and_failures_last(made: Any) -> None:
    files = made(low=("waves", 0.2), failed=("walks", None), high=("runs", 0.9), middle=("sits", 0.6))
    page = (files.folder / "report.html").read_text()
    assert ids(page) == ["high", "middle", "low"]
    assert page.index("First frame of low") < page.index("walks")
    assert "3 of 4 rows completed, 1 failed" in page
    assert "0.57" in page


def test_pages_need_nothing_else_and_nothing_in_them_is_taken_for_markup(made: Any) -> None:
    files = made(a=("<script>alert(1)</script> waves", 0.9), b=('"><img src=x onerror=alert(1)>', None))
    page = (files.folder / "report.html").read_text()
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "<i>passed</i>" not in page
    assert set(re.findall(r'src="([^"]{0,10})', page)) == {"data:image"}
    links = re.findall(r'href="([^"]+)"', page)
    assert set(links) == {"rows/a/report.html", "rows/a/video.mp4"}
    assert "http:" not in page
    assert "https:" not in page


def test_hundreds_of_rows_are_parted_into_pages_and_old_pages_go(made: Any) -> None:
    files = made(**{f"row{number:03}": ("waves", 0.5 + number / 1000) for number in range(250)})
    pages = [(files.folder / name).read_text() for name in ("report.html", "report-2.html", "report-3.html")]
    assert [len(ids(page)) for page in pages] == [100, 100, 50]
    assert ids(pages[0])[0] == "row249"
    assert 'href="report-3.html"' in pages[0]
    assert all(len(page) < 2_000_000 for page in pages)
    files.results.write_text(files.results.read_text().splitlines(keepends=True)[0])
    ledger = Ledger()
    ledger.add("row000", 1, "same", "preview")
    ledger.load(files)
    close_batch(files, ledger, "finished", None)
    ledger.close()
    assert sorted(file.name for file in files.folder.glob("report*")) == ["report.html"]


def export(files: ResultFiles, layout: str, to: Path) -> Any:
    return CliRunner().invoke(app, ["batch", "export", str(files.folder), "--layout", layout, "--to", str(to)])


def test_videos_are_exported_as_vbench_names_them(made: Any, tmp_path: Path) -> None:
    files = made(a=("She waves", 0.9), b=("She  waves", 0.8), c=("and/or", 0.9), d=("x" * 250, 0.9))
    done = export(files, "vbench", tmp_path / "videos")
    assert done.exit_code == 1
    assert {file.name: file.read_bytes() for file in (tmp_path / "videos").iterdir()} == {
        "She waves-0.mp4": b"a",
        "She waves-1.mp4": b"b",
    }
    assert "c: its prompt cannot be a file's name" in done.stderr
    assert "d: its prompt cannot be a file's name" in done.stderr
    assert "2 videos in" in done.stdout


def test_videos_of_vip_200k_are_exported_by_person_and_prompt(made: Any, tmp_path: Path) -> None:
    files = made(**{"id001-prompt1": ("waves", 0.9), "id001-prompt12": ("walks", 0.9)})
    assert export(files, "vip", tmp_path / "videos").exit_code == 0
    assert (tmp_path / "videos" / "id001" / "prompt1.mp4").read_bytes() == b"id001-prompt1"
    assert (tmp_path / "videos" / "id001" / "prompt12.mp4").read_bytes() == b"id001-prompt12"


def test_an_export_of_no_batch_is_refused(tmp_path: Path) -> None:
    done = export(ResultFiles(tmp_path / "nowhere"), "vip", tmp_path / "videos")
    assert done.exit_code == 2
    assert "holds no results of a batch" in done.stderr
