"""The benches run, on a few prompts and rows, and on backends that answer at once or models that are small."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCH = Path(__file__).parents[1] / "bench"


def run(name: str, *arguments: str, seconds: int = 50) -> str:
    command = [sys.executable, str(BENCH / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_sixty_prompts_and_fifty_hard_ones_are_shipped() -> None:
    counts = {
        name: sum(1 for line in (BENCH / name).read_text("utf-8").splitlines() if not line.startswith("#"))
        for name in ("prompts.txt", "hard_prompts.txt")
    }
    assert counts == {"prompts.txt": 60, "hard_prompts.txt": 50}


def test_the_rules_pass_every_check_of_every_shipped_prompt_at_the_first_try(tmp_path: Path) -> None:
    run("planner.py", "--planner", "rules", "--out", str(tmp_path / "measured.json"))
    measured = json.loads((tmp_path / "measured.json").read_text())["rules"]
    assert measured["asked"] == {"temporal": 60, "spatial": 60}
    assert measured["refused"] == {}


def test_a_planner_that_cannot_be_asked_is_said_to_be_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = run("planner.py", "--planner", "rules", "qwen", "--limit", "2")
    assert "qwen: not configured" in told
    monkeypatch.setenv("STEADFACE_PLANNER_URL", "http://127.0.0.1:9/v1")
    assert "qwen: rules (" in run("planner.py", "--planner", "qwen", "--limit", "2")


def test_revising_and_reseeding_are_told_side_by_side_under_the_word_simulation(instant: ModuleType) -> None:
    told = run("revise_vs_reseed.py", "--prompts", "2").splitlines()
    assert told[0] == "preview, a simulation: says nothing about models"
    assert [line.split()[0] for line in told[-2:]] == ["revise", "re-seed"]
    assert all("2 of 2 (100 %)" in line for line in told[-2:])


def test_both_sides_spend_the_same_batches_where_nothing_passes(
    instant: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFACE_FIRST_FRAME_THRESHOLD", "0.99")
    told = run("revise_vs_reseed.py", "--prompts", "1", "--planner", "rules").splitlines()
    assert all("0 of 1 (0 %)" in line and " 3.00 " in line for line in told[-2:])


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_first_frames_are_measured_beside_plain_diffusers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # or threads of other tests on the same cores are waited for
    told = run("first_frame.py", "--batch", "2", "--repeats", "1", seconds=230)
    assert "encoding a person" in told
    assert [line.split()[0] for line in told.splitlines()[-2:]] == ["plain", "Steadface"]
    assert "in a batch of 2" in told


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_an_accelerator_of_clips_is_measured_beside_plain_steadface(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("STEADFACE_WAN_PRECISION", "int8")  # one's own choices are left out
    told = run("video.py", "--only", "stock", "no-guidance", seconds=140).splitlines()
    plain, stock, unguided = (line.split() for line in told[-3:])
    assert [plain[0], stock[0], unguided[0]] == ["plain", "stock", "no-guidance"]
    assert "float32" in told[1]
    assert plain[-2:] == stock[-2:] == ["0.00", "0"]  # ours and the stock pipeline make the same clip
    assert float(unguided[-2]) > 0


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_batch_in_phases_is_measured_beside_one_row_by_row(home: Path) -> None:
    told = run("batch.py", "--rows", "2", "--megabytes", "4", "--passes", "1", seconds=115)
    loads = dict(re.findall(r"^(rows|phases) .* s, (\d+) loads", told, re.MULTILINE))
    assert int(loads["phases"]) < int(loads["rows"])
