"""What a shell offers for a word that was begun, where it was set up with ``steadface --install-completion``.

Each function gets the word. Nothing is offered where the settings or the store cannot be read; for a reference that is
no ``@name`` nothing either, so that the shell offers files.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import get_args

Offered = list[str] | list[tuple[str, str]]

MOST_JOBS = 30


def _quietly(offer: Callable[[str], Offered]) -> Callable[[str], Offered]:
    """A shell shows what a completion prints in the middle of the line."""

    @wraps(offer)
    def run(incomplete: str) -> Offered:
        from tools.errors import SteadfaceError

        try:
            return offer(incomplete)
        except SteadfaceError:
            return []

    return run


@_quietly
def references(incomplete: str) -> Offered:
    return [f"@{name}" for name in _names() if f"@{name}".startswith(incomplete)] if incomplete[:1] == "@" else []


@_quietly
def people(incomplete: str) -> Offered:
    at = "@" if incomplete[:1] == "@" else ""
    return [f"{at}{name}" for name in _names() if f"{at}{name}".startswith(incomplete.lower())]


@_quietly
def presets(incomplete: str) -> Offered:
    from agent.presets import preset_names

    return [name for name in preset_names() if name.startswith(incomplete)]


@_quietly
def consent_bases(incomplete: str) -> Offered:
    from agent.settings import ConsentBasis

    return [basis for basis in get_args(ConsentBasis) if basis.startswith(incomplete)]


@_quietly
def jobs(incomplete: str) -> Offered:
    """The newest, each with its prompt."""
    from agent.settings import load_settings

    database = load_settings().database
    if not database.begun:
        return []
    from contextlib import closing

    from agent.store import JobStore

    with closing(JobStore(database.jobs)) as store:
        rows = store.list(MOST_JOBS)
    return [(row.id, row.request["prompt"][:60]) for row in rows if row.id.startswith(incomplete)]


def _names() -> list[str]:
    from agent.identities import Identities
    from agent.settings import load_settings

    return Identities(load_settings().home).names()
