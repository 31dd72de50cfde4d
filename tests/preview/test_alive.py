from __future__ import annotations

import math
import random

import numpy as np
import pytest

from tools.contracts import Size
from tools.preview.alive import NEUTRAL, Expression, LivingFace
from tools.preview.countenance import HIGHEST_PITCH, LIDS, WIDEST_YAW, Countenance
from tools.preview.head import FINENESS, head_of
from tools.preview.motion import motion_of

TIMES = np.arange(0, 12, 1 / 16)
PROMPTS = (
    "The woman walks across the launch pad, smiling as she looks up at the rocket.",
    "The man turns his head and gazes to the left.",
    "The person stands still.",
    "The woman glances down and to the right, laughing.",
)


@pytest.fixture(scope="module")
def head(reference):
    return head_of(reference, 205)


@pytest.fixture(scope="module")
def face(head):
    return LivingFace(head.texture, head.points)


def on_grey(texture):
    """The head at the size it has in a close-up, on grey."""
    from PIL import Image

    alpha = texture[..., 3:] / 255
    full = (texture[..., :3] + 128 * (1 - alpha)).astype(np.uint8)
    smaller = Image.fromarray(full).resize([round(side / FINENESS) for side in full.shape[1::-1]])
    return np.pad(np.asarray(smaller), ((60, 60), (60, 60), (0, 0)), constant_values=128)


def test_a_neutral_face_is_the_photo_itself(head, face):
    assert np.array_equal(face.show(NEUTRAL), head.texture)


@pytest.mark.parametrize(
    "expression",
    [
        Expression(yaw=WIDEST_YAW),
        Expression(yaw=-WIDEST_YAW),
        Expression(pitch=HIGHEST_PITCH),
        Expression(pitch=-HIGHEST_PITCH),
        Expression(blink=LIDS),
        Expression(yaw=6, pitch=3, smile=0.65),
        Expression(yaw=4, smile=0.65, blink=LIDS),
    ],
)
def test_every_expression_moves_the_face_and_keeps_the_person(face, see, analyzer, expression):
    still, moved = on_grey(face.show(NEUTRAL)), on_grey(face.show(expression))
    before, after = see([still, moved])

    assert np.abs(still.astype(int) - moved).max() > 25
    assert after.similarity > before.similarity - 0.2
    assert after.similarity > analyzer.thresholds.first_frame + 0.15


def test_the_outline_stays_where_the_paper_edge_is(head, face):
    turned = face.show(Expression(yaw=WIDEST_YAW, pitch=-HIGHEST_PITCH, smile=0.65, blink=LIDS))

    assert np.abs(turned[..., 3].astype(int) - head.texture[..., 3]).max() < 100


def test_yaw_moves_the_nose_to_the_right_of_the_picture_and_pitch_moves_it_up(reference, face, analyzer):
    def nose(expression):
        return np.array(analyzer.analyze([on_grey(face.show(expression))])[0][0].points["nose_base"])

    still = nose(NEUTRAL)

    assert nose(Expression(yaw=8))[0] > still[0] + 5
    assert nose(Expression(yaw=-8))[0] < still[0] - 5
    assert nose(Expression(pitch=4))[1] < still[1] - 2


def test_lids_come_down_between_brow_and_cheek_only(head, face):
    changed = np.abs(face.show(Expression(blink=LIDS)).astype(int) - head.texture).max(axis=2) > 12
    rows = np.flatnonzero(changed.any(axis=1))
    eye = np.hypot(*np.subtract(head.points["right_eye_outer"], head.points["right_eye_inner"]))

    assert changed.any()
    assert rows[0] > head.eyes[1] - 0.8 * eye
    assert rows[-1] < head.eyes[1] + 0.6 * eye


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("seed", range(5))
def test_a_face_stays_within_the_measured_limits_and_starts_from_rest(prompt, seed):
    face = Countenance(motion_of(prompt), float(TIMES[-1]), random.Random(seed))
    played = [face.at(float(t)) for t in TIMES]

    assert played[0] == NEUTRAL
    for one in played:
        reach = math.hypot(one.yaw / WIDEST_YAW, one.pitch / HIGHEST_PITCH)
        assert reach <= 1.001
        assert 0 <= one.smile <= 1
        assert 0 <= one.blink <= LIDS
        assert one.blink == 0 or reach < 0.75, "a blink at the extreme of a turn"


@pytest.mark.parametrize("seed", range(5))
def test_eyes_blink_for_a_few_frames_every_few_seconds(seed):
    face = Countenance(motion_of(PROMPTS[2]), float(TIMES[-1]), random.Random(seed))
    closed = [face.at(float(t)).blink > 0.02 for t in TIMES]
    lengths = [len(run) for run in "".join("#" if c else " " for c in closed).split()]

    assert 3 <= len(lengths) <= 6
    assert all(3 <= length <= 6 for length in lengths)


def test_a_smile_that_was_asked_for_is_wider():
    def smile(prompt):
        return Countenance(motion_of(prompt), 5.0, random.Random(1)).at(4.0).smile

    assert smile("The woman smiles.") > 2 * smile("The woman waits.")


def test_looking_up_lifts_the_face():
    face = Countenance(motion_of("The woman looks up at the sky."), 5.0, random.Random(1))

    assert max(face.at(t / 16).pitch for t in range(81)) > 0.8 * HIGHEST_PITCH


def test_the_collage_uses_small_pictures_too(paint):
    assert paint("a woman, full shot", 1, Size(208, 120)).shape == (120, 208, 3)
