"""What a planner is: it splits a prompt into its spatial and temporal parts, and revises the spatial part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from tools.contracts import Framing, Presentation

Cause = Literal["no_face", "small_face", "turned_away", "several_people", "faint_face", "unlike"]
"""Why a first frame did not pass, worst first; ``unlike`` is a low similarity with no measured cause."""


@dataclass(frozen=True)
class Diagnosis:
    """Why the best candidate of an attempt did not pass; ``message`` is the sentence that people read."""

    cause: Cause
    message: str


@dataclass(frozen=True)
class Plan:
    """A prompt, split.

    ``asked`` holds the user's own words that a revision may only loosen last and must tell:
    the framing phrase they wrote, and whether they named other people, a place or clothes.
    ``notes`` are plain sentences for the user, such as "the prompt is not in English …".
    """

    temporal_prompt: str
    spatial_prompt: str
    framing: Framing
    asked: frozenset[Literal["framing", "people", "place", "clothes"]]
    planner: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tried:
    """One attempt as a planner sees it: its spatial prompt, its best similarity and what was wrong."""

    spatial_prompt: str
    similarity: float | None
    diagnosis: Diagnosis


@dataclass(frozen=True)
class Revision:
    """A new spatial prompt. ``move`` names what was changed; ``loosened`` tells which of the user's words gave way."""

    spatial_prompt: str
    framing: Framing
    move: str
    loosened: str | None = None


class Planner(Protocol):
    """Both methods are deterministic for one seed, and neither returns a prompt that a validator refuses."""

    name: str

    def decouple(self, prompt: str, presentation: Presentation, seed: int) -> Plan:
        """Split a prompt of the user's into a temporal prompt and a spatial prompt."""
        ...

    def revise(
        self, prompt: str, plan: Plan, history: Sequence[Tried], presentation: Presentation, seed: int
    ) -> Revision:
        """A spatial prompt that none of ``history`` (oldest first, never empty) has, answering the last diagnosis."""
        ...
