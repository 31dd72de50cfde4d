from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.batch.own import OwnBatch, Selection
from agent.batch.progress import RowsBar
from agent.batch.run import Bounds, Doing
from agent.batch.standing import Standing
from agent.store import JobStore

NONE_ENDED = Standing(rows=3, completed=0, failed=0, passed=0, pass_rate=None, similarity={}, device_seconds=0)


def test_a_run_tells_what_its_row_does_and_that_the_queue_is_paused(manifest: Any, home: Path, tmp_path: Path) -> None:
    told: list[Doing] = []
    all_rows = Selection((), retry_failed=False)
    with (
        OwnBatch(manifest(one="similarity=0.9"), tmp_path / "out", "synthetic", None, all_rows) as own,
        closing(JobStore(home / "jobs.sqlite")) as store,
    ):
        store.pause()

        def watch(_: Standing, __: float | None, doing: Doing | None) -> None:
            if doing:
                told.append(doing)
                store.resume()

        own.check(lambda number, fault: pytest.fail(fault), alone=True)
        ended = own.run(Bounds(), lambda _: None, watch)
    assert ended.completed == 1
    assert told[0].waits
    assert told[0].line.startswith("The queue is paused")
    assert {doing.line.partition(": ")[0] for doing in told if not doing.waits} == {"one"}


def test_without_a_terminal_each_thing_that_is_waited_for_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    paused, working = Doing("The queue is paused", waits=True), Doing("r1: Animating", waits=False)
    with RowsBar() as bar:
        for doing in (None, paused, paused, working, None, paused):
            bar.show(NONE_ENDED, None, doing)
    assert capsys.readouterr().err.splitlines() == ["0 of 3", "The queue is paused", "The queue is paused"]
