from __future__ import annotations

import pytest

from agent.planner.rules import presentation_in

SAID = {
    "A woman walks": "woman",
    "two girls laugh": "woman",
    "THE MAN RUNS": "man",
    "she waves": "woman",
    "her hair in the wind": "woman",
    "He's reading": "man",
    "An astronaut floats, her hair drifting": "woman",
    "a young man laughs with the old woman behind the grill": "man",
    "A woman and her husband walk": "woman",
    "Children play while a woman reads": "woman",
    "my grandmother knits": "woman",
    "no people, just a man": "man",
    "a cowboy shot of a woman": "woman",
}
UNSAID = [
    "surfing at dawn", "a person walks", "a firefighter runs", "me dancing", "I dance with my wife",
    "A man and a woman dance", "a boy or a girl", "a nurse helps an old man", "a cowboy shot", "Paris",
    "一个女人", "make a human pyramid", "",
]  # fmt: skip


@pytest.mark.parametrize("prompt", SAID)
def test_the_users_words_name_the_person(prompt: str) -> None:
    assert presentation_in(prompt) == SAID[prompt]


@pytest.mark.parametrize("prompt", UNSAID)
def test_nothing_is_guessed(prompt: str) -> None:
    assert presentation_in(prompt) is None
