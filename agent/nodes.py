"""One function a node. A node calls tools or the planner and returns updates; it never names its successor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from langgraph.runtime import Runtime

from agent import gate, repair
from agent.candidates import deliver_candidates
from agent.context import Context, Tools
from agent.delivery import deliver_files
from agent.errors import GateError
from agent.photos import look_at
from agent.planner.protocol import Diagnosis, Tried, plan_as_given
from agent.planner.subject import presentation_in
from agent.reporting import chosen_candidate, temporal_prompt
from agent.requests import Photo
from agent.seeds import derive_seed
from agent.state import (
    Attempt,
    Candidate,
    NextBatch,
    Painted,
    Repair,
    State,
    Timing,
    Verdict,
    Video,
    dump_plan,
    load_plan,
)
from agent.telemetry import span, tell_scores
from tools.errors import SteadfaceError, StorageAway
from tools.pools.calls import (
    Animate,
    ClipReply,
    FixKeyframes,
    ImageScore,
    Keyframe,
    KeyframesReply,
    PaintFirstFrames,
    PaintReply,
    RecogniserFacts,
    ReferencePhoto,
    RepairReply,
    RepairWindow,
    ScoreImages,
    ScoreReply,
    ScoreVideo,
    ScoreVideoReply,
    VideoScore,
    WindowFit,
)

Update = dict[str, Any]
Work = Callable[[State, Context, Tools], Update]


class Node(Protocol):
    def __call__(self, state: State, *, runtime: Runtime[Context]) -> Update: ...


NODES: dict[str, Node] = {}


def node(message: str | Callable[[State, Context], str]) -> Callable[[Work], Work]:
    """Register a node under its function's name; ``message`` is what people read while it runs, or tells it.

    Every run is timed, and what its calls noted goes to the report.
    """

    def register(work: Work) -> Work:
        def run(state: State, *, runtime: Runtime[Context]) -> Update:
            context = runtime.context
            context.enter(work.__name__, message if isinstance(message, str) else message(state, context))
            tools = Tools(context, runtime.execution_info.task_id if runtime.execution_info else "")
            with span(work.__name__, {"steadface.attempts_before": len(state.get("attempts", []))}):
                update = work(state, context, tools)
            timing = Timing(
                stage=work.__name__,
                seconds=tools.elapsed(),
                tool_seconds=tools.seconds,
                retries=tools.retries,
                usage=tools.usage.model_dump(),
            )
            context.leave(timing)
            return {**update, "timings": [timing], "events": tools.notes}

        NODES[work.__name__] = run
        return work

    return register


@node("Looking at the photo")
def inspect_reference(state: State, context: Context, tools: Tools) -> Update:
    request = context.request
    photos = [Photo(image=request.photo, name=request.photo_name, face_at=request.face_at), *request.more_photos]
    looked = look_at(photos, request.face, presentation_in(request.prompt), context.recipe, tools.call)
    return {
        "reference": looked.first.reference.model_dump(),
        "more_references": [photo.model_dump() for photo in looked.more],
        "seen": looked.first.seen.model_dump(),
        "recogniser": looked.first.recogniser.model_dump(),
    }


@node("Planning")
def decouple_prompt(state: State, context: Context, tools: Tools) -> Update:
    request = context.request
    if request.spatial_prompt is None:
        seed = derive_seed(request.seed, "plan")
        plan = tools.planner().decouple(request.prompt, _reference(state).presentation, seed)
    else:
        plan = plan_as_given(request.prompt, request.spatial_prompt)
    update: Update = {"plan": dump_plan(plan)}
    if context.recipe.first_frame is not None:
        update["next_batch"] = NextBatch(
            spatial_prompt=plan.spatial_prompt, framing=plan.framing, move="first", planner=plan.planner, loosened=None
        )
    return update


def _painting(state: State, context: Context) -> str:
    """Which attempt it is, how near the last ones came, and what is tried now."""
    attempts = state.get("attempts", [])
    if not attempts:
        return "Painting first frames"
    scores = [candidate["score"]["similarity"] for attempt in attempts for candidate in attempt["candidates"]]
    best = max((score for score in scores if score is not None), default=None)
    came = "no face so far" if best is None else f"best similarity {best:.2f} so far"
    move = _batch(state)["move"].replace("_", " ")
    return f"Painting first frames, attempt {len(attempts) + 1} of {context.recipe.max_attempts} ({came}; {move})"


@node(_painting)
def generate_first_frames(state: State, context: Context, tools: Tools) -> Update:
    recipe, number = context.recipe, _attempt_number(state)
    seeds = [derive_seed(context.request.seed, "first frame", number, index) for index in range(recipe.candidates)]
    reply = tools.call(
        PaintFirstFrames(
            references=_references(state),
            prompt=_batch(state)["spatial_prompt"],
            seeds=seeds,
            width=recipe.width,
            height=recipe.height,
            backend=recipe.backend("first_frame"),
            detailer=recipe.backend("face_detail") if recipe.face_detail and recipe.detail_strength else None,
            detail_strength=recipe.detail_strength,
            video=recipe.backend("video"),
            frames=recipe.frames,
            fps=recipe.fps,
        ),
        PaintReply,
    )
    return {"painted": [Painted(seed=seed, image=image) for seed, image in zip(seeds, reply.images, strict=True)]}


@node("Scoring first frames")
def score_first_frames(state: State, context: Context, tools: Tools) -> Update:
    painted, batch, number = state["painted"], _batch(state), _attempt_number(state)
    reply = tools.call(
        ScoreImages(reference=_reference(state), images=[frame["image"] for frame in painted]), ScoreReply
    )
    rule = _rule(state, context)
    candidates = [
        _candidate(number, index + 1, frame, score, rule)
        for index, (frame, score) in enumerate(zip(painted, reply.scores, strict=True))
    ]
    attempt = Attempt(
        number=number,
        spatial_prompt=batch["spatial_prompt"],
        framing=batch["framing"],
        move=batch["move"],
        planner=batch["planner"],
        loosened=batch["loosened"],
        candidates=candidates,
        diagnosis=_diagnosis(candidates, rule),
    )
    attempts = [*state.get("attempts", []), attempt]
    verdict = gate.judge(attempts, rule)
    if verdict["move"] == "animate" and context.request.stop_after == "first_frame":
        verdict = Verdict(**{**verdict, "move": "show"})
    context.show_candidates(attempts, verdict)
    tell_scores(attempt, rule.recogniser)
    update: Update = {"attempts": [attempt], "verdict": verdict}
    if verdict["move"] == "reseed":
        update["next_batch"] = NextBatch(**{**batch, "move": "re-seed", "loosened": None})
    return update


@node("Revising the spatial prompt")
def revise_spatial_prompt(state: State, context: Context, tools: Tools) -> Update:
    revision = tools.planner().revise(
        context.request.prompt,
        load_plan(state["plan"]),
        [_tried(attempt) for attempt in state["attempts"]],
        _reference(state).presentation,
        derive_seed(context.request.seed, "revise", _attempt_number(state)),
    )
    templates = {**state["plan"]["templates"], **revision.templates}
    return {
        "plan": {**state["plan"], "templates": templates},
        "next_batch": NextBatch(
            spatial_prompt=revision.spatial_prompt,
            framing=revision.framing,
            move=revision.move,
            planner=revision.planner,
            loosened=revision.loosened,
        ),
    }


@node("Stopping at the gate")
def stop_at_gate(state: State, context: Context, tools: Tools) -> Update:
    best = chosen_candidate(state)
    warning = state["verdict"]["warning"]
    assert best is not None
    image = context.artifacts.path(best["image"])
    raise GateError(f"{warning} The best first frame is kept at {image}.", best["image"])


@node("Delivering the first frames")
def deliver_first_frames(state: State, context: Context, tools: Tools) -> Update:
    return {"delivered": deliver_candidates(state, context, tools)}


@node("Animating")
def animate(state: State, context: Context, tools: Tools) -> Update:
    recipe, first = context.recipe, chosen_candidate(state)
    reply = tools.call(
        Animate(
            job_id=context.job_id,
            prompt=temporal_prompt(state),
            first_frame=first["image"] if first else None,
            first_frame_backend=recipe.first_frame if first else None,
            first_frame_prompt=_attempt_of(state, first)["spatial_prompt"] if first else None,
            first_frame_seed=first["seed"] if first else None,
            references=_references(state),
            seed=derive_seed(context.request.seed, "video"),
            width=recipe.width,
            height=recipe.height,
            frames=recipe.frames,
            fps=recipe.fps,
            match_colours=recipe.match_colours,
            backend=recipe.backend("video"),
        ),
        ClipReply,
    )
    return {"clip": reply.clip, "takes_keyframes": reply.takes_keyframes}


@node("Scoring the video")
def score_video(state: State, context: Context, tools: Tools) -> Update:
    recipe, first = context.recipe, chosen_candidate(state)
    scored = tools.call(
        ScoreVideo(
            reference=_reference(state),
            clip=state["clip"],
            first_frame=first["image"] if first else None,
            fps=recipe.fps,
            samples=min(recipe.video_samples, recipe.frames),
            title=context.request.prompt,
            comment=f"AI-generated, Steadface ({recipe.preset})",
        ),
        ScoreVideoReply,
    )
    video = Video(
        clip=state["clip"],
        file=scored.video,
        bytes=scored.bytes,
        seconds=scored.seconds,
        score=scored.score.model_dump(),
        whole=scored.whole.model_dump(),
    )
    update = _judge_repair(state, video)
    window = _next_window(
        state, context, update["video"], rounds=len(state.get("repairs", [])) + len(update["repairs"])
    )
    return {**update, "window": window.dump() if window else None}


@node("Fixing keyframes")
def fix_keyframes(state: State, context: Context, tools: Tools) -> Update:
    """Without keyframes there is no repair."""
    recipe, window, first = context.recipe, state["window"], chosen_candidate(state)
    assert window is not None
    request = FixKeyframes(
        clip=state["video"]["clip"],
        frames=window["keyframes"],
        references=_references(state),
        prompt=_attempt_of(state, first)["spatial_prompt"] if first else load_plan(state["plan"]).spatial_prompt,
        strength=recipe.repair_strength,
        seed=_repair_seed(state, context),
        backend=recipe.backend("face_detail"),
    )
    try:
        fixed = tools.call(request, KeyframesReply).keyframes
    except StorageAway:
        raise
    except SteadfaceError as error:
        return _not_repaired(state, tools, error)
    return {"keyframes": [keyframe.model_dump() for keyframe in fixed]}


@node("Repairing identity")
def repair_identity(state: State, context: Context, tools: Tools) -> Update:
    recipe, window = context.recipe, state["window"]
    assert window is not None
    request = RepairWindow(
        job_id=context.job_id,
        clip=state["video"]["clip"],
        first=window["first"],
        last=window["last"],
        keyframes=[Keyframe.model_validate(keyframe) for keyframe in state["keyframes"]],
        drifted=window["drifted"],
        references=_references(state),
        prompt=temporal_prompt(state),
        seed=_repair_seed(state, context),
        fps=recipe.fps,
        backend=recipe.backend("video"),
    )
    try:
        reply = tools.call(request, RepairReply)
    except StorageAway:
        raise
    except SteadfaceError as error:
        return _not_repaired(state, tools, error)
    return {"clip": reply.clip, "fit": reply.fit.model_dump(), "keyframes": []}


@node("Delivering")
def deliver(state: State, context: Context, tools: Tools) -> Update:
    return {"delivered": deliver_files(state, context, tools)}


def _candidate(attempt: int, number: int, frame: Painted, score: ImageScore, rule: gate.Rule) -> Candidate:
    return Candidate(
        attempt=attempt,
        number=number,
        seed=frame["seed"],
        image=frame["image"],
        score=score.model_dump(),
        passed=gate.passes(score, rule),
        fault=None if gate.passes(score, rule) else gate.diagnose(score, rule).message,
    )


def _diagnosis(candidates: list[Candidate], rule: gate.Rule) -> dict[str, str] | None:
    if any(candidate["passed"] for candidate in candidates):
        return None
    diagnosis = gate.diagnose(gate.score_of(gate.closest(candidates, rule)), rule)
    return {"cause": diagnosis.cause, "message": diagnosis.message}


def _repair_seed(state: State, context: Context) -> int:
    return derive_seed(context.request.seed, "repair", len(state.get("repairs", [])))


def _not_repaired(state: State, tools: Tools, error: SteadfaceError) -> Update:
    """The clip stays as it was, and the report says why."""
    assert state["window"] is not None
    begin, end = state["window"]["drifted"]
    tools.notes.append(f"Frames {begin} to {end} drift and could not be repaired: {error}")
    return {"clip": state["video"]["clip"], "fit": None, "keyframes": []}


def _judge_repair(state: State, video: Video) -> Update:
    """Take a repaired clip only where it is the better one; the first score of a clip has nothing to compare."""
    window = state.get("window")
    if not window:
        return {"video": video, "repairs": []}
    before, after = (VideoScore.model_validate(each["score"]) for each in (state["video"], video))
    fit = WindowFit.model_validate(state["fit"]) if state["fit"] else None
    objection = repair.objection(before, after, fit) if fit else "It failed."
    record = Repair(
        first=window["first"],
        last=window["last"],
        keyframes=list(window["keyframes"]),
        drifted=list(window["drifted"]),
        before=before.identity_skip,
        after=after.identity_skip,
        curve_before=_curve(before, window),
        curve_after=_curve(after, window),
        fit=state["fit"],
        accepted=objection is None,
        objection=objection,
    )
    return {"video": state["video"] if objection else video, "repairs": [record]}


def _curve(score: VideoScore, window: dict[str, Any]) -> list[dict[str, Any]]:
    points = [point for point in score.points if window["first"] <= point.frame <= window["last"]]
    return [point.model_dump(include={"frame", "similarity"}) for point in points]


def _next_window(state: State, context: Context, video: Video, rounds: int) -> repair.Window | None:
    recipe = context.recipe
    if recipe.face_detail is None or not state["takes_keyframes"] or rounds >= recipe.max_repairs:
        return None
    thresholds = RecogniserFacts.model_validate(state["recogniser"]).thresholds
    return repair.drift_window(VideoScore.model_validate(video["score"]), thresholds, recipe.frames)


def _rule(state: State, context: Context) -> gate.Rule:
    facts, recipe = RecogniserFacts.model_validate(state["recogniser"]), context.recipe
    return gate.Rule(
        threshold=recipe.threshold(facts.thresholds.first_frame),
        thresholds=facts.thresholds,
        recogniser=facts.name,
        max_attempts=recipe.max_attempts,
        on_failure=recipe.on_gate_failure,
        asked=load_plan(state["plan"]).framing,
    )


def _tried(attempt: Attempt) -> Tried:
    diagnosis = attempt["diagnosis"]
    assert diagnosis is not None
    similarities = [
        score_of["similarity"] for c in attempt["candidates"] if (score_of := c["score"])["similarity"] is not None
    ]
    return Tried(
        attempt["spatial_prompt"],
        max((similarity for similarity in similarities if similarity is not None), default=None),
        Diagnosis(diagnosis["cause"], diagnosis["message"]),  # type: ignore[arg-type]
    )


def _attempt_of(state: State, candidate: Candidate) -> Attempt:
    return state["attempts"][candidate["attempt"] - 1]


def _attempt_number(state: State) -> int:
    return len(state.get("attempts", [])) + 1


def _batch(state: State) -> NextBatch:
    return state["next_batch"]


def _reference(state: State) -> ReferencePhoto:
    return ReferencePhoto.model_validate(state["reference"])


def _references(state: State) -> list[ReferencePhoto]:
    """Every photo of the person, the one that similarity is measured against first."""
    return [_reference(state), *map(ReferencePhoto.model_validate, state["more_references"])]
