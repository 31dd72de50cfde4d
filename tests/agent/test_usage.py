"""What a job took of machines, as it is added up at its end."""

from __future__ import annotations

from agent.state import Timing
from agent.usage import usage_by_stage


def timing(stage: str, retries: int, **usage: float) -> Timing:
    return Timing(stage=stage, seconds=9.0, tool_seconds=8.0, retries=retries, usage=usage)


def test_runs_of_a_stage_add_up_and_the_highest_peak_counts() -> None:
    taken = usage_by_stage(
        [
            timing("paint", 1, worker_seconds=2.0, gpu_seconds=1.5, peak_memory=70, peak_gpu_memory=9),
            timing("score", 0, worker_seconds=0.5, peak_memory=30),
            timing("paint", 1, worker_seconds=1.0, peak_memory=50),
        ]
    )
    assert taken == {
        "paint": {
            "retries": 2,
            "worker_seconds": 3.0,
            "gpu_seconds": 1.5,
            "peak_memory": 70,
            "peak_gpu_memory": 9,
        },
        "score": {
            "retries": 0,
            "worker_seconds": 0.5,
            "gpu_seconds": None,
            "peak_memory": 30,
            "peak_gpu_memory": None,
        },
    }


def test_a_stage_without_calls_and_one_of_before_it_was_measured_are_left_out() -> None:
    assert usage_by_stage([Timing(stage="old", seconds=1.0, tool_seconds=1.0), timing("decouple_prompt", 0)]) == {}
