"""ArcFace on a stand-in of its pack, which sees faces as ``draw_face`` paints them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_insightface import MAN, draw_face, plain_photo, save_tiny_pack

from tools import registry
from tools.contracts import Box
from tools.errors import InputError, Unavailable
from tools.faces.arcface import ArcFaceAnalyzer, arcface_analyzer

LARGE, SMALL = Box(40, 60, 120, 120), Box(260, 30, 70, 70)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_pack(tmp_path_factory.mktemp("buffalo_l"), "buffalo_l")


@pytest.fixture(autouse=True)
def placed(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFACE_BUFFALO_L", str(pack))


@pytest.fixture(scope="module")
def arcface(pack: Path) -> ArcFaceAnalyzer:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEADFACE_BUFFALO_L", str(pack))
        return arcface_analyzer()


def middle(face, side):
    x, y = np.mean([point for name, point in face.points.items() if name.startswith(side)], axis=0)
    return float(x), float(y)


def test_faces_are_found_where_they_are_largest_first(arcface):
    photo = draw_face(draw_face(plain_photo(), SMALL, person=1), LARGE, person=2)
    found = arcface.analyze([photo])[0]
    assert [face.box for face in found] == [pytest.approx(box, abs=4) for box in (LARGE, SMALL)]


def test_the_same_person_scores_above_the_gate_and_another_below_it(arcface):
    pictures = [
        draw_face(plain_photo(), LARGE, person=1),
        draw_face(plain_photo(640, 480, seed=1), Box(300, 200, 90, 90), person=1, yaw=10),
        draw_face(plain_photo(seed=2), LARGE, person=2),
    ]
    reference, again, other = (faces[0] for faces in arcface.analyze(pictures))
    assert arcface.similarity(reference, again) > arcface.thresholds.first_frame
    assert arcface.similarity(reference, other) < arcface.thresholds.first_frame


def test_all_faces_of_all_pictures_are_embedded_in_one_run(arcface, monkeypatch):
    batches = []
    network = arcface._recogniser._network
    whole = network.get_feat
    monkeypatch.setattr(network, "get_feat", lambda crops: batches.append(len(crops)) or whole(crops))
    two = draw_face(draw_face(plain_photo(), SMALL, person=1), LARGE, person=2)
    one = draw_face(plain_photo(seed=3), SMALL, person=1)
    together = arcface.analyze([two, plain_photo(), one])
    assert batches == [3]
    assert [len(faces) for faces in together] == [2, 0, 1]
    for picture, faces in zip([two, one], [together[0], together[2]], strict=True):
        for alone, face in zip(arcface.analyze([picture])[0], faces, strict=True):
            assert alone == face
            np.testing.assert_allclose(alone.embedding, face.embedding, rtol=1e-4, atol=1e-4)


def test_pictures_without_a_face_have_none(arcface):
    assert arcface.analyze([]) == []
    assert arcface.analyze([plain_photo(), plain_photo(20, 300), plain_photo(5, 3)]) == [[], [], []]


def test_an_embedding_has_512_numbers_and_is_not_normalised(arcface):
    face = arcface.analyze([draw_face(plain_photo(), LARGE)])[0][0]
    assert face.embedding.shape == (512,)
    assert face.embedding.dtype == np.float32
    assert np.linalg.norm(face.embedding) > 2


def test_similarity_is_the_cosine(arcface):
    face = arcface.analyze([draw_face(plain_photo(), LARGE)])[0][0]

    def at(*values):
        return replace(face, embedding=np.array(values, np.float32))

    assert arcface.similarity(at(2, 0), at(5, 0)) == pytest.approx(1)
    assert arcface.similarity(at(2, 0), at(0, 3)) == pytest.approx(0)
    assert arcface.similarity(at(1, 0), at(3, 4)) == pytest.approx(0.6)
    assert arcface.similarity(at(1, 0), at(-2, 0)) == pytest.approx(-1)


@pytest.mark.parametrize("yaw", [-25, 25])
def test_yaw_is_positive_when_the_nose_moves_to_the_right_of_the_picture(arcface, yaw):
    ahead, turned = (
        faces[0] for faces in arcface.analyze([draw_face(plain_photo(), LARGE, yaw=angle) for angle in (0, yaw)])
    )
    assert turned.yaw == pytest.approx(yaw, abs=1.5)
    assert turned.roll == pytest.approx(0, abs=1.5)

    def aside(face):
        return face.points["nose_base"][0] - (middle(face, "left_eye")[0] + middle(face, "right_eye")[0]) / 2

    assert np.sign(aside(turned) - aside(ahead)) == np.sign(yaw)


@pytest.mark.parametrize("roll", [-20, 20])
def test_roll_is_positive_when_the_head_tips_clockwise(arcface, roll):
    face = arcface.analyze([draw_face(plain_photo(), LARGE, roll=roll)])[0][0]
    assert face.roll == pytest.approx(roll, abs=1.5)
    assert face.yaw == pytest.approx(0, abs=1.5)
    assert np.sign(middle(face, "left_eye")[1] - middle(face, "right_eye")[1]) == np.sign(roll)


def test_points_are_in_pixels_of_the_picture_by_the_subjects_own_sides(arcface):
    face = arcface.analyze([draw_face(plain_photo(), SMALL)])[0][0]
    order = ["right_eye_outer", "right_eye_inner", "nose_base", "left_eye_inner", "left_eye_outer"]
    assert sorted(face.points, key=lambda name: face.points[name][0]) == order
    for x, y in face.points.values():
        assert SMALL.x < x < SMALL.x + SMALL.width
        assert SMALL.y < y < SMALL.y + SMALL.height
    assert face.points["nose_base"][1] > face.points["left_eye_outer"][1]


def test_presentation_is_told_of_each_face(arcface):
    photo = draw_face(draw_face(plain_photo(), SMALL, green=MAN), LARGE)
    assert [face.presentation for face in arcface.analyze([photo])[0]] == ["woman", "man"]


def test_a_faint_face_is_returned_with_a_score_below_the_floor(arcface):
    face = arcface.analyze([draw_face(plain_photo(), LARGE, green=165)])[0][0]
    assert 0.5 < face.score < arcface.thresholds.detector_floor


def test_a_face_too_large_for_the_detector_is_found_half_as_large(arcface):
    box = Box(60, 60, 500, 500)
    photo = draw_face(plain_photo(640, 640), box)
    assert arcface._detector.find(photo, 640) == []
    assert arcface.analyze([photo])[0][0].box == pytest.approx(box, abs=8)


def test_a_face_that_fills_its_picture_is_found_and_its_place_told_in_that_picture(arcface):
    filled = draw_face(plain_photo(200, 200), Box(0, 0, 200, 200), person=1)
    assert arcface._detector.find(filled, 640) == arcface._detector.find(filled, 320) == []
    roomy = draw_face(plain_photo(400, 400), Box(120, 90, 200, 200), person=1)
    face, same = (faces[0] for faces in arcface.analyze([filled, roomy]))
    assert face.box == pytest.approx(Box(0, 0, 200, 200), abs=4)
    assert arcface.similarity(face, same) > 0.95
    for name, (x, y) in same.points.items():
        assert face.points[name] == pytest.approx((x - 120, y - 90), abs=4)


def test_the_detector_sees_pictures_in_the_size_of_the_option():
    box = Box(60, 60, 500, 500)
    photo = draw_face(plain_photo(640, 640), box)
    smaller = registry.create("faces", "arcface", options={"det_size": 320})
    assert len(smaller._detector.find(photo, smaller._side)) == 1


def test_pictures_need_not_be_contiguous_or_writable(arcface):
    photo = draw_face(plain_photo(), LARGE)
    view = np.repeat(np.repeat(photo, 2, axis=0), 2, axis=1)[::2, ::2]
    view.flags.writeable = False
    assert arcface.analyze([view]) == arcface.analyze([photo])


def test_the_recogniser_is_named_with_its_pack(arcface):
    assert arcface.name == "ArcFace (buffalo_l)"


def test_the_pack_that_hyperlora_paints_from_may_not_judge_it():
    with pytest.raises(InputError, match=r"HyperLoRA paints from the embeddings of antelopev2, .* own work"):
        registry.create("faces", "arcface", options={"pack": "antelopev2"})


@pytest.mark.parametrize(("option", "value"), [("pack", "buffalo_xxl"), ("det_size", 100), ("det_size", "wide")])
def test_a_wrong_option_is_told(option, value):
    with pytest.raises(InputError, match=f'option "{option}"'):
        registry.create("faces", "arcface", options={option: value})


def test_a_missing_pack_is_told_with_the_command_that_gets_it(monkeypatch, tmp_path):
    monkeypatch.delenv("STEADFACE_BUFFALO_L")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(Unavailable, match=r"steadface models pull buffalo_l .*not for commercial use"):
        arcface_analyzer()
