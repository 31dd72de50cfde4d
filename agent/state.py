"""The typed state of a job: references to artifacts, scores and prompts; never pixels.

Plain JSON types only, so that a checkpoint written by one version can be read by the next.
"""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from agent.planner.protocol import Plan
from tools.contracts import Framing

JSON = dict[str, Any]
"""A pydantic message, dumped."""


class Candidate(TypedDict):
    """One first frame. ``score`` is a dumped ``ImageScore``; ``fault`` says why it did not pass."""

    attempt: int
    number: int
    seed: int
    image: str
    score: JSON
    passed: bool
    fault: NotRequired[str | None]


class Attempt(TypedDict):
    """One batch and its scores. ``move`` is what made it: ``first``, ``re-seed`` or a move of ``planner``."""

    number: int
    spatial_prompt: str
    framing: Framing
    move: str
    planner: str
    loosened: str | None
    candidates: list[Candidate]
    diagnosis: dict[str, str] | None


class NextBatch(TypedDict):
    """What the next batch of first frames paints."""

    spatial_prompt: str
    framing: Framing
    move: str
    planner: str
    loosened: str | None


class Painted(TypedDict):
    seed: int
    image: str


class Verdict(TypedDict):
    """The gate's word. ``attempt`` and ``candidate`` name the chosen first frame once there is one.

    ``show``: one could be animated, and the caller wants to choose.
    """

    move: Literal["animate", "show", "revise", "reseed", "fail"]
    attempt: int | None
    candidate: int | None
    passed: bool
    warning: str | None


class Video(TypedDict):
    """The accepted clip and the file as delivered: a dumped ``VideoScore`` and ``WholeClip``."""

    clip: str
    file: str
    bytes: int
    seconds: float
    score: JSON
    whole: JSON


class Repair(TypedDict):
    """One window regenerated: frames are inclusive; ``before`` and ``after`` are identity_skip of the whole clip.

    The curves are of the window's scored frames. ``fit`` is a dumped ``WindowFit``, ``None`` where the repair failed.
    """

    first: int
    last: int
    keyframes: list[int]
    drifted: list[int]
    before: float | None
    after: float | None
    curve_before: list[JSON]
    curve_after: list[JSON]
    fit: JSON | None
    accepted: bool
    objection: str | None


class Timing(TypedDict):
    """One run of a node: seconds in all, and seconds of them inside tools.

    ``usage`` is a dumped ``tools.pools.usage.Usage``. What was begun before there was such a thing has neither it nor
    ``retries``.
    """

    stage: str
    seconds: float
    tool_seconds: float
    retries: NotRequired[int]
    usage: NotRequired[JSON]


class State(TypedDict, total=False):
    reference: JSON
    more_references: list[JSON]
    seen: JSON
    recogniser: JSON
    plan: JSON
    next_batch: NextBatch
    painted: list[Painted]
    attempts: Annotated[list[Attempt], operator.add]
    verdict: Verdict
    clip: str
    takes_keyframes: bool
    window: JSON | None
    keyframes: list[JSON]
    fit: JSON | None
    video: Video
    repairs: Annotated[list[Repair], operator.add]
    timings: Annotated[list[Timing], operator.add]
    events: Annotated[list[str], operator.add]
    delivered: JSON


def dump_plan(plan: Plan) -> JSON:
    return {**plan.__dict__, "asked": sorted(plan.asked), "notes": list(plan.notes), "templates": dict(plan.templates)}


def load_plan(plan: JSON) -> Plan:
    return Plan(**{**plan, "asked": frozenset(plan["asked"]), "notes": tuple(plan["notes"])})
