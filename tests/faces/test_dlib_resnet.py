import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from tools.errors import Unavailable
from tools.faces import dlib_resnet
from tools.faces.dlib_resnet import DlibAnalyzer

HEAD = np.s_[0:260, 90:350]
"""Where the head of the portrait is."""


def on_grey(*copies):
    """An 832x480 picture with copies of a head in it; each is (head, side of the face box, left, top)."""
    picture = np.full((480, 832, 3), 140, np.uint8)
    for head, side, left, top in copies:
        scale = side / 90
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        small = cv2.resize(head, None, fx=scale, fy=scale, interpolation=method)
        picture[top : top + small.shape[0], left : left + small.shape[1]] = small
    return picture


def turned(portrait, degrees):
    """The portrait with the head turned by a model of its depth: an ellipsoid and a nose."""
    x, y, eyes = 223.0, 103.0, 60.0
    rows, columns = np.mgrid[0 : portrait.shape[0], 0 : portrait.shape[1]].astype(np.float64)
    across, down = (columns - x) / eyes, (rows - y) / eyes

    def depth(u):
        skull = 0.8 * np.sqrt(np.clip(1 - (u / 0.8) ** 2 - ((down - 0.25) / 1.15) ** 2, 0, None))
        nose = np.interp(down, [-0.1, 0.05, 0.42, 0.5, 0.53, 0.6], [0, 0.06, 0.3, 0.22, 0.16, 0])
        return skull - 0.6 + nose * np.exp(-((u / (0.06 + 0.1 * np.clip(down, 0, 0.5))) ** 2))

    turn, source = np.radians(degrees), across.copy()
    for _ in range(25):
        hold = np.clip(1.3 - (source / 0.8) ** 2 - ((down - 0.25) / 1.15) ** 2, 0, 0.6) / 0.6
        wanted = (across - depth(source) * np.sin(turn)) / np.cos(turn) * hold + across * (1 - hold)
        source = (source + wanted) / 2
    return cv2.remap(
        portrait, (source * eyes + x).astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )  # fmt: skip


def test_the_portrait_shows_one_face_above_the_floor(analyzer, portrait):
    faces = analyzer.analyze([portrait])[0]
    sure = [face for face in faces if face.score >= analyzer.thresholds.detector_floor]
    assert len(sure) == 1
    assert sure[0].box.x == pytest.approx(176, abs=6)
    assert sure[0].box.y == pytest.approx(77, abs=6)
    assert sure[0].box.width == pytest.approx(90, abs=6)


def test_points_lie_on_the_eyes_and_the_nose_by_the_subjects_own_sides(face):
    expected = {
        "right_eye_outer": (195, 101),
        "right_eye_inner": (212, 103),
        "left_eye_inner": (238, 105),
        "left_eye_outer": (255, 104),
        "nose_base": (224, 135),
    }
    assert set(face.points) == set(expected)
    for name, place in expected.items():
        assert face.points[name] == pytest.approx(place, abs=3), name


def test_a_mirrored_portrait_looks_the_other_way(analyzer, portrait, face):
    mirrored = analyzer.analyze([portrait[:, ::-1]])[0][0]
    assert mirrored.yaw == pytest.approx(-face.yaw, abs=3)
    assert mirrored.roll == pytest.approx(-face.roll, abs=2)
    assert mirrored.points["left_eye_outer"][0] > mirrored.points["right_eye_outer"][0]


@pytest.mark.parametrize("clockwise", [-15, -8, 8])
def test_roll_follows_the_picture_clockwise(analyzer, portrait, face, clockwise):
    turn = cv2.getRotationMatrix2D((221, 122), -clockwise, 1)
    rolled = analyzer.analyze([cv2.warpAffine(portrait, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)])[0][0]
    assert rolled.roll - face.roll == pytest.approx(clockwise, abs=2)


@pytest.mark.parametrize("degrees", [-20, -10, 10, 20])
def test_yaw_follows_a_turned_head_with_the_sign_of_the_contract(analyzer, portrait, degrees):
    face = analyzer.analyze([turned(portrait[:260], degrees)])[0][0]
    assert face.yaw == pytest.approx(degrees, abs=7)


