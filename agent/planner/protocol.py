"""What a planner is: it splits a prompt into its spatial and temporal parts, and revises the spatial part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tools.contracts import Framing, Presentation
from tools.framing import framing_of

Cause = Literal["no_face", "small_face", "turned_away", "several_people", "faint_face", "unlike"]
"""Why a first frame did not pass, worst first; ``unlike`` is a low similarity with no measured cause."""


Asked = Literal["framing", "people", "place", "clothes"]
"""What users say in so many words."""


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
    ``planner`` says who spoke: "rules", "qwen", "qwen+repair" (asked twice), "rules (…)" with why no model did, or "as
    given" where the caller split the prompt.
    ``templates`` are the versions of the prompt templates used, by name.
    ``notes`` are plain sentences for the user, such as "the prompt is not in English …".
    """

    temporal_prompt: str
    spatial_prompt: str
    framing: Framing
    asked: frozenset[Asked]
    planner: str
    notes: tuple[str, ...] = ()
    templates: Mapping[str, int] = field(default_factory=dict)


def plan_as_given(temporal_prompt: str, spatial_prompt: str) -> Plan:
    """The plan of a caller that split the prompt itself."""
    named = framing_of(spatial_prompt)
    asked: frozenset[Asked] = frozenset({"framing"} if named else ())
    return Plan(temporal_prompt, spatial_prompt, named or "close-up", asked, planner="as given")


@dataclass(frozen=True)
class Tried:
    """One attempt as a planner sees it: its spatial prompt, its best similarity and what was wrong."""

    spatial_prompt: str
    similarity: float | None
    diagnosis: Diagnosis


@dataclass(frozen=True)
class Revision:
    """A new spatial prompt. ``move`` names what was changed; ``loosened`` tells which of the user's words gave way.

    ``planner`` and ``templates`` are as in ``Plan``.
    """

    spatial_prompt: str
    framing: Framing
    move: str
    planner: str
    loosened: str | None = None
    templates: Mapping[str, int] = field(default_factory=dict)


Change = Literal["motion", "look", "settings", "seed", "undo", "question"]
"""What a follow-up asks to change. ``motion``: the temporal prompt alone; the first frame is kept. ``look``: the
spatial prompt, and so all after it. ``settings``: how strict the gate is. ``seed``: the same again, another take.
``undo``: back to the job before. ``question``: it cannot be known, so the user is asked."""


@dataclass(frozen=True)
class Refinement:
    """What a follow-up in conversation means for a job.

    ``changes`` is never empty, and ``undo`` and ``question`` stand alone. ``prompt`` is the user's prompt as it now
    stands; ``temporal_prompt``, ``spatial_prompt`` and ``framing`` are those of the new job, kept ones included.
    ``settings`` holds fields of the recipe with their new values. ``told`` is one sentence for the user: what was
    understood and what is kept. ``question`` is set for that change alone.
    """

    changes: frozenset[Change]
    prompt: str
    temporal_prompt: str
    spatial_prompt: str
    framing: Framing
    settings: Mapping[str, float | int | str]
    told: str
    planner: str
    question: str | None = None
    templates: Mapping[str, int] = field(default_factory=dict)


class Planner(Protocol):
    """All methods are deterministic for one seed, and none returns a prompt that a validator refuses."""

    name: str

    def decouple(self, prompt: str, presentation: Presentation, seed: int) -> Plan:
        """Split a prompt of the user's into a temporal prompt and a spatial prompt."""
        ...

    def revise(
        self, prompt: str, plan: Plan, history: Sequence[Tried], presentation: Presentation, seed: int
    ) -> Revision:
        """A spatial prompt that none of ``history`` (oldest first, never empty) has, answering the last diagnosis."""
        ...

    def refine(self, instruction: str, prompt: str, plan: Plan, presentation: Presentation, seed: int) -> Refinement:
        """What a follow-up such as "slower, and let her smile" changes of a job with this prompt and plan."""
        ...
