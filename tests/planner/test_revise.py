"""Each cause is answered by the move that addresses it; what the user said goes last, and is told."""

from __future__ import annotations

import pytest

from agent.planner.protocol import Cause, Diagnosis, Revision, Tried
from agent.planner.rules import RulePlanner

PLANNER = RulePlanner()


def revisions(prompt: str, *causes: Cause, presentation: str = "woman") -> list[Revision]:
    plan = PLANNER.decouple(prompt, presentation, 1)
    history, made, spatial = [], [], plan.spatial_prompt
    for cause in causes:
        history.append(Tried(spatial, 0.2, Diagnosis(cause, "…")))
        made.append(PLANNER.revise(prompt, plan, history, presentation, 1))
        spatial = made[-1].spatial_prompt
    return made


def test_a_small_face_comes_closer_one_step_at_a_time_and_says_so() -> None:
    made = revisions("a wide shot of a woman, tiny in a vast desert", *["small_face"] * 3)
    assert [revision.framing for revision in made] == ["full shot", "medium shot", "close-up"]
    assert {revision.move for revision in made} == {"closer_framing"}
    assert made[0].spatial_prompt == "a woman, natural expression, vast desert, full shot"
    assert made[0].loosened == (
        "The framing was loosened from 'wide shot' to 'full shot', because the face was too small to recognise."
    )


def test_words_that_make_the_face_small_leave_with_the_framing() -> None:
    [revision] = revisions("a wide shot of a woman with a tiny umbrella and a distant tower on a beach", "small_face")
    assert "tiny" not in revision.spatial_prompt
    assert "distant" not in revision.spatial_prompt
    assert "beach" in revision.spatial_prompt


def test_a_turned_head_faces_the_camera_and_loses_its_profile() -> None:
    [revision] = revisions("A woman with a sharp profile on a beach", "turned_away")
    assert revision.move == "face_camera"
    assert "facing the camera" in revision.spatial_prompt


def test_several_faces_become_one_person_alone() -> None:
    [first, second] = revisions("A woman dances in front of a mirror in a ballroom", "several_people", "several_people")
    assert first.move == second.move == "one_person"
    assert "alone" in first.spatial_prompt.split(", ")
    assert "mirror" not in second.spatial_prompt
    assert second.loosened == "'mirror' was left out of the first frame, because more than one face was found."


def test_others_whom_the_user_named_are_told_of_once() -> None:
    made = revisions("A woman dances with her friends in a ballroom", "several_people", "several_people")
    assert made[0].loosened is not None
    assert "the prompt names others" in made[0].loosened
    assert made[1].loosened is None


@pytest.mark.parametrize(
    ("worn", "lifted"),
    [
        ("a black hat", "black hat pushed back off the forehead"),
        ("sunglasses", "sunglasses resting above the forehead"),
        ("a blue mask", "blue mask pulled down below the chin"),
        ("a helmet", "helmet with an open visor"),
    ],
)
def test_what_covers_the_face_is_lifted_then_dropped(worn: str, lifted: str) -> None:
    first, second = revisions(f"A woman wearing {worn} and a red coat in a park", "unlike", "unlike")
    assert lifted in first.spatial_prompt
    assert first.move == second.move == "bare_face"
    assert worn.split()[-1] not in second.spatial_prompt
    assert "red coat" in second.spatial_prompt
    assert second.loosened is not None
    assert "left out of the first frame" in second.loosened


def test_a_faint_face_gets_simpler_light_and_the_night_goes_after_the_neon() -> None:
    first, second = revisions("A man stands in a neon-lit alley at night", *["faint_face"] * 2, presentation="man")
    assert "neon" not in first.spatial_prompt
    assert "alley at night" in first.spatial_prompt
    assert first.loosened is not None
    assert "'neon-lit'" in first.loosened
    assert "night" not in second.spatial_prompt
    assert "alley" in second.spatial_prompt


def test_the_users_place_and_clothes_outlast_what_we_added() -> None:
    made = revisions("A woman in a red dress on a beach", *["turned_away"] * 6)
    assert all("red dress" in revision.spatial_prompt for revision in made)
    assert all("beach" in revision.spatial_prompt for revision in made)
    assert all(revision.loosened is None for revision in made)


def test_an_asked_framing_is_kept_when_the_cause_does_not_name_it() -> None:
    made = revisions("A full shot of a woman on a beach", *["turned_away", "faint_face", "unlike"])
    assert {revision.framing for revision in made} == {"full shot"}


def test_whatever_gives_way_is_told_in_a_whole_sentence() -> None:
    made = revisions("A wide shot of a woman in a red dress and a hat on a beach at night", *["no_face"] * 20)
    told = [revision.loosened for revision in made if revision.loosened]
    assert len(told) >= 4
    assert all(sentence.endswith("because no face was found.") for sentence in told)


def test_another_language_is_revised_too() -> None:
    made = revisions("Une femme marche sur la plage", "turned_away", "faint_face")
    assert all("plage" in revision.spatial_prompt for revision in made)
    assert made[0].spatial_prompt != made[1].spatial_prompt
