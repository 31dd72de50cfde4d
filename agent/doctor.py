"""Which presets can run on this machine, and what the others are missing."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import get_args

from agent.jobless import caller
from agent.needs import missing_models
from agent.planner.desk import Desk, planner_at
from agent.settings import load_settings, preset_names
from tools.errors import InputError, Unavailable
from tools.pools import Pool
from tools.pools.calls import CheckBackends, CheckReply
from tools.registry import BackendCapability


def readiness(pool: Pool, presets: Sequence[str]) -> dict[str, list[str]]:
    """Preset to what it is missing, one sentence each; a worker tries the backends, and no weights are loaded.

    All presets, where none is given.
    """
    return {preset: _missing(preset, pool) for preset in presets or preset_names()}


def _missing(preset: str, pool: Pool) -> list[str]:
    settings = load_settings(preset=preset)
    recipe = settings.recipe()
    backends = {
        capability: recipe.backend(capability)
        for capability in get_args(BackendCapability)
        if getattr(recipe, capability) is not None
    }
    desk = Desk(recipe, settings.planner_key, caller(pool, "doctor"), threading.Event())
    return [
        *missing_models(preset, recipe),
        *desk.call(CheckBackends(backends=backends), CheckReply).missing,
        *_missing_planner(desk, recipe.planner),
    ]


def _missing_planner(desk: Desk, name: str) -> list[str]:
    try:
        planner_at(desk, name)
    except (Unavailable, InputError) as error:
        return [str(error)]
    return []
