"""What follow-ups mean: the table is read as a person reads it, and whatever comes out passes the checks."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.planner.language import read
from agent.planner.protocol import Refinement
from agent.planner.rules import RulePlanner
from agent.planner.validators import Context, check_spatial, check_temporal
from agent.settings import Recipe
from tools.contracts import Presentation

PLANNER = RulePlanner()
LAUNCH = (
    "A woman, in an orange flight suit, walks across the launch pad at dawn, smiling as she looks up at the rocket."
)
RIDER = "A wide shot of a man riding a horse through a desert"
BEACH = "A woman in a red dress walks on a sunny beach at noon"
HAT = "A man in a black hat and a blue coat dances in the rain at night with his wife"
CAFE = "A woman laughs happily in a cafe"
DOG = "A woman walks her dog in a park"
STAGE = "A woman slowly dances on stage, the camera slowly pans left"


class Row(NamedTuple):
    """``becomes`` is the user's prompt afterwards, ``""`` where it stays."""

    instruction: str
    prompt: str
    changes: str
    becomes: str = ""
    presentation: Presentation = "woman"


ROWS = [
    Row("slower, and let her smile", BEACH, "motion",
        "A woman in a red dress slowly walks on a sunny beach at noon. She smiles."),
    Row("can you make it a bit slower please?", BEACH, "motion",
        "A woman in a red dress slowly walks on a sunny beach at noon"),
    Row("much slower", BEACH, "motion", "A woman in a red dress very slowly walks on a sunny beach at noon"),
    Row("slower", STAGE, "motion", "A woman very slowly dances on stage, the camera slowly pans left"),
    Row("faster", STAGE, "motion", "A woman dances on stage, the camera slowly pans left"),
    Row("too fast", RIDER, "motion", "A wide shot of a man slowly riding a horse through a desert", "man"),
    Row("walk faster", BEACH, "motion", "A woman in a red dress quickly walks on a sunny beach at noon"),
    Row("let her smile", "surfing at dawn", "motion", "surfing at dawn, smiling"),
    Row("let me wave", "I walk through a forest", "motion", "I walk through a forest. I wave."),
    Row("let her laugh", "me walking through a forest with my wife", "motion",
        "me walking through a forest with my wife. She laughs.", "man"),
    Row("let him wave", BEACH, "motion", f"{BEACH}. She waves."),
    Row("she should wave", HAT, "motion", f"{HAT}. She waves.", "man"),
    Row("he should wave", HAT, "motion", f"{HAT}. He waves.", "man"),
    Row("wave", "a person walks", "motion", "a person walks. The person waves.", "person"),
    Row("close your eyes", HAT, "motion", f"{HAT}. He closes his eyes.", "man"),
    Row("look happier", DOG, "motion", f"{DOG}. She looks happy."),
    Row("make her sad", CAFE, "look motion", "A woman stands still in a cafe. She looks sad."),
    Row("don't smile", LAUNCH, "look motion",
        "A woman, in an orange flight suit, walks across the launch pad at dawn as she looks up at the rocket. "
        "She keeps a calm face."),
    Row("stop her from smiling", DOG, "motion", f"{DOG}. She keeps a calm face."),
    Row("don't look at the camera", DOG, "motion", f"{DOG}. She looks away from the camera."),
    Row("don't walk, run", BEACH, "motion", "A woman in a red dress runs on a sunny beach at noon"),
    Row("let her run instead of walking", LAUNCH, "motion", LAUNCH.replace("walks", "runs")),
    Row("run instead", LAUNCH, "motion", LAUNCH.replace("walks", "runs")),
    Row("don't move", BEACH, "motion", "A woman in a red dress stands still on a sunny beach at noon"),
    Row("stop dancing", HAT, "motion", HAT.replace("dances", "stands still"), "man"),
    Row("let the dog jump and bark", DOG, "motion", f"{DOG}. The dog jumps. The dog barks."),
    Row("she waves and then turns around", DOG, "motion", f"{DOG}. She waves. She turns around."),
    Row("let her pick up a shell", BEACH, "look motion", f"{BEACH}. She picks up a shell."),
    Row("zoom in slowly", DOG, "motion", f"{DOG}. The camera zooms in slowly."),
    Row("pan right", STAGE, "motion", "A woman slowly dances on stage. The camera pans right."),
    Row("have the camera orbit around her", DOG, "motion", f"{DOG}. The camera orbits around her."),
    Row("no camera movement", DOG, "motion", f"{DOG}. The camera stays still."),
    Row("in slow motion", DOG, "motion", f"{DOG} in slow motion"),
    Row("make it night", LAUNCH, "look", LAUNCH.replace("dawn", "night")),
    Row("MAKE IT NIGHT", LAUNCH, "look", LAUNCH.replace("dawn", "night")),
    Row("at sunset", BEACH, "look", "A woman in a red dress walks on a beach at sunset"),
    Row("make it rain", DOG, "look", f"{DOG} in the rain"),
    Row("no rain", HAT, "look", HAT.replace(" in the rain", ""), "man"),
    Row("too dark", DOG, "look", f"{DOG} in bright light"),
    Row("the light should be warmer", DOG, "look", f"{DOG} in warm golden light"),
    Row("golden hour light", LAUNCH, "look", LAUNCH.replace("at dawn", "in golden hour light")),
    Row("closer", RIDER, "look", RIDER.replace("wide", "full"), "man"),
    Row("much closer", RIDER, "look", RIDER.replace("wide", "medium"), "man"),
    Row("a close-up please", RIDER, "look", "A close-up of a man riding a horse through a desert", "man"),
    Row("further away", DOG, "look", f"{DOG}, in a medium shot"),
    Row("show her whole body", DOG, "look", f"{DOG}, in a full shot"),
    Row("same but in Paris", LAUNCH, "look",
        "A woman, in an orange flight suit, walks in Paris at dawn, smiling as she looks up."),
    Row("in Kyoto", "surfing at dawn", "look", "surfing at dawn in Kyoto"),
    Row("put her on the beach", DOG, "look", "A woman walks her dog on the beach"),
    Row("change the background to a forest", DOG, "look", "A woman walks her dog in a forest"),
    Row("in a red dress", LAUNCH, "look", LAUNCH.replace("an orange flight suit", "a red dress")),
    Row("in jeans and a white shirt", BEACH, "look", BEACH.replace("a red dress", "jeans and a white shirt")),
    Row("give her a red hat and sunglasses", BEACH, "look",
        BEACH.replace("dress", "dress and a red hat and sunglasses")),
    Row("make her dress blue", BEACH, "look", BEACH.replace("red", "blue")),
    Row("the hat should be green", HAT, "look", HAT.replace("black", "green"), "man"),
    Row("dress her as a pirate", BEACH, "look", BEACH.replace("red dress", "pirate costume")),
    Row("with long blonde hair", DOG, "look", "A woman with long blonde hair walks her dog in a park"),
    Row("without the hat", HAT, "look", HAT.replace("black hat and a ", ""), "man"),
    Row("take off the hat and the coat", HAT, "look", HAT.replace(" in a black hat and a blue coat", ""), "man"),
    Row("remove the rocket", LAUNCH, "look", LAUNCH.replace(" at the rocket", "")),
    Row("replace the dog with a cat", DOG, "look", "A woman walks a cat in a park"),
    Row("a horse instead of the dog", DOG, "look", "A woman walks a horse in a park"),
    Row("add a balloon", DOG, "look", f"{DOG} with a balloon"),
    Row("with her husband", DOG, "motion", f"{DOG} with her husband"),
    Row("closer, at night, and slower", RIDER, "look motion",
        "A full shot of a man slowly riding a horse through a desert at night", "man"),
    Row("another take, but slower", BEACH, "motion seed",
        "A woman in a red dress slowly walks on a sunny beach at noon"),
    Row("make it night", "Une femme marche sur la plage", "look", "Une femme marche sur la plage at night"),
    Row("another take", BEACH, "seed"),
    Row("try again with a different seed", BEACH, "seed"),
    Row("once more", BEACH, "seed"),
    Row("undo that", BEACH, "undo"),
    Row("go back", BEACH, "undo"),
    Row("I preferred the previous one", BEACH, "undo"),
    Row("what do you think?", BEACH, "question"),
    Row("make it better", BEACH, "question"),
    Row("asdf qwer", BEACH, "question"),
    Row("más lento y que sonría la mujer", BEACH, "question"),
    Row("夜にして", BEACH, "question"),
    Row("🙂", BEACH, "question"),
    Row("...", BEACH, "question"),
    Row("thanks, great!", BEACH, "question"),
    Row("without the umbrella", BEACH, "question"),
    Row("closer", BEACH, "question"),
    Row("make it 20 seconds long", BEACH, "question"),
    Row("add music", BEACH, "question"),
    Row("slower, and with more pizzazz", BEACH, "question"),
    Row("undo that and make it night", BEACH, "question"),
    Row("20 candidates", BEACH, "question"),
    Row("raise the threshold", BEACH, "question"),
]  # fmt: skip

