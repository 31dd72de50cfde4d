"""The first frames of a job as its caller sees them, and the end of a job that lets the caller choose one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.context import Context, Tools
from agent.delivery import SHEET, place_files, results_folder
from agent.reporting import first_frame_threshold, first_frame_warnings, temporal_prompt
from agent.state import Attempt, Candidate, State, Verdict
from agent.views import CANDIDATE, CandidateView, FirstFrames
from tools.artifacts import Artifacts
from tools.pools.calls import MakeCandidateSheet, RecogniserFacts, SheetReply, ShownCandidate


def candidates_of(attempts: Sequence[Attempt]) -> list[Candidate]:
    """All of them in order: the first is the one that people call 1."""
    return [candidate for attempt in attempts for candidate in attempt["candidates"]]


def candidate_views(attempts: Sequence[Attempt], verdict: Verdict, artifacts: Artifacts) -> list[CandidateView]:
    return [
        CandidateView(
            number=number,
            attempt=candidate["attempt"],
            similarity=candidate["score"]["similarity"],
            passed=candidate["passed"],
            fault=candidate.get("fault"),
            chosen=(candidate["attempt"], candidate["number"]) == (verdict["attempt"], verdict["candidate"]),
            spatial_prompt=attempts[candidate["attempt"] - 1]["spatial_prompt"],
            file=str(artifacts.path(candidate["image"])),
        )
        for number, candidate in enumerate(candidates_of(attempts), 1)
    ]


def deliver_candidates(state: State, context: Context, tools: Tools) -> dict[str, Any]:
    """Put the candidates and a sheet of them into the job's folder, all or none; a dumped ``FirstFrames``."""
    candidates = candidates_of(state["attempts"])
    sheet = tools.call(_sheet_request(candidates, state, context), SheetReply).sheet
    pictures = {
        CANDIDATE.format(number): context.artifacts.read(candidate["image"])
        for number, candidate in enumerate(candidates, 1)
    }
    folder, recipe = results_folder(context), context.recipe
    place_files({SHEET: context.artifacts.read(sheet), **pictures}, folder, context.job_id)
    return FirstFrames(
        folder=str(folder),
        contact_sheet=str(folder / SHEET),
        preset=recipe.preset,
        sketch=recipe.sketch,
        recogniser=RecogniserFacts.model_validate(state["recogniser"]).name,
        threshold=first_frame_threshold(state, recipe),
        attempts=len(state["attempts"]),
        temporal_prompt=temporal_prompt(state),
        width=recipe.width,
        height=recipe.height,
        seed=context.request.seed,
        warnings=first_frame_warnings(state),
    ).model_dump(mode="json")


def _sheet_request(candidates: Sequence[Candidate], state: State, context: Context) -> MakeCandidateSheet:
    recogniser = RecogniserFacts.model_validate(state["recogniser"])
    sketch = " This is a preview: the pixels are a sketch." if context.recipe.sketch else ""
    asked = first_frame_threshold(state, context.recipe)
    return MakeCandidateSheet(
        candidates=[
            ShownCandidate(
                image=candidate["image"],
                number=number,
                similarity=candidate["score"]["similarity"],
                passed=candidate["passed"],
            )
            for number, candidate in enumerate(candidates, 1)
        ],
        caption=f"Identity similarity to the photo by {recogniser.name}, {asked:.2f} asked.{sketch}",
    )
