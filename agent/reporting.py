"""From the state of a finished job to its report."""

from __future__ import annotations

from datetime import datetime
from typing import get_args

from agent import VERSION, report
from agent.context import Context
from agent.report import Report
from agent.settings import Recipe
from agent.state import Candidate, State
from tools.framing import reframed
from tools.pools.calls import RecogniserFacts, SeenFace, VideoScore
from tools.registry import BackendCapability, Options

FARTHEST_FIRST_FRAME, BRIGHTEST_FLASH, MOST_COLOUR_DRIFT, LEAST_MOTION = 25.0, 12.0, 30.0, 0.1
"""In grey levels, beyond which a video carries a warning. Five videos of the preview lie at 1.2, 0.1 to 0.2, 1 to 6 and
0.2 to 4; on those of models the limits were not tried."""

LOWEST_FACE_RATE = 0.5
"""Share of scored frames with a face below which a video carries a warning."""


def build_report(
    state: State, context: Context, *, finished: datetime, events: list[str], files: dict[str, str]
) -> Report:
    """``events`` are those of the last stage, which the state does not hold yet."""
    recipe, plan = context.recipe, state["plan"]
    return Report(
        steadface=VERSION,
        job_id=context.job_id,
        created=context.created,
        finished=finished,
        preset=recipe.preset,
        sketch=recipe.sketch,
        notice=report.SKETCH_NOTICE if recipe.sketch else None,
        backends=_backends(context),
        options=_options(context),
        request=_request(context),
        reference=_reference(state),
        recogniser=RecogniserFacts.model_validate(state["recogniser"]),
        planner=report.PlannerFacts(name=plan["planner"], templates=plan["templates"], notes=plan["notes"]),
        temporal_prompt=temporal_prompt(state),
        attempts=[_attempt(state, number) for number in range(len(state.get("attempts", [])))],
        chosen=_chosen(state),
        gate=_gate(state, context),
        video=_video(state, context),
        repairs=[report.Repair.model_validate(repair) for repair in state.get("repairs", [])],
        timings=[report.Timing.model_validate(timing) for timing in state["timings"]],
        events=[*state["events"], *events],
        warnings=warnings_of(state),
        files=files,
    )


def chosen_candidate(state: State) -> Candidate | None:
    """The first frame that the gate let through or fell back on."""
    verdict = state.get("verdict")
    if verdict is None or verdict["attempt"] is None or verdict["candidate"] is None:
        return None
    return state["attempts"][verdict["attempt"] - 1]["candidates"][verdict["candidate"] - 1]


def temporal_prompt(state: State) -> str:
    """What the video is made from: the plan's, in the framing that the chosen first frame was loosened to."""
    chosen, plan = chosen_candidate(state), state["plan"]
    framing = state["attempts"][chosen["attempt"] - 1]["framing"] if chosen else plan["framing"]
    return plan["temporal_prompt"] if framing == plan["framing"] else reframed(plan["temporal_prompt"], framing)


def first_frame_threshold(state: State, recipe: Recipe) -> float:
    return recipe.threshold(RecogniserFacts.model_validate(state["recogniser"]).thresholds.first_frame)


def warnings_of(state: State) -> list[str]:
    """What the caller must know, in plain sentences: of the first frame and of the video."""
    return [*first_frame_warnings(state), *_video_warnings(state), *_clip_warnings(state)]


def first_frame_warnings(state: State) -> list[str]:
    """The gate's, what was loosened, and the planner's notes."""
    verdict = state.get("verdict")
    gate = [verdict["warning"]] if verdict and verdict["warning"] else []
    return [*gate, *_loosened(state), *state["plan"]["notes"]]


def _loosened(state: State) -> list[str]:
    """What gave way on the way to the chosen first frame."""
    chosen = chosen_candidate(state)
    tried = state.get("attempts", [])[: chosen["attempt"]] if chosen else []
    return [attempt["loosened"] for attempt in tried if attempt["loosened"]]


def _video_warnings(state: State) -> list[str]:
    recogniser, score = RecogniserFacts.model_validate(state["recogniser"]), _score(state)
    limits, warnings = recogniser.thresholds, []
    if score.identity_skip is None:
        return ["No face was found in the video."]
    if score.identity_skip < limits.video_mean:
        warnings.append(
            f"The mean similarity of the video is {score.identity_skip:.2f} ({recogniser.name}, "
            f"{limits.video_mean:.2f} asked), so the person may not be recognised."
        )
    if score.p10 is not None and score.p10 < limits.video_p10:
        warnings.append(
            f"A tenth of the scored frames lie at or below similarity {score.p10:.2f} ({recogniser.name}, "
            f"{limits.video_p10:.2f} asked): the face drifts."
        )
    if score.face_rate < LOWEST_FACE_RATE:
        warnings.append(f"A face was found in only {score.face_rate:.0%} of the scored frames.")
    return warnings


