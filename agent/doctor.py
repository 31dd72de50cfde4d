"""Which presets can run on this machine and what the others are missing; whether database and storage answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from secrets import token_bytes
from typing import get_args

from agent.jobless import caller
from agent.needs import missing_models
from agent.planner.desk import Desk, planner_at
from agent.presets import preset_names
from agent.settings import Settings, load_settings
from tools.errors import InputError, SteadfaceError, Unavailable
from tools.pools import Pool
from tools.pools.calls import CheckBackends, CheckReply
from tools.registry import BackendCapability


def readiness(pool: Pool, presets: Sequence[str]) -> dict[str, list[str]]:
    """Preset to what it is missing, one sentence each; a worker tries the backends, and no weights are loaded.

    All presets, where none is given.
    """
    return {preset: _missing(preset, pool) for preset in presets or preset_names()}


def services(settings: Settings) -> dict[str, str]:
    """How the database and the storage stand that the settings name, if any: ``answers``, or a sentence."""
    found = {}
    if not isinstance(settings.database.jobs, Path):
        found["database"] = _answer(lambda: _ask_database(settings))
    if settings.artifacts_url:
        found["storage"] = _answer(lambda: _ask_storage(settings))
    return found


def _answer(ask: Callable[[], None]) -> str:
    try:
        ask()
    except SteadfaceError as error:
        return str(error)
    return "answers"


def _ask_database(settings: Settings) -> None:
    from agent.store import JobStore

    with closing(JobStore(settings.database.jobs)) as store:
        store.unfinished()


def _ask_storage(settings: Settings) -> None:
    """By a small object of its own, which goes again."""
    artifacts = settings.open_artifacts()
    written = artifacts.put(token_bytes(16), "bin")
    try:
        artifacts.read(written)
    finally:
        artifacts.drop(written)


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
