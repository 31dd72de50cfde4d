"""SFace and YuNet on stand-ins of their files, which see faces as ``draw_face`` paints them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_insightface import draw_face, plain_photo, save_tiny_opencv

from tools import registry
from tools.contracts import Box
from tools.errors import InputError, Unavailable
from tools.faces.sface import POINTS, SFaceAnalyzer, head_pose, sface_analyzer

LARGE, SMALL = Box(40, 60, 120, 120), Box(260, 30, 70, 70)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_opencv(tmp_path_factory.mktemp("opencv"))


@pytest.fixture
def placed(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFACE_YUNET", str(saved))
    monkeypatch.setenv("STEADFACE_SFACE", str(saved))


@pytest.fixture
def sface(placed: None) -> SFaceAnalyzer:
    analyzer: SFaceAnalyzer = registry.create("faces", "sface")
    return analyzer


def test_faces_are_found_where_they_are_largest_first(sface):
    photo = draw_face(draw_face(plain_photo(), SMALL, person=1), LARGE, person=2)
    found = sface.analyze([photo])[0]
    assert [face.box for face in found] == [pytest.approx(box, abs=4) for box in (LARGE, SMALL)]


def test_faces_of_a_large_photo_are_told_in_its_own_pixels(sface):
    photo = draw_face(plain_photo(3000, 4000), Box(1000, 1500, 800, 800))
    assert sface.analyze([photo])[0][0].box == pytest.approx(Box(1000, 1500, 800, 800), abs=30)


@pytest.mark.parametrize(("width", "height", "side"), [(640, 640, 520), (520, 300, 280)])
def test_a_face_that_fills_its_picture_is_found(sface, width, height, side):
    box = Box((width - side) / 2, 10, side, side)
    face = sface.analyze([draw_face(plain_photo(width, height), box)])[0][0]
    assert face.box == pytest.approx(box, abs=10)


def test_the_same_person_scores_above_the_gate_and_another_below_it(sface):
    pictures = [
        draw_face(plain_photo(), LARGE, person=1),
        draw_face(plain_photo(640, 480, seed=1), Box(300, 200, 90, 90), person=1),
        draw_face(plain_photo(seed=2), LARGE, person=2),
    ]
    reference, again, other = (faces[0] for faces in sface.analyze(pictures))
    assert sface.similarity(reference, again) > sface.thresholds.first_frame
    assert sface.similarity(reference, other) < sface.thresholds.first_frame


def test_each_face_keeps_its_own_embedding(sface):
    photo = draw_face(draw_face(plain_photo(), SMALL, person=1), LARGE, person=2)
    first, second = sface.analyze([photo])[0]
    alone = sface.analyze([draw_face(plain_photo(), LARGE, person=2)])[0][0]
    assert sface.similarity(first, alone) > 0.95
    assert sface.similarity(first, second) < 0.5


def test_an_embedding_has_128_numbers_and_no_presentation_is_guessed(sface):
    face = sface.analyze([draw_face(plain_photo(), LARGE)])[0][0]
    assert face.embedding.shape == (128,)
    assert face.embedding.dtype == np.float32
    assert face.presentation is None


def test_similarity_is_the_cosine(sface):
    face = sface.analyze([draw_face(plain_photo(), LARGE)])[0][0]

    def at(*values):
        return replace(face, embedding=np.array(values, np.float32))

    assert sface.similarity(at(2, 0), at(5, 0)) == pytest.approx(1)
    assert sface.similarity(at(1, 0), at(3, 4)) == pytest.approx(0.6)


def test_pictures_without_a_face_have_none(sface):
    assert sface.analyze([]) == []
    assert sface.analyze([plain_photo(), plain_photo(20, 900), plain_photo(5, 3)]) == [[], [], []]


def test_a_faint_face_is_returned_with_a_score_below_the_floor(sface):
    face = sface.analyze([draw_face(plain_photo(), LARGE, green=170)])[0][0]
    assert 0.5 < face.score < sface.thresholds.detector_floor


def test_points_are_in_pixels_of_the_picture_by_the_subjects_own_sides(sface):
    face = sface.analyze([draw_face(plain_photo(), SMALL)])[0][0]
    assert set(face.points) == set(POINTS)
    for x, y in face.points.values():
        assert SMALL.x < x < SMALL.x + SMALL.width
        assert SMALL.y < y < SMALL.y + SMALL.height
    assert face.points["right_eye"][0] < face.points["nose_tip"][0] < face.points["left_eye"][0]
    assert face.points["right_mouth_corner"][0] < face.points["left_mouth_corner"][0]


def seen_at(yaw, roll):
    """The points of a head whose nose stands 0.59 of the distance of the eyes before them, turned, then tipped."""
    head = {"right_eye": (-50.0, 0.0, 0.0), "left_eye": (50.0, 0.0, 0.0), "nose_tip": (0.0, 40.0, 59.0)}
    turn, tip = np.radians([yaw, roll])
    points = {}
    for name, (x, y, towards_us) in head.items():
        across = x * np.cos(turn) + towards_us * np.sin(turn)
        points[name] = (
            200 + across * np.cos(tip) - y * np.sin(tip),
            150 + across * np.sin(tip) + y * np.cos(tip),
        )
    return points


@pytest.mark.parametrize(("yaw", "roll"), [(0, 0), (30, 0), (-20, 0), (0, 15), (0, -40), (25, 10), (-25, 30)])
def test_yaw_and_roll_of_a_mean_head_are_told_with_the_signs_of_the_contract(yaw, roll):
    points = seen_at(yaw, roll)
    if not roll:
        assert np.sign(points["nose_tip"][0] - 200) == np.sign(yaw)
    assert np.sign(points["left_eye"][1] - points["right_eye"][1]) == np.sign(roll)
    assert head_pose(points) == pytest.approx((yaw, roll), abs=0.1)


def test_a_face_drawn_upright_from_the_front_is_told_so(sface):
    face = sface.analyze([draw_face(plain_photo(), LARGE)])[0][0]
    assert face.yaw == pytest.approx(0, abs=2)
    assert face.roll == pytest.approx(0, abs=2)


def test_there_is_nothing_to_choose(placed):
    with pytest.raises(InputError, match="it has: none"):
        registry.create("faces", "sface", options={"det_size": 320})


def test_a_missing_network_is_told_with_the_command_that_gets_it(placed, monkeypatch, tmp_path):
    monkeypatch.setenv("STEADFACE_SFACE", str(tmp_path))
    with pytest.raises(Unavailable, match=r"face_recognition_sface_2021dec\.onnx is missing; .*models pull sface"):
        sface_analyzer()


def test_a_file_that_is_no_network_is_told(monkeypatch, tmp_path):
    (tmp_path / "face_detection_yunet_2023mar.onnx").write_bytes(b"<html>Not found</html>")
    monkeypatch.setenv("STEADFACE_YUNET", str(tmp_path))
    with pytest.raises(Unavailable, match=r"2023mar\.onnx cannot be read; delete it .*models pull yunet"):
        sface_analyzer()
