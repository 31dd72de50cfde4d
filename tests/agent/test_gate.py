"""The gate's rule: what passes, what is wrong, and what comes next."""

from dataclasses import replace

import pytest

from agent import gate
from agent.gate import Rule
from agent.state import Attempt, Candidate
from tools.contracts import Thresholds
from tools.pools.calls import ImageScore, SeenFace

RULE = Rule(
    threshold=0.5,
    thresholds=Thresholds(
        first_frame=0.5, video_mean=0.4, video_p10=0.3, smallest_face=48, detector_floor=0.3, widest_yaw=20
    ),
    recogniser="a recogniser",
    max_attempts=3,
    on_failure="best",
    asked="close-up",
)


def score(similarity=0.8, side=200.0, detector=0.9, yaw=0.0, faces=1):
    face = SeenFace(x=0, y=0, width=side, height=side, detector_score=detector, yaw=yaw)
    return ImageScore(similarity=similarity, face=face, face_count=faces, width=832, height=480)


FACELESS = ImageScore(similarity=None, face=None, face_count=0, width=832, height=480)
FAINT = FACELESS.model_copy(update={"faint": SeenFace(x=0, y=0, width=90, height=90, detector_score=0.12)})


def attempt(number, *scores, move="first"):
    candidates = [
        Candidate(
            attempt=number,
            number=index + 1,
            seed=index,
            image="",
            score=each.model_dump(),
            passed=gate.passes(each, RULE),
        )
        for index, each in enumerate(scores)
    ]
    diagnosis = None
    if not any(candidate["passed"] for candidate in candidates):
        found = gate.diagnose(gate.score_of(gate.closest(candidates, RULE)), RULE)
        diagnosis = {"cause": found.cause, "message": found.message}
    return Attempt(
        number=number,
        spatial_prompt=f"prompt {number}",
        framing="close-up",
        move=move,
        planner="rules",
        loosened=None,
        candidates=candidates,
        diagnosis=diagnosis,
    )


@pytest.mark.parametrize(
    ("scored", "passed"),
    [
        (score(), True),
        (score(similarity=0.5), True),
        (score(similarity=0.49), False),
        (score(side=48), True),
        (score(side=47), False),
        (score(detector=0.29), False),
        (FACELESS, False),
        (FAINT, False),
    ],
)
def test_a_candidate_passes_by_similarity_size_and_detector_together(scored, passed):
    assert gate.passes(scored, RULE) is passed


def test_no_face_never_passes_even_below_any_threshold():
    assert not gate.passes(FACELESS, replace(RULE, threshold=-1))


@pytest.mark.parametrize(
    ("scored", "cause", "says"),
    [
        (FACELESS, "no_face", "No face"),
        (FAINT, "faint_face", "0.12"),
        (score(side=31), "small_face", "31 px, below the smallest size of 48 px"),
        (score(similarity=0.1, faces=3), "several_people", "3 faces"),
        (score(similarity=0.1, yaw=-40), "turned_away", "40°"),
        (score(similarity=0.1), "unlike", "0.10 (a recogniser) is below 0.50"),
    ],
)
def test_the_diagnosis_names_what_was_measured(scored, cause, says):
    diagnosis = gate.diagnose(scored, RULE)
    assert diagnosis.cause == cause
    assert says in diagnosis.message


def test_the_passing_candidate_nearest_the_asked_framing_wins_over_the_most_similar():
    near, far = score(similarity=0.6, side=200), score(similarity=0.9, side=60)
    verdict = gate.judge([attempt(1, far, near)], RULE)
    assert (verdict["move"], verdict["candidate"], verdict["passed"]) == ("animate", 2, True)


def test_of_one_framing_the_most_similar_wins():
    assert gate.judge([attempt(1, score(similarity=0.6), score(similarity=0.7))], RULE)["candidate"] == 2


@pytest.mark.parametrize("scored", [FACELESS, FAINT, score(side=30), score(0.1, yaw=50), score(0.1, faces=2)])
def test_a_measured_cause_is_revised_at_once(scored):
    assert gate.judge([attempt(1, scored)], RULE)["move"] == "revise"


def test_without_a_cause_the_first_move_is_a_new_seed_and_the_next_a_revision():
    first = attempt(1, score(similarity=0.2))
    second = attempt(2, score(similarity=0.3), move="re-seed")
    assert gate.judge([first], RULE)["move"] == "reseed"
    assert gate.judge([first, second], RULE)["move"] == "revise"


def test_attempts_spent_goes_on_with_the_best_of_all_attempts_and_warns():
    attempts = [attempt(1, score(0.45)), attempt(2, score(0.2), move="re-seed"), attempt(3, score(0.1), move="x")]
    verdict = gate.judge(attempts, RULE)
    assert (verdict["move"], verdict["attempt"], verdict["candidate"], verdict["passed"]) == ("animate", 1, 1, False)
    assert "3 attempts" in verdict["warning"]
    assert "0.45" in verdict["warning"]


def test_attempts_spent_fails_where_the_caller_chose_so_and_still_names_the_best():
    verdict = gate.judge([attempt(1, score(0.3))], replace(RULE, max_attempts=1, on_failure="fail"))
    assert (verdict["move"], verdict["attempt"]) == ("fail", 1)


def test_a_face_too_small_to_tell_is_no_better_than_a_less_similar_big_one():
    verdict = gate.judge([attempt(1, score(0.9, side=20), score(0.4))], replace(RULE, max_attempts=1))
    assert verdict["candidate"] == 2
