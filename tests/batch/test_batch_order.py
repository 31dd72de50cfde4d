"""Batches row by row and phase by phase: what is chosen, what is told, and that both make the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.batch import order
from agent.batch.order import best_order
from agent.gpus import Gpu
from agent.settings import load_settings
from agent.store import JobStore


@pytest.fixture
def steps(home: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The prompt of each job with each stage that it enters, in that order."""
    entered: list[tuple[str, str]] = []
    write = JobStore.write

    def told(store: JobStore, row: Any, **values: Any) -> None:
        stage = (values.get("progress") or {}).get("stage")
        if stage and (row.request["prompt"], stage) not in entered:
            entered.append((row.request["prompt"], stage))
        write(store, row, **values)

    monkeypatch.setattr(JobStore, "write", told)
    return entered


def test_in_phases_all_first_frames_are_painted_before_any_video(
    batch: Any, manifest: Any, lines: Any, steps: list[tuple[str, str]], tmp_path: Path
) -> None:
    prompts = {f"row{number}": f"similarity=0.9 paint=0.5 row {number}" for number in range(3)}
    done = batch(manifest(**prompts), "--order", "phases")
    assert done.exit_code == 0, done.stderr
    assert "Phase by phase: all plans, first frames and videos of some rows" in done.stderr
    assert set(lines("results")) == set(prompts)
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["order"] == "phases"
    videos = [at for at, (_, stage) in enumerate(steps) if stage == "animate"]
    painted = [at for at, (_, stage) in enumerate(steps) if stage == "generate_first_frames"]
    assert max(painted) < min(videos)


def test_row_by_row_is_what_sketches_get_and_it_is_told(
    batch: Any, manifest: Any, steps: list[tuple[str, str]], tmp_path: Path
) -> None:
    path = manifest(a="similarity=0.9 a", b="similarity=0.9 b")
    assert "order         rows" in batch(path, "--dry-run").stdout
    done = batch(path)
    assert "Row by row: each row is made to its end" in done.stderr
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["order"] == "rows"
    assert steps.index(("similarity=0.9 a", "deliver")) < steps.index(("similarity=0.9 b", "inspect_reference"))


@pytest.mark.parametrize(
    ("gib", "preset", "chosen"),
    [
        (None, "paper", "rows"),
        (24, "preview", "rows"),
        (24, "paper", "phases"),
        (24, "paper-small", "phases"),
        (80, "paper", "rows"),
    ],
)
def test_phases_are_chosen_where_one_gpu_cannot_hold_the_models_together(
    home: Path, monkeypatch: pytest.MonkeyPatch, gib: float | None, preset: str, chosen: str
) -> None:
    monkeypatch.setattr(order, "first_gpu", lambda: gib and Gpu(gib, gib))
    assert best_order(load_settings(), [preset]) == chosen
    assert best_order(load_settings(), ["preview", preset]) == chosen


def test_on_several_pools_all_phases_stream(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "first_gpu", lambda: Gpu(24, 24))
    assert best_order(load_settings(pool="ray"), ["paper"]) == "rows"
