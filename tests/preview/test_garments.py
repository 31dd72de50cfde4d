from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import ImageColor

from tools.preview.drawing import GARMENTS, PARTS, draw_bust, draw_puppet
from tools.preview.reading import Outfit
from tools.preview.svg import Drawing

NAMES = sorted(path.stem for path in GARMENTS.glob("*.svg"))
GREEN, GOLD = "#2f8a55", "#e0b040"


def over(canvas, part):
    """Lay a part on a canvas of RGBA, at rest."""
    top, left = (round(a - p) for a, p in ((part.anchor[1], part.pivot[1]), (part.anchor[0], part.pivot[0])))
    height, width = part.pixels.shape[:2]
    under = canvas[top : top + height, left : left + width]
    np.maximum(under, part.pixels[..., 3], out=under)


@pytest.mark.parametrize("garment", NAMES)
def test_a_garment_has_its_groups_and_marks(garment):
    drawing = Drawing.read(GARMENTS / f"{garment}.svg")
    assert {"marks", "bust-behind", "bust-front", "torso-behind", *PARTS} == set(drawing.groups)
    for mark in ("bust-view", "bust-neck", "body-view", "body-neck"):
        assert drawing.rectangle(mark).width > 0
    view = drawing.rectangle("body-view")
    for part in PARTS:
        x, y = drawing.point(f"pivot-{part}")
        assert view.x < x < view.x + view.width
        assert view.y < y < view.y + view.height


@pytest.mark.parametrize("garment", NAMES)
def test_every_colour_of_a_garment_is_a_class_of_its_style_block(garment):
    svg = (GARMENTS / f"{garment}.svg").read_text("utf-8")
    drawn = svg.split("</style>")[1]
    used = {name for names in re.findall(r'class="([^"]*)"', drawn) for name in names.split()}
    assert used == set(re.findall(r"^\.([\w-]+) \{", svg, re.MULTILINE))
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b", re.sub(r"url\(#[\w-]+\)", "", drawn))


@pytest.mark.parametrize("garment", NAMES)
def test_the_front_of_a_bust_covers_the_head_from_the_neck_down(garment):
    bust = draw_bust(Outfit(garment, GREEN, GOLD), 200)
    assert bust.behind.shape == bust.front.shape
    x, y = round(bust.neck.x), round(bust.neck.y)
    column = bust.front[:, x, 3]
    assert column[: y - 3].max() < 64  # its shadow alone
    assert column[y + 4 :].min() > 250
    assert bust.behind[round(y - bust.neck.width / 5), x, 3] > 100
    assert 50 < bust.neck.width < 130


@pytest.mark.parametrize("garment", NAMES)
def test_a_bust_is_as_wide_as_it_was_asked_for(garment):
    for width in (150, 300):
        front = draw_bust(Outfit(garment, GREEN, GOLD), width).front
        shoulders = front[round(width * 0.36), :, 3] > 128
        assert shoulders.sum() == pytest.approx(width, rel=0.16)


@pytest.mark.parametrize("garment", NAMES)
def test_a_puppet_stands_on_its_feet_and_turns_about_its_joints(garment):
    puppet = draw_puppet(Outfit(garment, GREEN, GOLD), 200)
    assert tuple(puppet.parts) == PARTS
    assert puppet.size[1] == 200
    body = np.zeros((puppet.size[1], puppet.size[0]), np.uint8)
    for part in puppet.parts.values():
        over(body, part)
        (x, y), (height, width) = part.pivot, part.pixels.shape[:2]
        assert -4 <= x <= width + 4
        assert -4 <= y <= height + 4
    assert np.flatnonzero(body.max(axis=1) > 128)[-1] >= 196
    # limbs overlap the torso at rest, so that no gap shows: one piece from collar to knee
    middle = round(puppet.neck.x)
    assert body[round(puppet.neck.y) + 3 : round(puppet.neck.y) + 70, middle].min() > 200


def test_left_and_right_are_the_subjects_own():
    parts = draw_puppet(Outfit("shirt", GREEN, GOLD), 200).parts
    assert parts["arm-right"].anchor[0] < parts["torso"].anchor[0] < parts["arm-left"].anchor[0]
    assert parts["leg-right"].anchor[0] < parts["leg-left"].anchor[0]


@pytest.mark.parametrize("garment", NAMES)
def test_a_garment_takes_the_colour_of_the_prompt(garment):
    def chest(colour):
        pixels = draw_bust(Outfit(garment, colour, GOLD), 120).front
        solid = pixels[pixels[..., 3] > 250]
        return np.median(solid[:, :3], axis=0)

    for colour in (GREEN, "#b03030"):
        assert np.abs(chest(colour) - np.array(ImageColor.getrgb(colour))).max() < 45
    assert np.abs(chest(GREEN) - chest("#b03030")).max() > 60


def test_garments_differ_at_a_glance():
    fronts = {name: draw_bust(Outfit(name, GREEN, GOLD), 120).front.astype(int) for name in NAMES}
    for i, a in enumerate(NAMES):
        for b in NAMES[i + 1 :]:
            apart = np.abs(fronts[a] - fronts[b]).max(axis=2) > 40
            assert apart.mean() > 0.015, f"{a} looks like {b}"
