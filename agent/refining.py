"""A follow-up in conversation: what it changes of a job, and what the new job takes over."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from agent.graph import last_kept
from agent.planner.protocol import Plan, Refinement
from agent.planner.rules import RulePlanner
from agent.planner.subject import presentation_in
from agent.policy import expect_allowed
from agent.requests import JobRequest, Kept, call_of, checked_prompt
from agent.settings import Recipe
from agent.state import NextBatch, State, dump_plan, load_plan
from tools.contracts import Presentation
from tools.errors import InputError

if TYPE_CHECKING:
    from agent.jobs import JobEngine
    from agent.store import JobRow

SEEN = ("reference", "more_references", "seen", "recogniser")
"""What was found out about the photos: the same for every follow-up."""

PAINTED = ("attempts", "verdict")
"""What led to the first frame."""


@dataclass(frozen=True)
class Refined:
    """``job_id`` is the job to follow: a new one, or for an undo the one before. ``question`` goes back to the user.

    ``told`` is what was understood, in one sentence or two.
    """

    told: str
    job_id: str | None = None
    question: str | None = None


def refine(engine: JobEngine, job_id: str, instruction: str) -> Refined:
    """Read a follow-up on a job, whatever its status, and submit what it asks for.

    A job that waits or runs is cancelled for it, and what it has finished is kept.
    """
    if not instruction.strip():
        raise InputError("The follow-up is empty; say in a few words what shall be different.")
    instruction = checked_prompt(instruction)
    expect_allowed(engine.settings.policy, instruction)
    row = engine.row(job_id)
    call = call_of("refine", job_id, instruction)
    made = engine.store.unfinished_of(row.client, call)
    if made is not None:
        return Refined(engine.view(made).understood, made)
    request, recipe = JobRequest.model_validate(row.request), Recipe.model_validate(row.recipe)
    state = engine.state_of(job_id)
    plan, understood = _understood(engine, request, recipe, state, instruction)
    if understood.question:
        return Refined(understood.told, question=understood.question)
    if "undo" in understood.changes:
        return _undone(engine, row, understood)
    said, shown = understood.prompt, f"{understood.spatial_prompt} {understood.temporal_prompt}"
    expect_allowed(engine.settings.policy, said, shown)
    stopped = "" if row.ended else " The job before it was stopped; what it had finished is kept."
    if stopped:
        engine.cancel(job_id)
    kept = Kept(parent=job_id, told=understood.told + stopped, **_kept(state, recipe, plan, understood))
    fields = {
        "prompt": understood.prompt,
        "spatial_prompt": None,
        "seed": _seed(request, understood),
        "kept": kept,
        "out": None,
    }
    new = request.model_copy(update=fields)
    return Refined(kept.told, engine.submit_once(new, _recipe(recipe, understood), call, row.client)[0])


def _understood(
    engine: JobEngine, request: JobRequest, recipe: Recipe, state: State, instruction: str
) -> tuple[Plan, Refinement]:
    """The plan that the job has, or would have, and what the follow-up changes of it."""
    planner = engine.planner_for(recipe)
    known = state.get("reference")
    presentation = known["presentation"] if known else presentation_in(request.prompt) or "person"
    plan = load_plan(state["plan"]) if "plan" in state else planner.decouple(request.prompt, presentation, request.seed)
    return plan, planner.refine(instruction, request.prompt, plan, presentation, request.seed)


def _undone(engine: JobEngine, row: JobRow, understood: Refinement) -> Refined:
    """The job before; made anew where it was stopped, as a follow-up stops a job that runs."""
    kept = JobRequest.model_validate(row.request).kept
    if kept is None:
        raise InputError(f"The job {row.id} is no follow-up, so there is nothing to undo; say what shall change.")
    if not row.ended:
        engine.cancel(row.id)
    before = engine.row(kept.parent)
    if before.status != "cancelled":
        return Refined(understood.told, before.id)
    request, recipe = JobRequest.model_validate(before.request), Recipe.model_validate(before.recipe)
    again = engine.submit_once(request, recipe, call_of("undo", row.id), row.client)[0]
    return Refined(f"{understood.told} That one had been stopped, and is made anew.", again)


def _kept(state: State, recipe: Recipe, plan: Plan, understood: Refinement) -> dict[str, Any]:
    """The fields ``state`` and ``node`` of ``Kept``."""
    if not state.keys() >= set(SEEN):
        return {}
    verdict = state.get("verdict")
    settled = verdict is not None and verdict["move"] in ("animate", "show")
    first_frame = understood.changes == {"motion"} and settled
    values = {name: state[name] for name in (*SEEN, *(PAINTED if first_frame else ()))}  # type: ignore[literal-required]
    new = _plan(plan, understood, state["reference"]["presentation"])
    values["plan"] = dump_plan(new)
    if not first_frame and recipe.first_frame is not None:
        values["next_batch"] = NextBatch(
            spatial_prompt=new.spatial_prompt, framing=new.framing, move="first", planner=new.planner, loosened=None
        )
    return {"state": values, "node": last_kept(first_frame=first_frame, plan=True)}


def _plan(plan: Plan, understood: Refinement, presentation: Presentation) -> Plan:
    return Plan(
        temporal_prompt=understood.temporal_prompt,
        spatial_prompt=understood.spatial_prompt,
        framing=understood.framing,
        asked=RulePlanner().decouple(understood.prompt, presentation, 0).asked,
        planner=understood.planner,
        notes=plan.notes,
        templates={**plan.templates, **understood.templates},
    )


def _seed(request: JobRequest, understood: Refinement) -> int:
    return secrets.randbits(32) if "seed" in understood.changes else request.seed


def _recipe(recipe: Recipe, understood: Refinement) -> Recipe:
    try:
        return Recipe.model_validate({**recipe.model_dump(), **understood.settings})
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{'.'.join(map(str, first['loc']))} cannot be {first['input']!r}: {first['msg']}.") from None