def _clip_warnings(state: State) -> list[str]:
    whole = state["video"]["whole"]
    out_of_range = {
        "does not begin with the first frame that passed the gate": (whole["first_frame_distance"] or 0)
        > FARTHEST_FIRST_FRAME,
        "flashes in its first second": whole["flash"] > BRIGHTEST_FLASH,
        "loses its colours on the way; the setting match_colours holds them": whole["colour_drift"] > MOST_COLOUR_DRIFT,
        "hardly moves": whole["motion"] < LEAST_MOTION,
    }
    return [f"The video {what}." for what, wrong in out_of_range.items() if wrong]


def _backends(context: Context) -> dict[str, str]:
    recipe = context.recipe
    chosen = {
        "planner": recipe.planner,
        "faces": recipe.faces,
        "matting": recipe.matting,
        "first_frame": recipe.first_frame,
        "face_detail": recipe.face_detail,
        "video": recipe.video,
    }
    return {capability: backend for capability, backend in chosen.items() if backend is not None}


def _options(context: Context) -> dict[str, Options]:
    given = {capability: getattr(context.recipe, f"{capability}_options") for capability in get_args(BackendCapability)}
    return {capability: options for capability, options in given.items() if options}


def _request(context: Context) -> report.RequestFacts:
    request, recipe = context.request, context.recipe
    return report.RequestFacts(
        prompt=request.prompt,
        photo_name=request.photo_name,
        more_photo_names=[photo.name for photo in request.more_photos],
        identity=f"@{request.identity}" if request.identity else None,
        face=request.face,
        seed=request.seed,
        consent=report.ConsentFacts(**request.consent.model_dump()),
        width=recipe.width,
        height=recipe.height,
        frames=recipe.frames,
        fps=recipe.fps,
        refines=request.kept.parent if request.kept else None,
        understood=request.kept.told if request.kept else None,
        match_colours=recipe.match_colours,
        candidates=recipe.candidates,
        max_attempts=recipe.max_attempts,
        on_gate_failure=recipe.on_gate_failure,
    )


def _reference(state: State) -> report.ReferenceFacts:
    reference = state["reference"]
    return report.ReferenceFacts(
        photo=reference["photo"],
        face=SeenFace.model_validate(state["seen"]),
        cut_method=reference["cut_method"],
        presentation=reference["presentation"],
    )


def _attempt(state: State, number: int) -> report.Attempt:
    attempt = state["attempts"][number]
    candidates = [
        report.Candidate(
            number=candidate["number"],
            seed=candidate["seed"],
            image=candidate["image"],
            similarity=candidate["score"]["similarity"],
            largest_similarity=candidate["score"]["largest_similarity"],
            face=candidate["score"]["face"],
            face_count=candidate["score"]["face_count"],
            passed=candidate["passed"],
        )
        for candidate in attempt["candidates"]
    ]
    return report.Attempt.model_validate({**attempt, "candidates": candidates})


def _chosen(state: State) -> report.Chosen | None:
    chosen = chosen_candidate(state)
    if chosen is None:
        return None
    return report.Chosen(
        attempt=chosen["attempt"],
        candidate=chosen["number"],
        similarity=chosen["score"]["similarity"],
        passed=chosen["passed"],
    )


def _gate(state: State, context: Context) -> report.Gate | None:
    verdict = state.get("verdict")
    if verdict is None:
        return None
    return report.Gate(
        threshold=first_frame_threshold(state, context.recipe),
        passed=verdict["passed"],
        warning=verdict["warning"],
        loosened=_loosened(state),
    )


def _video(state: State, context: Context) -> report.VideoFacts:
    recipe, video, score = context.recipe, state["video"], _score(state)
    limits = RecogniserFacts.model_validate(state["recogniser"]).thresholds
    return report.VideoFacts(
        file=video["file"],
        width=recipe.width,
        height=recipe.height,
        frames=recipe.frames,
        fps=recipe.fps,
        seconds=video["seconds"],
        bytes=video["bytes"],
        identity_skip=score.identity_skip,
        identity_zero=score.identity_zero,
        face_rate=score.face_rate,
        p10=score.p10,
        drift=score.drift,
        whole=report.WholeClip.model_validate(video["whole"]),
        points=[report.Point(frame=point.frame, similarity=point.similarity) for point in score.points],
        passed=(score.identity_skip or 0) >= limits.video_mean and (score.p10 or 0) >= limits.video_p10,
    )


def _score(state: State) -> VideoScore:
    return VideoScore.model_validate(state["video"]["score"])