@pytest.mark.parametrize("side", [20, 30])
def test_a_face_too_small_to_judge_is_still_found_and_measured(analyzer, portrait, side):
    small = analyzer.analyze([on_grey((portrait[HEAD], side, 300, 200))])[0]
    assert len(small) == 1
    assert small[0].score > analyzer.thresholds.detector_floor
    assert small[0].box.shorter_side == pytest.approx(side, abs=7)
    assert small[0].box.shorter_side < analyzer.thresholds.smallest_face


def test_the_smallest_face_that_counts_is_still_the_same_person(analyzer, portrait, face):
    side = analyzer.thresholds.smallest_face
    small = analyzer.analyze([on_grey((portrait[HEAD], side, 300, 200))])[0][0]
    assert analyzer.similarity(face, small) > analyzer.thresholds.first_frame + 0.15


def test_a_face_loses_similarity_as_it_shrinks(analyzer, portrait, face):
    pictures = [on_grey((portrait[HEAD], side, 300, 20)) for side in (120, 60, 36, 22)]
    similarities = [analyzer.similarity(face, faces[0]) for faces in analyzer.analyze(pictures)]
    assert similarities == sorted(similarities, reverse=True)


def test_a_pattern_that_is_no_face_is_not_the_same_person(analyzer, portrait, face):
    pattern = analyzer.analyze([portrait])[0][-1]
    assert pattern.score < analyzer.thresholds.detector_floor
    assert analyzer.similarity(face, pattern) < analyzer.thresholds.video_p10


def test_similarity_is_one_less_the_distance(analyzer, face):
    def at(*values):
        return replace(face, embedding=np.array([*values, *[0] * (128 - len(values))], np.float32))

    assert analyzer.similarity(face, face) == 1
    assert analyzer.similarity(at(0), at(0.3, 0.4)) == pytest.approx(0.5)
    assert analyzer.similarity(at(0), at(3, 4)) == pytest.approx(-4)


def test_a_huge_photo_gives_the_same_face_from_its_own_pixels(analyzer, portrait, face):
    huge = cv2.resize(portrait, None, fx=7, fy=7, interpolation=cv2.INTER_CUBIC)
    found = analyzer.analyze([huge])[0][0]
    assert [value / 7 for value in found.box] == pytest.approx(face.box, abs=12)
    assert analyzer.similarity(face, found) > 0.85


def test_a_photo_cropped_to_the_face_still_shows_it(analyzer, portrait):
    assert analyzer.analyze([portrait[72:172, 172:272]])[0][0].score > analyzer.thresholds.detector_floor


@pytest.mark.parametrize("shape", [(480, 832, 3), (40, 40, 3), (3, 900, 3)])
def test_a_picture_without_a_face_has_none(analyzer, shape):
    noise = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    assert analyzer.analyze([noise]) == [[]]


def test_no_pictures_give_no_answers(analyzer):
    assert analyzer.analyze([]) == []


def test_faces_come_largest_first_and_the_same_in_one_call_as_in_many(analyzer, portrait):
    pictures = [
        on_grey((portrait[HEAD], 60, 20, 20), (portrait[HEAD], 120, 400, 20)),
        np.zeros((64, 64, 3), np.uint8),
        portrait,
    ]
    together = analyzer.analyze(pictures)
    assert [len(faces) for faces in together] == [2, 0, 2]
    assert together[0][0].box.width > together[0][1].box.width
    for picture, faces in zip(pictures, together, strict=True):
        for alone, face in zip(analyzer.analyze([picture])[0], faces, strict=True):
            assert alone == face
            assert np.array_equal(alone.embedding, face.embedding)


def test_the_model_files_are_found_without_importing_their_package(analyzer):
    assert "face_recognition_models" not in sys.modules


def test_missing_model_files_are_said_with_the_command_that_gets_them(monkeypatch):
    monkeypatch.setattr(dlib_resnet, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="pip install face_recognition_models"):
        DlibAnalyzer()


def test_an_embedding_has_128_numbers_and_no_presentation_is_guessed(face):
    assert face.embedding.shape == (128,)
    assert face.embedding.dtype == np.float32
    assert face.presentation is None


def test_pictures_need_not_be_contiguous_or_writable(analyzer, portrait, face):
    view = np.repeat(np.repeat(portrait, 2, axis=0), 2, axis=1)[::2, ::2]
    view.flags.writeable = False
    assert analyzer.analyze([view])[0][0] == face
