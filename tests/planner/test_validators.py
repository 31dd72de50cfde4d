"""Each check refuses what it names, says so with its code, and takes a sound prompt."""

from __future__ import annotations

import pytest

from agent.planner.checks import BOTH
from agent.planner.spatial_checks import PHRASE, SPATIAL, clip_tokens
from agent.planner.temporal_checks import TEMPORAL
from agent.planner.validators import Context, alike, check_spatial, check_temporal

SOURCE = (
    "A wide shot of a woman in a red coat and boots, walking 3 dogs past a sign that says \"OPEN\" on a snowy street, "
    "the camera pans left."
)  # fmt: skip
CONTEXT = Context(SOURCE, "woman")
SPATIAL_PROMPT = "a woman, natural expression, red coat, snowy street, wide shot"
TEMPORAL_PROMPT = (
    'A woman in a red coat and boots walks 3 dogs past a sign that says "OPEN" on a snowy street, in a wide shot. '
    "The camera pans left. The eyes blink softly."
)

BAD_SPATIAL = {
    "empty": "",
    "language": "una mujer con una sonrisa, playa del mar, wide shot",
    "markup": "here is a woman, natural expression, red coat, street, wide shot",
    "unsafe": "a woman, natural expression, naked, red coat, street, wide shot",
    "shape": "a woman, wide shot",
    "subject": "natural expression, red coat, snowy street, wide shot",
    "framing": "a woman, natural expression, red coat, snowy street, close-up, wide shot",
    "tokens": "a woman, natural expression, red coat, street" + ", extraordinary architecture" * 7 + ", wide shot",
    "face": "a woman, red coat, snowy street, wide shot",
    "clothing": "a woman, natural expression, snowy street, wide shot",
    "environment": "a woman, natural expression, red coat, wide shot",
    "crowd": "a woman, natural expression, red coat, passers-by, snowy street, wide shot",
    "characters": "a woman, natural expression, red coat, snowy street (winter), wide shot",
    "finite_verb": "a woman, natural expression, red coat, the woman walks, snowy street, wide shot",
    "pronoun": "a woman, natural expression, her red coat, snowy street, wide shot",
    "motion": "a woman, natural expression, red coat, walking, snowy street, wide shot",
    "camera": "a woman, natural expression, red coat, snowy street, slow motion, wide shot",
    "feet": "a woman, natural expression, red coat, black boots, snowy street, wide shot",
    "other_person": "a woman, natural expression, red coat, policeman, snowy street, wide shot",
    "gender": "a woman, natural expression, red coat, man, snowy street, wide shot",
    "name": "a woman, natural expression, red coat, emma, snowy street, wide shot",
    "trigger": "fcsks fxhks fhyks, a woman, natural expression, red coat, snowy street, wide shot",
}  # fmt: skip

BAD_TEMPORAL = {
    "empty": "",
    "language": "A woman, una mujer con una playa del mar",
    "markup": TEMPORAL_PROMPT.replace("A woman", "A woman **", 1),
    "unsafe": TEMPORAL_PROMPT.replace("red coat", "bloody red coat"),
    "start": TEMPORAL_PROMPT.replace("A woman", "The woman", 1),
    "gender": TEMPORAL_PROMPT.replace("3 dogs", "his 3 dogs"),
    "action": "A woman in a red coat. " + TEMPORAL_PROMPT,
    "expression": TEMPORAL_PROMPT.replace(" The eyes blink softly.", ""),
    "camera": TEMPORAL_PROMPT.replace(" The camera pans left.", ""),
    "number": TEMPORAL_PROMPT.replace("3 dogs", "dogs"),
    "quotation": TEMPORAL_PROMPT.replace("OPEN", "CLOSED"),
    "content": 'A woman walks 3 dogs, "OPEN". The camera pans left. The eyes blink softly.',
    "person_added": TEMPORAL_PROMPT.replace("snowy street", "snowy street with a firefighter"),
    "length": TEMPORAL_PROMPT + " Snow falls on the street." * 20,
    "one_shot": TEMPORAL_PROMPT + " Then cut to the dogs.",
}


def codes(violations: list) -> set[str]:
    return {violation.code for violation in violations}


def test_sound_prompts_pass() -> None:
    assert check_spatial(SPATIAL_PROMPT, CONTEXT) == []
    assert check_temporal(TEMPORAL_PROMPT, CONTEXT) == []


@pytest.mark.parametrize("code", BAD_SPATIAL)
def test_a_spatial_prompt_is_refused_for(code: str) -> None:
    assert code in codes(check_spatial(BAD_SPATIAL[code], CONTEXT))


@pytest.mark.parametrize("code", BAD_TEMPORAL)
def test_a_temporal_prompt_is_refused_for(code: str) -> None:
    assert code in codes(check_temporal(BAD_TEMPORAL[code], CONTEXT))


def test_every_check_has_an_example_above() -> None:
    unchanged = {"unchanged"}
    assert {check.code for check in (*SPATIAL, *PHRASE)} == BAD_SPATIAL.keys() | unchanged
    assert {check.code for check in TEMPORAL} == BAD_TEMPORAL.keys() | unchanged
    assert unchanged < {check.code for check in BOTH}


def test_the_source_itself_is_no_plan() -> None:
    assert "unchanged" in codes(check_temporal(SOURCE, CONTEXT))
    assert "unchanged" in codes(
        check_spatial("A woman, calm face, close-up", Context("a woman calm face close-up", "woman"))
    )


def test_a_message_names_what_is_wrong() -> None:
    [violation] = check_spatial(BAD_SPATIAL["feet"], CONTEXT)
    assert "'boots'" in violation.message


def test_a_prompt_that_was_nearly_tried_is_refused() -> None:
    tried = Context(SOURCE, "woman", previous=("a woman, red coat, natural expression, snowy street, wide shot",))
    assert codes(check_spatial(SPATIAL_PROMPT, tried)) == {"tried"}


def test_what_a_revision_gave_up_is_not_asked_for_again() -> None:
    loosened = Context(SOURCE, "woman", loosened=frozenset({"framing", "clothes"}))
    assert check_spatial("a woman, natural expression, snowy street, full shot", loosened) == []


def test_somebody_else_of_the_other_gender_may_be_named_when_the_source_does() -> None:
    context = Context("A woman dances with her husband", "woman")
    text = "A woman dances with her husband and leads him. The eyes blink softly."
    assert check_temporal(text, context) == []


def test_a_framing_phrase_is_not_read_as_content() -> None:
    for framing in ("head to toe", "cowboy shot", "tight shot"):
        prompt = f"a woman, natural expression, sandy beach, {framing}"
        assert check_spatial(prompt, Context(f"{framing} of a woman on a sandy beach at noon", "woman")) == []


def test_long_sources_may_grow_by_the_polish_alone() -> None:
    source = "A woman walks on the beach. " + "She sees the red boat again. " * 40
    context = Context(source, "woman")
    assert "length" not in codes(check_temporal(source + "The eyes blink softly.", context))
    assert "length" in codes(check_temporal(source + "The eyes blink softly. " * 8, context))


def test_the_token_estimate_is_never_below_one_a_word() -> None:
    assert clip_tokens("a woman, red coat") >= 2 + 4 + 1
    assert clip_tokens("日本") >= 2 + 6
    assert clip_tokens("fcsks") > clip_tokens("coats")


def test_alike_compares_words_without_order() -> None:
    assert alike("a red coat", "Coat, a red") == 1
    assert alike("a red coat", "blue sea") == 0
