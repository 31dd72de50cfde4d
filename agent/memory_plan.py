"""What the stages of a preset take of a GPU, in each way that they can be run, by the figures of the catalog.

Weights are computed and room is estimated; nothing was measured on a GPU. The stages take turns there, so each must fit
alone. ``tools/video/memory.py`` reckons the same for a model that is loaded, and a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.gpus import Gpu
from agent.needs import models_of
from agent.planner.serving import weights_of
from agent.settings import Recipe, load_settings
from tools.models.catalog import Clips, Memory, Model

BEST_FIRST = ("paper", "paper-small")
"""The presets that make real videos from a first frame."""

LARGEST = 1280, 720, 81
"""Width, height and frames of the clip for which a worker settles, once, how it runs its video model."""

ROOMY = 20.0
"""GiB of a card that holds Stable Diffusion XL whole by itself."""

_STATES = 20
"""Tensors as large as the hidden states that are alive at once beside the hints: an estimate."""

_GIB = 2**30

_EVERYTHING, _TURNS, _BLOCKS = "everything there", "models take turns", "blocks take turns"

_PLANNER, _PICTURES, _VIDEO = "planner", "first frame and faces", "video"

_ADVICE = {
    _PLANNER: "set STEADFACE_PLANNER_MODEL to a smaller one such as Qwen/Qwen3-4B, STEADFACE_PLANNER_URL to a server "
    "that holds it, or STEADFACE_PLANNER=rules",
    _PICTURES: "end what else uses the GPU, or choose another preset",
    _VIDEO: "ask for fewer frames (STEADFACE_FRAMES) or a smaller size (STEADFACE_WIDTH, STEADFACE_HEIGHT), or choose "
    "a smaller model",
}


@dataclass(frozen=True)
class Way:
    """One way to run a stage, in GiB. ``chosen_by`` are the variables to set for it.

    Steadface takes it by itself on a GPU that has ``by_itself`` GiB; ``None``: never.
    """

    name: str
    weights: float
    room: float
    by_itself: float | None = 0
    chosen_by: tuple[str, ...] = ()

    @property
    def needs(self) -> float:
        return self.weights + self.room


@dataclass(frozen=True)
class Stage:
    """What one model does; there are no ``ways`` where its size is not known.

    ``by_card``: whether its way is chosen by the size of the card, and not by what is free.
    """

    name: str
    model: str
    ways: tuple[Way, ...]
    by_card: bool = False

    def taken(self, gpu: Gpu) -> Way | None:
        """The way that Steadface takes by itself."""
        memory = (gpu.total if self.by_card else gpu.free) or 0
        return next((way for way in self.ways if way.by_itself is not None and way.by_itself <= memory), None)

    def fits(self, gpu: Gpu) -> bool:
        return not self.ways or any(fits(way, gpu) for way in self.ways)

    @property
    def least(self) -> float:
        """GiB that it needs at least."""
        return min((way.needs for way in self.ways), default=0)

    @property
    def advice(self) -> str:
        """What to do where it does not fit."""
        return _ADVICE[self.name]


def fits(way: Way, gpu: Gpu) -> bool:
    return gpu.free is not None and way.needs <= gpu.free


def plan(recipe: Recipe) -> list[Stage]:
    """The stages of a recipe that need a GPU, for the clip that it asks for."""
    stages = [_stage(model, model.memory, recipe) for model in models_of(recipe) if model.memory]
    return sorted(stages, key=lambda stage: list(_ADVICE).index(stage.name))


def better_preset(recipe: Recipe, gpu: Gpu | None) -> str | None:
    """The best preset that would fit, where this one makes sketches."""
    return next(iter(fitting(gpu)), None) if gpu and recipe.sketch else None


def recommendation(preset: str) -> str:
    return (
        f"The preset {preset} would fit on the GPU, by an estimate; what it takes there says: "
        f"steadface doctor --preset {preset}"
    )


def fitting(gpu: Gpu) -> list[str]:
    """The presets that make real videos and would fit, the best first."""
    return [
        preset for preset in BEST_FIRST if all(stage.fits(gpu) for stage in plan(load_settings(preset=preset).recipe()))
    ]


def _stage(model: Model, memory: Memory, recipe: Recipe) -> Stage:
    if memory.clips:
        return Stage(_VIDEO, model.title, _video(memory, memory.clips, recipe))
    if model.hub and f"planner.{recipe.planner}" in model.used_by:
        return Stage(_PLANNER, recipe.planner_model, _planner(memory, model.hub, recipe.planner_model))
    return Stage(_PICTURES, model.title, _pictures(memory), by_card=True)


def _planner(memory: Memory, hub: str, chosen: str) -> tuple[Way, ...]:
    assert memory.room is not None
    weights = sum(_sizes(memory).values()) if chosen == hub else weights_of(chosen)
    return () if weights is None else (Way(_EVERYTHING, weights, memory.room),)


def _pictures(memory: Memory) -> tuple[Way, ...]:
    assert memory.room is not None
    sizes = _sizes(memory).values()
    return (
        Way(_EVERYTHING, sum(sizes), memory.room, ROOMY, ("STEADFACE_SDXL_OFFLOAD=never",)),
        Way(_TURNS, max(sizes), memory.room, 0, ("STEADFACE_SDXL_OFFLOAD=always",)),
    )


def _video(memory: Memory, clips: Clips, recipe: Recipe) -> tuple[Way, ...]:
    sizes, small = _sizes(memory), _sizes(memory, transformer=1)
    room, largest = _room(clips, recipe.width, recipe.height, recipe.frames), _room(clips, *LARGEST)
    none, model, blocks = (f"STEADFACE_WAN_OFFLOAD={way}" for way in ("none", "model", "blocks"))
    eight_bits = "STEADFACE_WAN_PRECISION=float8"
    few = 2 * sizes["transformer"] / clips.blocks + sum(sizes[part] for part in memory.full)
    return (
        Way(_EVERYTHING, *_whole(sizes, room), sum(_whole(sizes, largest)), (none,)),
        Way(_TURNS, *_largest(sizes, room), sum(_largest(sizes, largest)), (model,)),
        Way(_BLOCKS, few, room, 0, (blocks,)),
        Way(_EVERYTHING, *_whole(small, room), None, (none, eight_bits)),
        Way(_TURNS, *_largest(small, room), None, (model, eight_bits)),
    )


def _whole(sizes: dict[str, float], room: float) -> tuple[float, float]:
    """Weights and room of all models together."""
    return sum(sizes.values()), room


def _largest(sizes: dict[str, float], room: float) -> tuple[float, float]:
    """Weights and room of the model that needs the most; the hidden states are a transformer's."""
    return max(((size, room if name.startswith("transformer") else 0) for name, size in sizes.items()), key=sum)


def _sizes(memory: Memory, transformer: int = 2) -> dict[str, float]:
    """GiB of each part; ``transformer`` is how many bytes a parameter of a transformer is kept in."""
    half = {name: size * (transformer if name.startswith("transformer") else 2) for name, size in memory.half.items()}
    full = {name: size * 4 for name, size in memory.full.items()}
    return {name: size * 1e9 / _GIB for name, size in (half | full).items()}


def _room(clips: Clips, width: int, height: int, frames: int) -> float:
    tokens = ((frames - 1) // 4 + 1) * -(-width // clips.pixels) * -(-height // clips.pixels)
    return tokens * clips.width * 2 * (clips.hints + _STATES) / _GIB
