"""What a plan says beside its prompts."""

from __future__ import annotations

import pytest

from agent.planner.rules import RulePlanner

PLANNER = RulePlanner()


def plan(prompt: str, presentation: str = "woman"):
    return PLANNER.decouple(prompt, presentation, 1)


def test_what_the_user_named_is_kept_apart_from_what_was_filled_in() -> None:
    assert plan("surfing").asked == frozenset()
    assert plan("a full body shot of a woman in a red dress with her sister on a beach").asked == {
        "framing", "clothes", "people", "place",
    }  # fmt: skip


def test_another_language_is_passed_through_and_said() -> None:
    made = plan("Une femme marche sur la plage au coucher du soleil")
    assert "Une femme marche sur la plage au coucher du soleil" in made.temporal_prompt
    assert made.framing == "close-up"
    assert any("not in English" in note for note in made.notes)


def test_other_people_are_left_to_the_video_and_said() -> None:
    made = plan("A woman and her husband walk on a beach")
    assert "husband" in made.temporal_prompt
    assert "husband" not in made.spatial_prompt
    assert any("alone" in note for note in made.notes)


@pytest.mark.parametrize("prompt", ["He walks and waves his hand", "a man walks his dog, he smiles to himself"])
def test_the_wrong_gender_never_comes_through(prompt: str) -> None:
    words = plan(prompt).temporal_prompt.lower().replace(".", "").split()
    assert not {"he", "his", "him", "himself", "man"} & set(words)


def test_a_person_is_never_guessed_to_be_he_or_she() -> None:
    words = plan("I walk my dog and I enjoy myself", "person").temporal_prompt.split()
    assert not {"he", "she", "his", "her"} & set(words)
    assert words[:2] == ["A", "person"]


@pytest.mark.parametrize("prompt", ["🏄🌅", "!?", "a", "Ω", "....", "woman", "no", "'", "<think></think>"])
def test_the_barest_prompts_still_make_a_plan(prompt: str) -> None:
    made = plan(prompt)
    assert made.temporal_prompt.startswith("A woman")
    assert made.spatial_prompt.startswith("a woman, ")


def test_twenty_thousand_characters_are_planned() -> None:
    made = plan("A woman walks on the beach and sees a red boat. " * 400)
    assert made.temporal_prompt.count("red boat") == 400
    assert len(made.spatial_prompt) < 200


@pytest.mark.parametrize(
    "prompt",
    [
        "A woman in a space suit waves, close-up.",
        "A woman in a red dress waves at us.",
        "A woman in a space suit waves and smiles.",
    ],
)
def test_a_person_in_a_garment_waves_and_does_not_wear_the_wave(prompt: str) -> None:
    made = plan(prompt)
    assert "wav" in made.temporal_prompt
    assert "wav" not in made.spatial_prompt


def test_waves_that_are_somewhere_are_no_action() -> None:
    assert "waves" in plan("A portrait of a woman on a beach with big waves, sunset.").spatial_prompt
