from __future__ import annotations

import tomllib

import pytest

from tools.preview import reading
from tools.preview.drawing import GARMENTS, SCENES
from tools.preview.palette import HEX, palettes
from tools.preview.reading import Outfit, Setting, outfit_of, setting_of

DEMO = "A woman, in an orange flight suit, walks across the launch pad at dawn, smiling as she looks up at the rocket."

SETTINGS = [
    (DEMO, "launch_pad", "dawn"),
    ("a man beside a rocket at night", "launch_pad", "night"),
    ("An astronaut floats in outer space", "space", "day"),
    ("a woman walks on the moon", "space", "day"),
    ("a girl under a big moon in a meadow at night", "meadow", "night"),
    ("A man walks down a busy city street in the rain", "city", "rain"),
    ("a woman crosses Times Square, New York, neon lights at night", "city", "night"),
    ("a woman sits in a cafe while it rains outside", "room", "rain"),
    ("a man reads in his living room in the evening", "room", "dusk"),
    ("a chef in a kitchen", "room", "day"),
    ("a doctor in a hospital corridor", "room", "day"),
    ("A woman runs along the beach at sunset", "sea", "dusk"),
    ("a man surfing at dawn", "sea", "dawn"),
    ("a sailor on the deck of a ship in a storm", "sea", "rain"),
    ("A man hikes through a forest on a misty morning", "forest", "day"),
    ("a woman in the woods at first light", "forest", "dawn"),
    ("a girl dances in a field of sunflowers", "meadow", "day"),
    ("a farmer on his farm at golden hour", "meadow", "dusk"),
    ("a woman in the park in winter", "meadow", "snow"),
    ("a climber on a mountain peak", "mountain", "day"),
    ("a man skiing down a slope", "mountain", "day"),
    ("a woman on a snowy mountain at sunrise", "mountain", "dawn"),
    ("a wide shot of a woman, tiny in a vast desert", "desert", "day"),
    ("a cowboy in a canyon at dusk", "desert", "dusk"),
    ("a runner in a stadium", "stadium", "day"),
    ("a footballer on the pitch under floodlights at night", "stadium", "night"),
    ("a singer on stage", "stage", "night"),
    ("a woman sings into a microphone", "stage", "night"),
    ("a man gives a speech at a podium", "stage", "night"),
    ("A MAN WALKS ON THE BEACH AT NIGHT", "sea", "night"),
    ("the launch-pad, at first-light", "launch_pad", "dawn"),
    ("two boats on the lake", "sea", "day"),
    ("a sailor waves from a boat, the city behind him", "city", "day"),
    ("she waves and smiles", "plain", "day"),
    ("a woman shelters under an umbrella on the sidewalk", "city", "rain"),
    ("a boy plays in the snow", "meadow", "snow"),
    ("a couple walks in the rain", "city", "rain"),
    ("a woman throws snow in the meadow", "meadow", "snow"),
    ("a woman with a bright smile", "plain", "day"),
    ("a man at dusk", "plain", "dusk"),
    ("a woman brushing her hair before the mirror", "plain", "day"),
    ("ein Mann lächelt", "plain", "day"),
    ("🙂", "plain", "day"),
    ("", "plain", "day"),
]

OUTFITS = [
    (DEMO, "space_suit", "orange"),
    ("a woman in a white spacesuit", "space_suit", "white"),
    ("an astronaut", "space_suit", None),
    ("a man in a dark blue suit and a red tie", "suit", "dark blue"),
    ("a man in a black tuxedo", "suit", "black"),
    ("a businesswoman in a grey pantsuit", "suit", "grey"),
    ("a woman in a long red evening dress", "dress", "red"),
    ("a woman, wearing a red dress, in front of a blue car", "dress", "red"),
    ("a girl in a yellow sundress", "dress", "yellow"),
    ("a woman in a white blouse", "shirt", "white"),
    ("a man in a denim shirt", "shirt", "denim"),
    ("a man in a plaid flannel shirt", "shirt", None),
    ("a runner in a blue jersey", "sports", "blue"),
    ("a woman in a green tracksuit", "sports", "green"),
    ("a man in a long beige trench coat", "coat", "beige"),
    ("a woman with a yellow raincoat", "coat", "yellow"),
    ("a biker in a black leather jacket", "coat", "black"),
    ("a pilot in a navy uniform", "uniform", "navy"),
    ("a chef in a kitchen", "uniform", None),
    ("a firefighter", "uniform", None),
    ("a man in a grey hoodie", "plain", "grey"),
    ("a woman in a lavender sweater", "plain", "lavender"),
    ("a woman laughs in the red light of evening", "plain", None),
    ("a woman dressed in red, at night", "plain", "red"),
    ("a man wearing browns and greens", "plain", "brown"),
    ("a woman with red hair wearing a dress", "dress", None),
    ("a bride wearing light-blue", "dress", "light blue"),
    ("a man in a field", "plain", None),
    ("", "plain", None),
]


@pytest.mark.parametrize(("prompt", "scene", "palette"), SETTINGS)
def test_a_prompt_names_its_scene_and_its_light(prompt, scene, palette):
    assert setting_of(prompt) == Setting(scene, palette)


@pytest.mark.parametrize(("prompt", "garment", "colour"), OUTFITS)
def test_a_prompt_names_its_garment_and_its_colour(prompt, garment, colour):
    words = reading.vocabulary()
    usual = words["usual_colours"][garment]
    expected = words["colours"][colour] if colour else usual["colour"]
    assert outfit_of(prompt) == Outfit(garment, expected, usual["accent"])


def test_every_scene_garment_and_palette_of_the_vocabulary_is_there_to_be_painted():
    words = reading.vocabulary()
    assert set(words["scenes"]) | {"plain"} == {path.stem for path in SCENES.glob("*.svg")}
    assert set(words["garments"]) == set(words["usual_colours"]) == {path.stem for path in GARMENTS.glob("*.svg")}
    assert set(words["palettes"]) == set(palettes())
    assert set(words["scene_hints"]) <= set(words["scenes"])
    assert set(words["palette_hints"]) <= set(words["palettes"])
    assert set(words["garment_hints"]) <= set(words["garments"])
    assert set(words["usual_palette"]) <= set(words["scenes"])
    assert set(words["usual_palette"].values()) <= set(palettes())


def test_every_colour_of_the_vocabulary_is_six_hexadecimal_digits():
    words = reading.vocabulary()
    usual = [colour for pair in words["usual_colours"].values() for colour in pair.values()]
    assert all(HEX.fullmatch(colour) for colour in [*words["colours"].values(), *usual])


def test_no_phrase_of_the_vocabulary_means_two_things():
    words = tomllib.loads((SCENES.parent / "vocabulary.toml").read_text("utf-8"))
    for kind in ("scene", "palette", "garment"):
        tables = (words[f"{kind}s"], words[f"{kind}_hints"])
        phrases = [phrase for table in tables for listed in table.values() for phrase in listed]
        assert len(phrases) == len(set(phrases))
