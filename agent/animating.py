"""From a first frame that the caller chose to a video: a new job that begins where the gate left off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.candidates import candidates_of
from agent.graph import last_kept
from agent.policy import expect_allowed
from agent.refining import PAINTED, SEEN
from agent.requests import JobRequest, Kept, call_of, checked_prompt
from agent.settings import Recipe
from agent.state import Candidate, State, Verdict
from tools.errors import InputError

if TYPE_CHECKING:
    from agent.jobs import JobEngine


def animate(engine: JobEngine, job_id: str, number: int, temporal_prompt: str | None) -> str:
    """Submit the video of candidate ``number`` of a job, as ``JobView.candidates`` counts them; the new job's id.

    ``temporal_prompt`` replaces the plan's. The job may have stopped there, failed, or made another video.
    """
    row = engine.row(job_id)
    request, recipe = JobRequest.model_validate(row.request), Recipe.model_validate(row.recipe)
    words = None if temporal_prompt is None else checked_prompt(temporal_prompt)
    state = engine.state_of(job_id)
    chosen = _chosen(state, number, job_id)
    if words is not None:
        expect_allowed(engine.settings.policy, f"{state['attempts'][chosen['attempt'] - 1]['spatial_prompt']} {words}")
    told = f"The video is made from candidate {number}, {_likeness(chosen)}."
    kept = Kept(parent=job_id, told=told, state=_kept(state, chosen, number, words), node=_AFTER_THE_GATE)
    fields: dict[str, Any] = {"kept": kept, "stop_after": None, "out": None}
    call = call_of("animate", job_id, number, words)
    return engine.submit_once(request.model_copy(update=fields), recipe, call, row.client)[0]


_AFTER_THE_GATE = last_kept(first_frame=True, plan=True)


def _chosen(state: State, number: int, job_id: str) -> Candidate:
    candidates = candidates_of(state.get("attempts", []))
    if not candidates:
        raise InputError(f"The job {job_id} has no first frames to choose from; wait until it has scored some.")
    if not 1 <= number <= len(candidates):
        raise InputError(f"The job {job_id} has no candidate {number}; its first frames are 1 to {len(candidates)}.")
    return candidates[number - 1]


def _kept(state: State, chosen: Candidate, number: int, temporal_prompt: str | None) -> dict[str, Any]:
    values = {name: state[name] for name in (*SEEN, *PAINTED, "plan")}  # type: ignore[literal-required]
    if temporal_prompt is not None:
        values["plan"] = {**state["plan"], "temporal_prompt": temporal_prompt}
    values["verdict"] = Verdict(
        move="animate",
        attempt=chosen["attempt"],
        candidate=chosen["number"],
        passed=chosen["passed"],
        warning=None if chosen["passed"] else _warning(chosen, number),
    )
    return values


def _warning(chosen: Candidate, number: int) -> str:
    return (
        f"Candidate {number} was chosen though it did not pass the gate ({_likeness(chosen)}), so the person may not "
        "be recognised."
    )


def _likeness(candidate: Candidate) -> str:
    similarity = candidate["score"]["similarity"]
    return "which shows no face" if similarity is None else f"similarity {similarity:.2f}"
