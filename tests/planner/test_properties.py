"""Whatever the prompt and whatever the history, the rule planner keeps what a planner promises."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.planner.language import read
from agent.planner.protocol import Cause, Diagnosis, Plan, Tried
from agent.planner.rules import RulePlanner
from agent.planner.validators import Context, check_spatial, check_temporal
from tools.contracts import Presentation
from tools.framing import framing_of, framing_phrases

PLANNER = RulePlanner()
CAUSES = get_args(Cause)

presentations = st.sampled_from(get_args(Presentation))
subjects = st.sampled_from(
    ["a woman", "A man", "an old man", "a young girl", "two women", "the firefighter", "a man and a woman", "me", "I",
     "a bride", "somebody", "she", "he", "Emma", "a chef with a beard", "my grandmother", "a group of friends", ""]
)  # fmt: skip
actions = st.sampled_from(
    ["walks across the square", "running", "is dancing with her husband", "plays the violin and smiles", "surf",
     "holds up a sign that says \"OPEN 24\"", "looking back over the shoulder", "waves his hand", "jumped", ""]
)  # fmt: skip
clothes = st.sampled_from(
    ["in an orange flight suit", "wearing a red dress and white sneakers", "in a black hat and sunglasses",
     "barefoot in jeans", "with a helmet", "dressed as a pirate", ""]
)  # fmt: skip
places = st.sampled_from(
    ["on the beach at sunset", "through a neon-lit street at night", "in Paris", "tiny in a vast desert", "in the rain",
     "on stage in front of a huge crowd", "under 3 lanterns", "in front of a mirror", ""]
)  # fmt: skip
cameras = st.sampled_from(
    ["close-up", "a wide shot", "the camera slowly pans left", "slow motion", "full body shot", ""]
)


@st.composite
def prompts(draw: st.DrawFn) -> str:
    parts = [draw(group) for group in (subjects, actions, clothes, places, cameras)]
    if draw(st.booleans()):
        parts = draw(st.permutations(parts))
    text = draw(st.sampled_from([" ", ", "])).join(part for part in parts if part)
    return draw(st.sampled_from([text, text.upper(), f"make a video of {text}", f"{text}.", text])) or "dance"


anything = st.one_of(prompts(), st.text(min_size=1, max_size=200).filter(lambda text: bool(text.strip())))


def assert_sound(prompt: str, plan: Plan, presentation: Presentation) -> None:
    context = Context(prompt, presentation, english=read(prompt).english)
    assert check_spatial(plan.spatial_prompt, context) == []
    assert check_temporal(plan.temporal_prompt, context) == []


@settings(max_examples=100, deadline=None)
@given(anything, presentations)
def test_no_plan_holds_what_a_validator_refuses(prompt: str, presentation: Presentation) -> None:
    assert_sound(prompt, PLANNER.decouple(prompt, presentation, 1), presentation)


@settings(max_examples=25, deadline=None)
@given(prompts(), presentations)
def test_the_same_prompt_gives_the_same_plan_whatever_the_seed(prompt: str, presentation: Presentation) -> None:
    assert PLANNER.decouple(prompt, presentation, 1) == PLANNER.decouple(prompt, presentation, 2)


@settings(max_examples=100, deadline=None)
@given(anything, presentations)
def test_a_spatial_prompt_ends_with_its_only_framing_phrase(prompt: str, presentation: Presentation) -> None:
    plan = PLANNER.decouple(prompt, presentation, 1)
    assert framing_phrases(plan.spatial_prompt) == [plan.spatial_prompt.split(", ")[-1]]
    assert framing_of(plan.spatial_prompt) == plan.framing


@settings(max_examples=15, deadline=None)
@given(anything, presentations, st.lists(st.sampled_from(CAUSES), min_size=12, max_size=14))
def test_no_revision_repeats_a_prompt_and_none_is_refused(
    prompt: str, presentation: Presentation, causes: list[Cause]
) -> None:
    plan = PLANNER.decouple(prompt, presentation, 1)
    history: list[Tried] = []
    spatial, seen = plan.spatial_prompt, {plan.spatial_prompt}
    for cause in causes:
        history.append(Tried(spatial, 0.3, Diagnosis(cause, "…")))
        revision = PLANNER.revise(prompt, plan, history, presentation, 1)
        spatial = revision.spatial_prompt
        assert spatial not in seen
        assert framing_of(spatial) == revision.framing
        assert revision.loosened is None or (revision.loosened[0].isupper() or revision.loosened[0] == "'")
        seen.add(spatial)


@pytest.mark.parametrize("cause", CAUSES)
def test_one_cause_over_and_over_finds_something_new_forty_times(cause: Cause) -> None:
    prompt = "a wide shot of a woman in a black hat, tiny in a dark desert at night"
    plan = PLANNER.decouple(prompt, "woman", 1)
    history = [Tried(plan.spatial_prompt, None, Diagnosis(cause, "…"))]
    for _ in range(40):
        history.append(
            Tried(PLANNER.revise(prompt, plan, history, "woman", 1).spatial_prompt, 0.2, Diagnosis(cause, "…"))
        )
    assert len({attempt.spatial_prompt for attempt in history}) == 41
