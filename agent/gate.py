"""The gate: what a batch of scored first frames means, and what to do next.

The rule alone; nothing here runs a tool. It stands before the video, which costs 50 to 100 times a first frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agent.planner.protocol import Diagnosis
from agent.state import Attempt, Candidate, Verdict
from tools.contracts import FRAMINGS, Framing, Thresholds
from tools.pools.calls import ImageScore

FACE_SHARE: dict[Framing, float] = {"close-up": 0.43, "medium shot": 0.225, "full shot": 0.11, "wide shot": 0.065}
"""Height of a face in the height of the picture, as each framing asks for it."""

MEASURED = frozenset({"no_face", "small_face", "turned_away", "several_people", "faint_face"})
"""Causes that were measured, so that a revision knows what to change; the other is ``unlike``."""


@dataclass(frozen=True)
class Rule:
    """What the caller and the recogniser ask of a first frame."""

    threshold: float
    thresholds: Thresholds
    recogniser: str
    max_attempts: int
    on_failure: Literal["best", "fail"]
    asked: Framing


def passes(score: ImageScore, rule: Rule) -> bool:
    """A candidate passes with the similarity, a face big enough, and a detector sure of it. No face never passes."""
    face = score.face
    return (
        face is not None
        and score.similarity is not None
        and score.similarity >= rule.threshold
        and min(face.width, face.height) >= rule.thresholds.smallest_face
        and face.detector_score >= rule.thresholds.detector_floor
    )


def diagnose(score: ImageScore, rule: Rule) -> Diagnosis:
    """Why a candidate did not pass, from measured things only."""
    limits, face = rule.thresholds, score.face
    if face is None and score.faint is not None:
        found = score.faint.detector_score
        return Diagnosis(
            "faint_face", f"The detector is hardly sure of the face ({found:.2f}, floor {limits.detector_floor:.2f})."
        )
    if face is None:
        return Diagnosis("no_face", "No face was found.")
    side = min(face.width, face.height)
    if side < limits.smallest_face:
        return Diagnosis(
            "small_face", f"The face is {side:.0f} px, below the smallest size of {limits.smallest_face} px."
        )
    if score.face_count > 1:
        return Diagnosis("several_people", f"{score.face_count} faces were found instead of one.")
    if face.yaw is not None and abs(face.yaw) > limits.widest_yaw:
        return Diagnosis(
            "turned_away", f"The face is turned {abs(face.yaw):.0f}° away, more than {limits.widest_yaw:.0f}°."
        )
    reached = f"{score.similarity or 0:.2f} ({rule.recogniser})"
    return Diagnosis("unlike", f"The similarity {reached} is below {rule.threshold:.2f}, with no cause measured.")


def framing_steps(score: ImageScore, asked: Framing) -> int:
    """How many framings the measured face lies from the asked one."""
    if score.face is None:
        return len(FRAMINGS)
    share = score.face.height / score.height
    measured = min(FRAMINGS, key=lambda framing: abs(math.log(share / FACE_SHARE[framing])))
    return abs(FRAMINGS.index(measured) - FRAMINGS.index(asked))


def best_passing(candidates: Sequence[Candidate], rule: Rule) -> Candidate | None:
    """The passing candidate nearest the asked framing, then the most similar."""
    return min(
        (candidate for candidate in candidates if candidate["passed"]),
        key=lambda candidate: (framing_steps(score_of(candidate), rule.asked), -(score_of(candidate).similarity or 0)),
        default=None,
    )


def closest(candidates: Sequence[Candidate], rule: Rule) -> Candidate:
    """The candidate to blame or to fall back on: a face big enough to tell first, then the most similar."""

    def worth(candidate: Candidate) -> tuple[bool, bool, float]:
        score = score_of(candidate)
        big = score.face is not None and min(score.face.width, score.face.height) >= rule.thresholds.smallest_face
        similarity = score.similarity if score.similarity is not None else -1.0
        return big, score.face is not None, similarity

    return max(candidates, key=worth)


def judge(attempts: Sequence[Attempt], rule: Rule) -> Verdict:
    """What to do after the last attempt: ``animate``, ``revise``, ``reseed`` or ``fail``."""
    last = attempts[-1]
    winner = best_passing(last["candidates"], rule)
    if winner is not None:
        return Verdict(move="animate", attempt=last["number"], candidate=winner["number"], passed=True, warning=None)
    if len(attempts) < rule.max_attempts:
        diagnosis = last["diagnosis"]
        measured = diagnosis is not None and diagnosis["cause"] in MEASURED
        reseeded = any(attempt["move"] == "re-seed" for attempt in attempts)
        return Verdict(
            move="revise" if measured or reseeded else "reseed",
            attempt=None,
            candidate=None,
            passed=False,
            warning=None,
        )
    best = closest([candidate for attempt in attempts for candidate in attempt["candidates"]], rule)
    return Verdict(
        move="animate" if rule.on_failure == "best" else "fail",
        attempt=best["attempt"],
        candidate=best["number"],
        passed=False,
        warning=_shortfall(best, rule, len(attempts)),
    )


def score_of(candidate: Candidate) -> ImageScore:
    return ImageScore.model_validate(candidate["score"])


def _shortfall(best: Candidate, rule: Rule, attempts: int) -> str:
    similarity = score_of(best).similarity
    reached = "shows no face" if similarity is None else f"reaches similarity {similarity:.2f}"
    tried = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    return (
        f"No first frame passed the gate in {tried}: the best {reached} "
        f"({rule.recogniser}, {rule.threshold:.2f} asked), so the person may not be recognised."
    )
