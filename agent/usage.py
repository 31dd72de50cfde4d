"""What jobs take of the machines that work for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agent.state import Timing
from tools.pools.usage import Usage


class StageUsage(Usage):
    """Of the finished calls of one stage of a job, all its runs together."""

    retries: int = 0


def usage_by_stage(timings: Iterable[Timing]) -> dict[str, Any]:
    """A dumped ``StageUsage`` for each stage that called a worker."""
    stages: dict[str, StageUsage] = {}
    for timing in timings:
        before, taken = stages.get(timing["stage"], StageUsage()), Usage.model_validate(timing.get("usage", {}))
        both = before.and_then(taken)
        stages[timing["stage"]] = StageUsage(**dict(both), retries=before.retries + timing.get("retries", 0))
    return {stage: usage.model_dump() for stage, usage in stages.items() if usage.worker_seconds is not None}
