from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from tools.contracts import Size
from tools.preview.drawing import SCENES, draw_scene
from tools.preview.palette import palettes
from tools.preview.reading import Setting
from tools.preview.svg import Drawing

SVG = "{http://www.w3.org/2000/svg}"
FILES = sorted(SCENES.glob("*.svg"))
NAMES = [path.stem for path in FILES]
SMALL = Size(208, 120)
MARGIN = 0.1


def shown(scene, palette="day", size=SMALL):
    """What one sees of a scene with nobody in it."""
    layers = draw_scene(Setting(scene, palette), size, MARGIN)
    picture = layers.far[..., :3].astype(float)
    for layer in (layers.mid, layers.near):
        alpha = layer[..., 3:] / 255
        picture = picture * (1 - alpha) + layer[..., :3] * alpha
    return picture


@pytest.fixture(scope="module")
def by_day():
    return {name: shown(name) for name in NAMES}


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_scene_is_three_groups_that_say_where_feet_stand(path):
    root = ET.parse(path).getroot()
    assert [group.get("id") for group in root.findall(f"{SVG}g")] == ["far", "mid", "near"]
    drawing = Drawing.read(path)
    assert 0.8 < drawing.number("ground") / drawing.whole.height < 0.95
    assert 0 <= drawing.number("focus") <= 1
    assert drawing.said("place", "outdoors") in ("outdoors", "indoors", "void")


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_every_colour_of_a_scene_is_a_class_of_its_style_block(path):
    svg = path.read_text("utf-8")
    drawn = svg.split("</style>")[1]
    rules = set(re.findall(r"^\.([\w-]+) \{", svg, re.MULTILINE))
    used = {name for names in re.findall(r'class="([^"]*)"', drawn) for name in names.split()}
    assert used == rules
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b", re.sub(r"url\(#[\w-]+\)|href=\"#[\w-]+\"", "", drawn))


def test_all_palettes_fill_the_same_placeholders():
    first, *others = palettes().values()
    for other in others:
        assert other.colours.keys() == first.colours.keys()
        assert other.shown.keys() == first.shown.keys()
    assert all(0 <= shown <= 1 for palette in palettes().values() for shown in palette.shown.values())


def test_every_placeholder_is_used_by_a_scene():
    classes = set(re.findall(r"^\.([\w-]+) \{", "\n".join(path.read_text("utf-8") for path in FILES), re.MULTILINE))
    palette = palettes()["day"]
    assert palette.colours.keys() | palette.shown.keys() <= classes


def test_the_style_block_holds_the_day(by_day):
    """So a scene looks in an editor as it does in a picture by day."""
    day = palettes()["day"]
    for path in FILES:
        for name, rule in re.findall(r"^\.([\w-]+) \{([^}]*)\}", path.read_text("utf-8"), re.MULTILINE):
            if name in day.colours:
                assert set(re.findall(r"#\w{6}", rule)) == {day.colours[name]}, f"{path.name}: {name}"


@pytest.mark.parametrize("scene", NAMES)
def test_layers_cover_the_picture_and_its_margin(scene):
    layers = draw_scene(Setting(scene, "day"), SMALL, MARGIN)
    for layer in (layers.far, layers.mid, layers.near):
        assert layer.shape == (144, 250, 4)
        assert layer.dtype == np.uint8
    assert layers.far[..., 3].min() == 255
    assert layers.near[..., 3].max() > 250
    assert 0.85 < layers.ground < 0.98


@pytest.mark.parametrize("scene", NAMES)
def test_near_things_stay_low_so_that_they_never_hide_a_face(scene):
    near = draw_scene(Setting(scene, "day"), SMALL, MARGIN).near
    top, height = SMALL.height * MARGIN, SMALL.height
    assert near[: round(top + 0.80 * height), :, 3].max() < 40


def test_scenes_differ_at_a_glance(by_day):
    for i, a in enumerate(NAMES):
        for b in NAMES[i + 1 :]:
            assert np.abs(by_day[a] - by_day[b]).mean() > 18, f"{a} looks like {b}"


@pytest.mark.parametrize("scene", ["meadow", "city", "plain"])
def test_palettes_differ_at_a_glance(scene):
    pictures = {name: shown(scene, name) for name in palettes()}
    names = list(pictures)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            assert np.abs(pictures[a] - pictures[b]).mean() > 10, f"{a} looks like {b}"


def test_night_is_darker_than_dusk_and_dusk_than_day():
    night, dusk, day = (shown("sea", name).mean() for name in ("night", "dusk", "day"))
    assert night + 20 < dusk < day - 20


def test_rain_and_snow_fall_outdoors_alone():
    def falls(scene, palette):
        return draw_scene(Setting(scene, palette), SMALL, MARGIN).falling is not None

    assert falls("city", "rain")
    assert falls("meadow", "snow")
    assert not falls("city", "day")
    assert not falls("room", "rain")
    assert not falls("space", "snow")


@pytest.mark.parametrize("palette", ["rain", "snow"])
def test_what_falls_goes_on_over_the_edges(palette):
    falling = draw_scene(Setting("city", palette), SMALL, MARGIN).falling
    assert falling is not None
    alpha = falling[..., 3].astype(float)
    inside = np.abs(np.diff(alpha, axis=0)).mean()
    assert np.abs(alpha[0] - alpha[-1]).mean() < 2 * inside
    assert 0 < alpha.mean() < 25


@pytest.mark.parametrize("size", [Size(832, 480), Size(480, 832), Size(600, 600), Size(1280, 400)])
def test_a_scene_fills_every_format_undistorted(size):
    small = Size(size.width // 8 * 2, size.height // 8 * 2)
    layers = draw_scene(Setting("launch_pad", "day"), small, MARGIN)
    assert layers.far.shape[:2] == (round(small.height * 1.2), round(small.width * 1.2))
    assert layers.far[..., 3].min() == 255
    assert 0.7 < layers.ground < 0.98


def test_a_scene_is_drawn_the_same_every_time():
    first, second = (draw_scene(Setting("sea", "rain"), SMALL, MARGIN) for _ in range(2))
    for layer in ("far", "mid", "near", "falling"):
        assert np.array_equal(getattr(first, layer), getattr(second, layer))
