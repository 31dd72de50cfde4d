"""A batch of thousands of rows needs no more memory than a small one."""

from __future__ import annotations

import json
import tracemalloc
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agent.batch.closing import close_batch
from agent.batch.ledger import Ledger
from agent.batch.manifest import read_manifest
from agent.batch.own import OwnBatch, Selection
from agent.batch.results import ResultFiles, RowResult
from agent.batch.rows import row_of
from agent.batch.run import Bounds

ALLOWED = 300_000
"""Bytes that the peaks may differ by; a row of the manifest has about 100, and there are 9,900 more of them."""


def write(folder: Path, rows: int, done: int = 0) -> Path:
    """A manifest of so many rows, of which so many were completed."""
    folder.mkdir()
    (folder / "photo.png").symlink_to(folder.parent / "photo.png")
    manifest, files = folder / "manifest.jsonl", ResultFiles(folder / "out")
    lines = [
        {"custom_id": f"row{number}", "prompt": f"waves {number}", "reference": "photo.png"} for number in range(rows)
    ]
    manifest.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    if done:
        files.folder.mkdir()
        files.results.write_text("".join(f"{result(line).model_dump_json()}\n" for line in lines[:done]))
    return manifest


def result(fields: dict[str, Any]) -> RowResult:
    row = row_of(fields)
    return RowResult(
        custom_id=row.custom_id, row=row.fingerprint, prompt=row.prompt, reference="photo.png", job_id="job", seconds=1,
        ended=datetime.now().astimezone(), passed=True, recogniser="instant", identity_skip=0.9, identity_zero=0.9,
        face_rate=1, first_frame_similarity=0.9, attempts=1, seed=1, preset="preview", sketch=True, video="video.mp4",
        first_frame=None, contact_sheet="sheet.jpg", report="report.json", page="report.html", warnings=[],
        stages={"animate": 1.0},
    )  # fmt: skip


def peak(work: Any) -> int:
    """Bytes of Python's at most while the work is done."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture
def folders(photo: Path, tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "small", tmp_path / "large"


def checked(manifest: Path) -> None:
    with OwnBatch(manifest, manifest.parent / "out", "synthetic", None, Selection((), False)) as own:
        good, bad = own.check(lambda *_: None, alone=False)
        assert bad == 0
        assert own.plan(Bounds()).to_do == good - sum(1 for _ in ResultFiles(manifest.parent / "out").read(RowResult))


def test_checking_ten_thousand_rows_takes_the_memory_of_a_hundred(folders: tuple[Path, Path]) -> None:
    small, large = write(folders[0], 100), write(folders[1], 10_000)
    checked(small)  # what is imported at first use counts for neither
    assert peak(lambda: checked(large)) < peak(lambda: checked(small)) + ALLOWED


def test_going_on_after_ten_thousand_rows_and_summing_up_takes_the_memory_of_a_hundred(
    folders: tuple[Path, Path],
) -> None:
    small, large = write(folders[0], 101, done=100), write(folders[1], 10_001, done=10_000)
    checked(small)
    assert peak(lambda: checked(large)) < peak(lambda: checked(small)) + ALLOWED
    summed_up(small)
    assert peak(lambda: summed_up(large)) < peak(lambda: summed_up(small)) + ALLOWED


def summed_up(manifest: Path) -> None:
    files, ledger = ResultFiles(manifest.parent / "out"), Ledger()
    for number, fields in read_manifest(manifest):
        row = row_of(fields)  # type: ignore[arg-type]
        ledger.add(row.custom_id, number, row.fingerprint, "preview")
    ledger.load(files)
    summary = close_batch(files, ledger, "finished", None)
    ledger.close()
    assert summary.completed == summary.rows - 1
    assert (files.folder / "report.html").is_file()
