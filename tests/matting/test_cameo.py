from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.contracts import Box, Face
from tools.matting.cameo import cameo

NOBODY = np.zeros(128, np.float32)


def alpha(height, width, face):
    return cameo(np.full((height, width, 3), 90, np.uint8), face)[..., 3]


def test_the_oval_holds_face_and_hair_and_leaves_the_rest(portrait, face):
    cut = cameo(portrait, face)
    shown = cut[..., 3]
    assert np.array_equal(cut[..., :3], portrait)
    for x, y in ((222, 120), (224, 18), (160, 90), (298, 90), (224, 185)):
        assert shown[y, x] == 255, (x, y)
    for x, y in ((30, 30), (221, 260), (400, 120), (221, 400)):
        assert shown[y, x] == 0, (x, y)


def test_the_edge_is_soft_over_about_one_pixel(face):
    shown = alpha(512, 512, face)
    edge = (shown > 0) & (shown < 255)
    assert 0.5 < edge.sum() / (2 * np.pi * 97) < 2.5


@pytest.mark.parametrize(("roll", "side"), [(25, 1), (-25, -1)])
def test_the_oval_tips_with_the_head(face, roll, side):
    shown = alpha(512, 512, replace(face, roll=roll, yaw=0.0)) > 0
    columns = np.arange(512)
    rows = np.flatnonzero(shown.any(axis=1))
    top, bottom = (columns[shown[row]].mean() for row in (rows[3], rows[-4]))
    assert (top - bottom) * side > 20


@pytest.mark.parametrize("yaw", [-40, 40])
def test_the_oval_makes_room_for_the_back_of_a_turned_head(face, yaw):
    def middle(face):
        return np.flatnonzero((alpha(512, 512, face) > 0).any(axis=0)).mean()

    moved = middle(replace(face, roll=0.0, yaw=float(yaw))) - middle(replace(face, roll=0.0, yaw=0.0))
    assert moved * yaw < 0
    assert abs(moved) > 10


def test_a_head_at_the_edge_of_the_photo_is_still_in_an_oval():
    shown = alpha(300, 300, Face(Box(10, 5, 120, 120), 1.0, {}, NOBODY))
    assert shown[65, 70] == 255
    assert (shown[0] > 0).sum() < 40
    assert (shown[:, 0] > 0).sum() < 40


@given(
    x=st.floats(-30, 270), y=st.floats(-30, 170), side=st.floats(40, 160),
    roll=st.one_of(st.none(), st.floats(-60, 60)), yaw=st.one_of(st.none(), st.floats(-90, 90)),
)  # fmt: skip
def test_wherever_a_whole_face_is_the_oval_covers_its_middle_in_one_piece(x, y, side, roll, yaw):
    height, width = 200, 300
    face = Face(Box(x, y, side, side), 1.0, {}, NOBODY, yaw, roll)
    shown = alpha(height, width, face)
    assert shown.shape == (height, width)
    box = face.box
    if box.x >= 0 and box.y >= 0 and box.x + side <= width and box.y + side <= height:
        assert shown[round(box.y + side / 2), round(box.x + side / 2)] == 255
    for line in ((shown > 0).T, shown > 0):
        runs = np.abs(np.diff(line.astype(int), axis=1)).sum(axis=1)
        assert (runs <= 2).all()
