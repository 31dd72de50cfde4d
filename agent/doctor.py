"""Which presets can run on this machine, and what the others are missing."""

from __future__ import annotations

import threading
from secrets import token_hex
from typing import get_args

from agent.settings import load_settings, preset_names
from tools import registry
from tools.errors import InputError, Unavailable
from tools.pools import CallKey
from tools.pools.calls import BackendCapability, CheckBackends, CheckReply
from tools.pools.local import LocalPool


def readiness() -> dict[str, list[str]]:
    """Preset to what it is missing, one sentence each; the backends are made in a worker, as a job would make them."""
    settings = load_settings()
    pool = LocalPool(settings.home, settings.cancel_grace)
    try:
        return {preset: _missing(preset, pool) for preset in preset_names()}
    finally:
        pool.close()


def _missing(preset: str, pool: LocalPool) -> list[str]:
    recipe = load_settings(preset=preset).recipe()
    backends: dict[BackendCapability, str] = {
        name: backend for name in get_args(BackendCapability) if (backend := getattr(recipe, name)) is not None
    }
    done = pool.call(
        CheckBackends(backends=backends), CallKey("doctor", token_hex(8), 0), lambda *_: None, threading.Event()
    )
    assert isinstance(done.reply, CheckReply)
    return [*done.reply.missing, *_missing_planner(recipe.planner)]


def _missing_planner(name: str) -> list[str]:
    try:
        registry.create("planner", name)
    except (Unavailable, InputError) as error:
        return [str(error)]
    return []
