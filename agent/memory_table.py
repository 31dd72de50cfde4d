"""The memory plan of a preset as people see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from agent.gpus import Gpu
from agent.memory_plan import Stage, Way, fits, fitting


def memory_table(stages: Sequence[Stage], gpu: Gpu | None) -> Table:
    """A row for each way of each stage, 80 columns wide; the way that Steadface takes by itself has a star."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("", no_wrap=True)
    for heading in ("weights\ncomputed", "room\nestimated", "in all\nGiB"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("\nfits" if gpu else "", no_wrap=True)
    table.add_column("")
    for stage in stages:
        table.add_row(stage.name, *[""] * 4, stage.model if stage.ways else f"{stage.model}, size not known")
        for way in stage.ways:
            table.add_row(*_cells(stage, way, gpu))
    return table


def memory_verdict(stages: Sequence[Stage], gpu: Gpu | None) -> Iterator[str]:
    """What the table comes to, one sentence each."""
    if not stages:
        yield "No stage of it needs a GPU."
        return
    yield "Nothing was measured on a GPU. The stages take turns there, so each must fit alone."
    if any("STEADFACE_WAN_PRECISION=float8" in way.chosen_by for stage in stages for way in stage.ways):
        yield "STEADFACE_WAN_PRECISION=int8 takes what float8 does."
    if gpu is None:
        most = max(stages, key=lambda stage: stage.least)
        yield (
            "There is no NVIDIA GPU here that tells its memory; --gpu-memory asks about any. A card needs "
            f"{most.least:.1f} GiB free at least, for the {most.name}."
        )
        return
    yield f"* is taken by itself, with {gpu.free:.1f} GiB free of {gpu.total:.1f}."
    yield from (sentence for stage in stages for sentence in _advice(stage, gpu))
    if not all(stage.fits(gpu) for stage in stages):
        yield f"Presets that would fit, besides preview: {', '.join(fitting(gpu)) or 'none'}."


def _advice(stage: Stage, gpu: Gpu) -> Iterator[str]:
    taken = stage.taken(gpu)
    if not stage.fits(gpu):
        yield f"The {stage.name} does not fit, for it needs {stage.least:.1f} GiB at least: {stage.advice}."
    elif taken and not fits(taken, gpu):
        yield f"The {stage.name} would not fit as it is run by itself; choose a way that fits."


def _cells(stage: Stage, way: Way, gpu: Gpu | None) -> list[str]:
    figures = [f"{number:.1f}" for number in (way.weights, way.room, way.needs)]
    verdict = ("yes" if fits(way, gpu) else "no") + (" *" if way is stage.taken(gpu) else "") if gpu else ""
    return ["\n".join(way.chosen_by), *figures, verdict, way.name]
