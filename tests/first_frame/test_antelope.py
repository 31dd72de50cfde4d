"""HyperLoRA's reader of faces, on a stand-in of its pack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_insightface import draw_face, plain_photo, save_tiny_pack

from tools.contracts import Box
from tools.first_frame.hyperlora.antelope import Antelope
from tools.first_frame.hyperlora.conditioning import DETECTOR_SIZES, OUTLINE, look_at

FACE = Box(120, 60, 150, 150)


@pytest.fixture(scope="module")
def antelope(tmp_path_factory: pytest.TempPathFactory) -> Antelope:
    pack: Path = save_tiny_pack(tmp_path_factory.mktemp("antelopev2"), "antelopev2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEADFACE_ANTELOPEV2", str(pack))
        return Antelope()


def test_each_look_is_in_the_size_that_was_asked_for(antelope):
    photo = draw_face(plain_photo(600, 600), Box(30, 30, 540, 540))
    assert [len(antelope.find(photo, side)) for side in (*DETECTOR_SIZES, 640)] == [0, 0, 1, 1, 0]


def test_faces_come_by_their_scores_in_pixels_of_the_photo(antelope):
    faint = Box(20, 20, 90, 90)
    found = antelope.find(draw_face(draw_face(plain_photo(), faint, green=175), FACE), 640)
    assert [face.box for face in found] == [pytest.approx(box, abs=4) for box in (FACE, faint)]
    assert found[0].score > found[1].score
    assert found[0].keypoints.shape == (5, 2)


def test_landmarks_are_in_pixels_of_the_photo(antelope):
    photo = draw_face(plain_photo(), FACE)
    points = antelope.landmarks(photo, antelope.find(photo, 640)[0])
    assert points.shape == (106, 2)
    assert points.dtype == np.float32
    outline = points[list(OUTLINE)]
    assert outline.min(axis=0) == pytest.approx([120, 60], abs=4)
    assert outline.max(axis=0) == pytest.approx([270, 210], abs=4)


def test_an_embedding_has_length_1_and_tells_people_apart(antelope):
    photos = [
        draw_face(plain_photo(), FACE, person=1),
        draw_face(plain_photo(seed=1), Box(30, 40, 100, 100), person=1),
        draw_face(plain_photo(seed=2), FACE, person=2),
    ]
    one, again, other = (antelope.embedding(photo, antelope.find(photo, 640)[0]) for photo in photos)
    for embedding in (one, again, other):
        assert embedding.shape == (512,)
        assert embedding.dtype == np.float32
        assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-5)
    assert one @ again > 0.8
    assert one @ other < 0.5


def test_a_photo_is_looked_at_with_its_own_face(antelope):
    look = look_at(draw_face(plain_photo(), FACE, person=1), FACE, antelope)
    assert look is not None
    photo = draw_face(plain_photo(), FACE, person=1)
    assert look.embedding @ antelope.embedding(photo, antelope.find(photo, 640)[0]) > 0.8
    assert look_at(plain_photo(), FACE, antelope) is None