SETTINGS = {
    "be stricter about the face": {"candidates": 4, "max_attempts": 5, "on_gate_failure": "fail"},
    "it doesn't look like me": {"candidates": 4, "max_attempts": 5, "on_gate_failure": "fail"},
    "be less strict": {"on_gate_failure": "best"},
    "lower the threshold to 0.4": {"first_frame_threshold": 0.4},
    "use a threshold of 60%": {"first_frame_threshold": 0.6},
    "more candidates": {"candidates": 4},
    "only one candidate": {"candidates": 1},
    "6 candidates and 5 attempts": {"candidates": 6, "max_attempts": 5},
    "fail if nobody passes": {"on_gate_failure": "fail"},
    "give me the best one anyway": {"on_gate_failure": "best"},
}


def refine(instruction: str, prompt: str = BEACH, presentation: Presentation = "woman") -> Refinement:
    return PLANNER.refine(instruction, prompt, PLANNER.decouple(prompt, presentation, 1), presentation, 1)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.instruction)
def test_a_follow_up_means_what_a_person_reads_in_it(row: Row) -> None:
    made = refine(row.instruction, row.prompt, row.presentation)
    assert " ".join(sorted(made.changes)) == row.changes
    assert made.prompt == (row.becomes or row.prompt)


@pytest.mark.parametrize("instruction", SETTINGS)
def test_the_gate_is_set_as_asked_and_within_its_bounds(instruction: str) -> None:
    made = refine(instruction)
    assert made.changes == {"settings"}
    assert made.settings == SETTINGS[instruction]
    Recipe(**made.settings)


