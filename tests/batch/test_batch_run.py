"""Batches as people run them: real processes, stopped and killed, and gone on with."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from agent.store import JobStore

if TYPE_CHECKING:
    from postgres_server import PostgresServer
    from s3_server import Bucket, S3Server


def jobs(home: Path) -> list[str]:
    """The status of every job that was ever made."""
    store = JobStore(home / "jobs.sqlite")
    try:
        return [row.status for row in store.list(1000)]
    finally:
        store.close()


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 40
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_each_row_becomes_a_video_with_a_line_and_the_batch_has_a_summary(
    batch: Any, manifest: Any, lines: Any, tmp_path: Path
) -> None:
    done = batch(manifest(good="similarity=0.9", weak={"prompt": "similarity=0.3", "seed": 5}, none="faces=0"))
    assert done.exit_code == 0, done.stderr
    results = lines("results")
    assert set(results) == {"good", "weak", "none"}
    assert all(Path(line["video"]).is_file() for line in results.values())
    assert Path(results["good"]["video"]) == tmp_path / "out" / "rows" / "good" / "video.mp4"
    assert results["weak"]["seed"] == 5
    assert [results[each]["passed"] for each in ("good", "weak", "none")] == [True, False, False]
    assert results["none"]["identity_skip"] is None
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["rows"], summary["completed"], summary["passed"], summary["end"]) == (3, 3, 1, "finished")
    assert summary["similarity"]["instant recogniser"]["identity_skip"] == pytest.approx(0.6, abs=0.01)
    assert summary["similarity"]["instant recogniser"]["identity_zero"] == pytest.approx(0.4, abs=0.01)
    assert summary["seconds_per_passed"] == pytest.approx(sum(line["seconds"] for line in results.values()))
    assert "3 of 3, 33% passed, mean similarity 0.600 (instant recogniser)" in done.stderr
    assert lines("errors") == {}


def test_a_row_that_fails_is_an_error_and_the_others_go_on(batch: Any, manifest: Any, lines: Any) -> None:
    strict = {"prompt": "similarity=0.3", "overrides": {"on_gate_failure": "fail", "max_attempts": 1}}
    done = batch(manifest(strict=strict, fine="similarity=0.9"))
    assert done.exit_code == 1
    assert set(lines("results")) == {"fine"}
    assert lines("errors")["strict"]["error"]["kind"] == "GateError"
    assert "failed        1, GateError 1" in done.stdout


def test_bad_lines_stop_everything_unless_they_are_skipped(batch: Any, manifest: Any, lines: Any, home: Path) -> None:
    path = manifest(bad={"prompt": "waves", "reference": "nobody.png"}, fine="similarity=0.9")
    refused = batch(path)
    assert refused.exit_code == 2
    assert refused.stderr.startswith("line 1: There is no file")
    assert "1 of 2 rows cannot be run, so nothing was begun" in refused.stderr
    assert not home.exists()
    skipped = batch(path, "--skip-bad")
    assert skipped.exit_code == 1
    assert "left out      1 of the manifest's rows" in skipped.stdout
    assert set(lines("results")) == {"fine"}


def test_lines_that_follow_each_other_with_one_fault_are_told_together(batch: Any, manifest: Any) -> None:
    gone, long = {"prompt": "waves", "reference": "nobody.png"}, {"prompt": "waves", "seed": "often"}
    told = batch(manifest(a=gone, b=gone, c=gone, d=long, e=gone)).stderr.splitlines()
    assert [line.partition(":")[0] for line in told[:3]] == ["lines 1 to 3", "line 4", "line 5"]
    assert len(told) == 4


def test_a_rerun_makes_what_is_missing_and_nothing_else(batch: Any, manifest: Any, lines: Any, home: Path) -> None:
    path = manifest(a="similarity=0.9", b="similarity=0.8", c="similarity=0.7")
    assert batch(path, "--limit", 1).exit_code == 0
    assert set(lines("results")) == {"a"}
    assert batch(path, "--only", "c").exit_code == 0
    assert set(lines("results")) == {"a", "c"}
    assert batch(path).exit_code == 0
    assert batch(path).exit_code == 0
    assert set(lines("results")) == {"a", "b", "c"}
    assert jobs(home) == ["completed"] * 3


def test_failed_rows_are_tried_again_only_when_asked_and_with_another_seed(
    batch: Any, manifest: Any, lines: Any, home: Path, tmp_path: Path
) -> None:
    strict = {"prompt": "similarity=0.3", "overrides": {"on_gate_failure": "fail", "max_attempts": 1}}
    path = manifest(strict=strict)
    assert [batch(path).exit_code for _ in range(2)] == [1, 1]
    assert jobs(home) == ["failed"]
    assert batch(path, "--retry-failed").exit_code == 1
    store = JobStore(home / "jobs.sqlite")
    seeds = {row.request["seed"] for row in store.list(9)}
    store.close()
    assert len(seeds) == 2
    manifest(strict="similarity=0.9")
    assert batch(path).exit_code == 0, "a row that was mended is another row"
    assert set(lines("results")) == {"strict"}


def test_a_made_row_cannot_be_changed_behind_its_id(batch: Any, manifest: Any) -> None:
    batch(manifest(a="similarity=0.9"))
    done = batch(manifest(a="similarity=0.8"))
    assert done.exit_code == 2
    assert "line 1: The row a asks something else than when it was made" in done.stderr


def test_a_killed_batch_goes_on_and_pays_for_nothing_twice(
    begin: Any, batch: Any, manifest: Any, lines: Any, home: Path, tmp_path: Path
) -> None:
    path = manifest(**{f"row{number}": "video=1" for number in range(4)})
    killed = begin(path)
    results = tmp_path / "out" / "results.jsonl"
    until(lambda: results.exists() and results.read_text().count("\n") == 1)
    kill_with_workers(killed.pid)
    with results.open("a") as file:
        file.write('{"custom_id": "row1", "half')
    assert batch(path).exit_code == 0
    assert results.read_text().count("\n") == 4
    assert set(lines("results")) == {"row0", "row1", "row2", "row3"}
    assert jobs(home) == ["completed"] * 4


def kill_with_workers(pid: int) -> None:
    process = psutil.Process(pid)
    everything = [process, *process.children(recursive=True)]
    for each in everything:
        each.kill()
    psutil.wait_procs(everything[1:], timeout=10)


def test_a_job_that_ended_while_no_batch_looked_is_taken_over(
    batch: Any, manifest: Any, lines: Any, home: Path, tmp_path: Path
) -> None:
    path = manifest(a="similarity=0.9", b="similarity=0.8")
    batch(path)
    before = lines("results")
    (tmp_path / "out" / "results.jsonl").unlink()
    assert batch(path).exit_code == 0
    after = lines("results")
    assert {each: line["job_id"] for each, line in after.items()} == {
        each: line["job_id"] for each, line in before.items()
    }
    (tmp_path / "out" / "results.jsonl").unlink()
    Path(after["a"]["video"]).unlink()
    assert batch(path).exit_code == 0
    assert lines("results")["a"]["job_id"] != after["a"]["job_id"]
    assert Path(after["a"]["video"]).is_file()


def test_ctrl_c_stops_the_batch_with_a_summary_and_leaves_it_to_be_gone_on_with(
    begin: Any, batch: Any, manifest: Any, lines: Any, home: Path, tmp_path: Path
) -> None:
    path = manifest(a="similarity=0.9", b="similarity=0.9 video=2", c="similarity=0.9")
    running = begin(path)
    until(lambda: (tmp_path / "out" / "results.jsonl").exists() and "a" in lines("results"))
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "Stopped; the same command goes on where it was." in said
    assert "Traceback" not in said
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["end"] == "interrupted"
    assert batch(path).exit_code == 0
    assert jobs(home) == ["completed"] * 3


def test_one_process_at_a_time_runs_a_batch(begin: Any, batch: Any, manifest: Any, tmp_path: Path) -> None:
    path = manifest(a="video=20")
    running = begin(path)
    until(lambda: (tmp_path / "out" / ".owner").exists())
    refused = batch(path)
    assert refused.exit_code == 2
    assert f"is being run by process {running.pid} on " in refused.stderr
    assert batch(path, "--dry-run").exit_code == 0


def test_it_stops_when_too_few_rows_pass(batch: Any, manifest: Any, lines: Any, tmp_path: Path) -> None:
    path = manifest(**{f"row{number}": "similarity=0.2" for number in range(9)})
    done = batch(path, "--stop-below", 0.5, "--after", 2)
    assert done.exit_code == 1
    assert "passed, fewer than the 50% asked for." in done.stdout
    assert 2 <= len(lines("results")) < 9
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["end"] == "stopped"


def test_it_stops_before_it_costs_more_than_it_may(batch: Any, manifest: Any, lines: Any) -> None:
    path = manifest(**{f"row{number}": "similarity=0.9" for number in range(9)})
    done = batch(path, "--max-cost", "1s")
    assert done.exit_code == 1
    assert "The next row would take the batch past 1 s of the device" in done.stdout
    assert 0 < len(lines("results")) < 9
    assert "give seconds, or a number with a unit" in batch(path, "--max-cost", "lots").stderr


def test_what_other_rows_would_miss_too_stops_the_batch_and_no_row_is_blamed(
    batch: Any, manifest: Any, lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = manifest(a="waves", b="walks")
    monkeypatch.setenv("STEADFACE_VIDEO", "nobody")
    done = batch(path)
    assert done.exit_code == 1
    assert "The preset preview cannot run here" in done.stderr
    assert lines("errors") == {}


def test_a_batch_outlasts_its_database_and_its_storage(
    begin: Any,
    manifest: Any,
    lines: Any,
    tmp_path: Path,
    postgres: PostgresServer,
    s3: S3Server,
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STEADFACE_DATABASE_URL", postgres.new_database())
    monkeypatch.setenv("STEADFACE_ARTIFACTS_URL", bucket.url)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    running = begin(manifest(**{f"row{number}": "video=1" for number in range(5)}))
    results = tmp_path / "out" / "results.jsonl"
    for away in (postgres, s3):
        until(lambda before=len(ended(results)): len(ended(results)) > before)
        away.stop()
        try:
            time.sleep(3)
        finally:
            away.start_again()
    assert running.wait(timeout=50) == 0, running.communicate()
    assert len(ended(results)) == 5
    assert not (tmp_path / "out" / "errors.jsonl").read_text()


def ended(results: Path) -> list[str]:
    return results.read_text().splitlines() if results.exists() else []


def test_an_unknown_id_is_refused(batch: Any, manifest: Any) -> None:
    done = batch(manifest(a="waves"), "--only", "b")
    assert done.exit_code == 2
    assert "No row that can be run is called b" in done.stderr


def test_a_line_that_somebody_else_wrote_is_refused(batch: Any, manifest: Any, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.jsonl").write_text('{"custom_id": "a"}\n')
    done = batch(manifest(a="waves"))
    assert done.exit_code == 2
    assert "none that Steadface wrote" in done.stderr
