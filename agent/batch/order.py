"""The order in which a batch is run: row by row, or phase by phase where no GPU can hold all models of a row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from agent.gpus import Gpu, first_gpu
from agent.memory_plan import Stage, plan
from agent.settings import load_settings

if TYPE_CHECKING:
    from agent.settings import Settings

Order = Literal["rows", "phases"]

IN_FLIGHT: dict[Order, int] = {"rows": 4, "phases": 32}
"""Rows in the queue at once. One after another: enough that the device never waits, and few that others' jobs wait
behind. In phases: so many share each load of a model, and people's jobs come before them anyway."""

TOLD: dict[Order, str] = {
    "rows": "Row by row: each row is made to its end before the next one.",
    "phases": "Phase by phase: all plans, first frames and videos of some rows, since their models take turns on the "
    "GPU.",
}


def best_order(settings: Settings, presets: Iterable[str]) -> Order:
    """Phases, where one GPU has to do it all and cannot hold all models of one of the presets, by an estimate."""
    gpu = first_gpu() if settings.jobs_at_once == 1 else None
    if gpu is None:
        return "rows"
    stages = (plan(load_settings(preset=preset).recipe()) for preset in presets)
    return "rows" if all(fit_together(each, gpu) for each in stages) else "phases"


def fit_together(stages: list[Stage], gpu: Gpu) -> bool:
    """Whether the weights of all stages and the room of the neediest have their place on an empty GPU."""
    ways = [stage.taken(gpu) or min(stage.ways, key=lambda way: way.needs) for stage in stages if stage.ways]
    needed = sum(way.weights for way in ways) + max((way.room for way in ways), default=0)
    return len(ways) < 2 or needed <= (gpu.total or 0)