@pytest.mark.parametrize("row", [row for row in ROWS if row.changes == "motion"], ids=lambda row: row.instruction)
def test_motion_alone_keeps_the_first_frame(row: Row) -> None:
    plan = PLANNER.decouple(row.prompt, row.presentation, 1)
    made = PLANNER.refine(row.instruction, row.prompt, plan, row.presentation, 1)
    assert made.spatial_prompt == plan.spatial_prompt
    assert made.framing == plan.framing
    assert made.temporal_prompt != plan.temporal_prompt
    assert made.told.endswith("the first frame is kept.")


@pytest.mark.parametrize("row", [row for row in ROWS if "look" in row.changes], ids=lambda row: row.instruction)
def test_a_new_look_changes_the_spatial_prompt_and_says_so(row: Row) -> None:
    plan = PLANNER.decouple(row.prompt, row.presentation, 1)
    made = PLANNER.refine(row.instruction, row.prompt, plan, row.presentation, 1)
    assert made.spatial_prompt != plan.spatial_prompt
    assert "a new first frame is painted" in made.told


@pytest.mark.parametrize("row", [row for row in ROWS if row.changes == "question"], ids=lambda row: row.instruction)
def test_a_question_comes_alone_and_changes_nothing(row: Row) -> None:
    plan = PLANNER.decouple(row.prompt, row.presentation, 1)
    made = PLANNER.refine(row.instruction, row.prompt, plan, row.presentation, 1)
    kept = (made.prompt, made.temporal_prompt, made.spatial_prompt, made.framing)
    assert kept == (row.prompt, plan.temporal_prompt, plan.spatial_prompt, plan.framing)
    assert made.settings == {}
    assert made.question is not None
    assert made.question.endswith("?")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.instruction)
def test_a_user_is_told_in_one_sentence_what_was_understood(row: Row) -> None:
    made = refine(row.instruction, row.prompt, row.presentation)
    assert made.told[0].isupper() or made.told[0] == "'"
    assert made.told.endswith(".")
    assert made.told.count(". ") == 0
    assert (made.question is None) == (row.changes != "question")


def test_the_wrong_gender_never_reaches_the_video() -> None:
    words = set(refine("let him wave his hand", BEACH).temporal_prompt.lower().replace(".", "").split())
    assert not {"he", "his", "him"} & words


def test_without_a_smile_no_smile_is_filled_in() -> None:
    assert "smile" not in refine("don't smile", LAUNCH).temporal_prompt.lower()
    assert "smil" not in refine("don't smile", DOG).temporal_prompt.lower()


def test_one_follow_up_builds_on_the_other() -> None:
    prompt, plan = DOG, PLANNER.decouple(DOG, "woman", 1)
    for instruction in (
        "slower",
        "slower",
        "at night",
        "in a red coat",
        "further away",
        "closer",
        "make the coat blue",
    ):
        made = PLANNER.refine(instruction, prompt, plan, "woman", 1)
        prompt = made.prompt
        plan = replace(
            plan, temporal_prompt=made.temporal_prompt, spatial_prompt=made.spatial_prompt, framing=made.framing
        )
    assert prompt == "A woman in a blue coat very slowly walks her dog in a park at night, in a close-up"
    assert plan.spatial_prompt == "a woman, natural expression, blue coat, dog, park at night, close-up"


instructions = st.sampled_from([*(row.instruction for row in ROWS), *SETTINGS])
sentences = st.sampled_from([*dict.fromkeys(row.prompt for row in ROWS), "THE MAN RUNS", "dance", "Emma, a close-up"])
presentations = st.sampled_from(["woman", "man", "person"])


@settings(max_examples=120, deadline=None)
@given(
    st.one_of(instructions, st.text(max_size=60)), st.one_of(sentences, st.text(min_size=1, max_size=80)), presentations
)
def test_whatever_is_said_the_prompts_stay_sound(instruction: str, prompt: str, presentation: Presentation) -> None:
    plan = PLANNER.decouple(prompt, presentation, 1)
    made = PLANNER.refine(instruction, prompt, plan, presentation, 1)
    context = Context(made.prompt, presentation, english=read(made.prompt).english)
    assert made.changes
    assert check_temporal(made.temporal_prompt, context) == []
    assert check_spatial(made.spatial_prompt, context) == []
