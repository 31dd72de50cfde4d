"""Orchestration per job: the job's time less the time inside tools, on the tests' instant backends.

    .venv/bin/python bench/overhead.py [JOBS]

Job time runs from the claim of the job to the write of its result: graph, checkpoints, planner, store, report and
files in the results folder. Time inside tools is what the nodes waited for their workers.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
INSTANT = ROOT / "tests" / "instant"


def main(jobs: int) -> None:
    sys.path[:0] = [str(ROOT), str(INSTANT)]
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"PYTHONPATH": str(INSTANT), "STEADFACE_HOME": f"{folder}/home", "STEADFACE_VIDEOS": folder}
        os.environ |= {
            f"STEADFACE_{name}": "instant" for name in ("PLANNER", "FACES", "MATTING", "FIRST_FRAME", "VIDEO")
        }
        os.environ |= {"STEADFACE_WIDTH": "256", "STEADFACE_HEIGHT": "144", "STEADFACE_FRAMES": "9"}
        measured = sorted(run(jobs + 1)[1:])
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {jobs} jobs of one attempt, after one to warm up"
    )
    print(f"job time less time inside tools: median {statistics.median(measured):.1f} ms, worst {measured[-1]:.1f} ms")


def run(jobs: int) -> list[float]:
    """Milliseconds of orchestration for each job."""
    from langgraph.checkpoint.sqlite import SqliteSaver

    from agent.graph import build_graph
    from agent.intent import prepare
    from agent.jobs import JobEngine
    from agent.settings import load_settings

    measured = []
    with JobEngine(load_settings()) as engine:
        for seed in range(jobs):
            asked = prepare(
                engine.settings,
                prompt="similarity=0.9",
                consent="licensed",
                source="stated by the user",
                seed=seed,
                out=None,
                face=None,
            )
            request = asked.with_photos(engine.artifacts, [ROOT / "examples" / "astronaut.jpg"])
            job_id = engine.submit(request, engine.settings.recipe())
            view = engine.wait(job_id)
            assert view.status == "completed", view.error
            row = engine.store.get(job_id)
            assert row is not None
            with sqlite3.connect(engine.settings.home / "checkpoints.sqlite") as db:
                state = build_graph(SqliteSaver(db)).get_state({"configurable": {"thread_id": job_id}}).values
            inside = sum(timing["tool_seconds"] for timing in state["timings"])
            measured.append(1000 * ((row.finished or 0) - (row.started or 0) - inside))
    return measured


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 20)
