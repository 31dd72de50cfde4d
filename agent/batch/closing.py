"""What a batch leaves when it ends or is interrupted: ``summary.json`` and the report."""

from __future__ import annotations

from pathlib import Path

from agent.batch.ledger import Ledger
from agent.batch.order import Order
from agent.batch.report import write_report
from agent.batch.results import ResultFiles
from agent.batch.standing import SUMMARY, End, Summary, summary
from tools.artifacts import room_on_disk


def close_batch(
    files: ResultFiles, ledger: Ledger, end: End, reason: str | None, order: Order | None = None
) -> Summary:
    """Write both anew. ``reason`` is why the batch stopped, in a sentence; ``order`` that in which rows were run."""
    told = summary(ledger, files, end, reason, order)
    with room_on_disk(files.folder, "move the batch to another disk"):
        write_report(files, ledger, told)
        _replace(files.folder / SUMMARY, told.model_dump_json(indent=2))
    return told


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}")
    draft.write_text(text)
    draft.replace(path)
