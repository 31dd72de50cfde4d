"""Which presets can run on this machine, and what the others are missing."""

from __future__ import annotations

import threading
from secrets import token_hex
from typing import get_args

from agent.needs import missing_models
from agent.planner.desk import Caller, Desk, Reply, planner_at
from agent.settings import load_settings, preset_names
from tools.errors import InputError, Unavailable
from tools.pools import CallKey, Pool
from tools.pools.calls import CheckBackends, CheckReply, Request
from tools.registry import BackendCapability


def readiness(pool: Pool) -> dict[str, list[str]]:
    """Preset to what it is missing, one sentence each; a worker tries the backends, and no weights are loaded."""
    return {preset: _missing(preset, pool) for preset in preset_names()}


def _missing(preset: str, pool: Pool) -> list[str]:
    settings = load_settings(preset=preset)
    recipe = settings.recipe()
    backends = {
        capability: recipe.backend(capability)
        for capability in get_args(BackendCapability)
        if getattr(recipe, capability) is not None
    }
    desk = Desk(recipe, settings.planner_key, _caller(pool), threading.Event())
    return [
        *missing_models(preset, recipe),
        *desk.call(CheckBackends(backends=backends), CheckReply).missing,
        *_missing_planner(desk, recipe.planner),
    ]


def _caller(pool: Pool) -> Caller:
    def call(request: Request, reply: type[Reply]) -> Reply:
        done = pool.call(request, CallKey("doctor", token_hex(8), 0), lambda *_: None, threading.Event())
        assert isinstance(done.reply, reply)
        return done.reply

    return call


def _missing_planner(desk: Desk, name: str) -> list[str]:
    try:
        planner_at(desk, name)
    except (Unavailable, InputError) as error:
        return [str(error)]
    return []
