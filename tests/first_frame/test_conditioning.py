"""The published preparation of a photo, with numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from green_faces import GREEN, GreenFaces, photo_of
from PIL import Image

from tools.contracts import Box
from tools.first_frame.hyperlora.conditioning import (
    DETECTOR_SIZES,
    OUTLINE,
    face_square,
    look_at,
    without_background,
)

FACE = Box(150, 80, 100, 120)


def outlined(corners, others=(0.0, 0.0)):
    """106 landmarks whose outline goes round the corners; all others lie elsewhere."""
    points = np.full((106, 2), others, np.float32)
    steps = np.linspace(0, len(corners), len(OUTLINE), endpoint=False)
    for landmark, step in zip(OUTLINE, steps, strict=True):
        points[landmark] = corners[int(step)]
    return points


def test_the_outline_has_its_43_landmarks():
    assert len(OUTLINE) == len(set(OUTLINE)) == 43
    assert OUTLINE[:3] == (1, 9, 10)
    assert OUTLINE[16:19] == (0, 24, 23)
    assert OUTLINE[-5:] == (50, 51, 49, 48, 43)


def test_the_square_is_one_and_a_half_faces_wide_and_stands_higher():
    points = np.full((106, 2), (200, 140), np.float32)
    points[3], points[77] = (150, 80), (250, 200)
    assert face_square(points) == ((200.0, 128.75), 90.0)


def test_the_picture_is_the_square_and_the_face_is_embedded_from_one_twice_as_wide():
    reader = GreenFaces()
    look = look_at(photo_of(FACE), FACE, reader)
    assert look is not None
    assert look.picture.size == (180, 180)
    ((crop, box),) = reader.embedded
    assert crop.shape == (360, 360, 3)
    assert box == Box(150 - 20, 80 + 51, 100, 120)
    assert np.array_equal(crop[51:351], photo_of(FACE)[:, 20:380])
    assert not crop[:51].any()
    assert np.linalg.norm(look.embedding) == pytest.approx(1)


def test_the_picture_keeps_the_face_and_greys_the_rest():
    look = look_at(photo_of(FACE), FACE, GreenFaces())
    assert look is not None
    pixels = np.asarray(look.picture)
    assert tuple(pixels[90, 90]) == GREEN
    assert (pixels[:15] == 127).all()
    assert (pixels[:, :15] == 127).all()


def gradient(width=300, height=300):
    """Every pixel says where it stands."""
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([x // 2, y // 2, (x + y) // 4], axis=-1).astype(np.uint8))


def test_the_face_is_softly_cut_along_its_outline():
    points = outlined([(100, 100), (200, 100), (200, 180), (100, 180)])
    photo, cut = np.asarray(gradient()), np.asarray(without_background(gradient(), points))
    assert cut.shape == photo.shape
    assert np.array_equal(cut[120:160, 120:180], photo[120:160, 120:180])
    outside = np.ones(photo.shape[:2], bool)
    outside[80:200, 80:220] = False
    assert (cut[outside] == 127).all()
    edge = cut[140, 90:110, 0].astype(int)
    assert len(set(edge)) > 5


def test_the_softness_of_the_cut_follows_the_size_of_the_face():
    """15 pixels of blur where the outline's square, 1.6 times its extent, is 512 pixels wide."""
    points = outlined([(100, 100), (200, 100), (200, 200), (100, 200)])
    white = Image.new("RGB", (300, 300), "white")
    row = np.asarray(without_background(white, points))[150, 70:150, 0].astype(float)
    weights = np.diff(row) / (255 - 127)
    at = np.arange(len(weights))
    spread = np.sqrt(weights @ (at - weights @ at) ** 2)
    assert weights.sum() == 1
    assert spread == pytest.approx(15 * 160 / 512, abs=0.25)


def test_a_crop_rounds_while_its_pasting_truncates():
    """So the face may move by a pixel, as it does in the published procedure."""
    corners = [(100.0, 100.0), (200.0, 100.0), (200.0, 200.0), (100.0, 200.0)]
    points = outlined(corners)
    left, top = (float(value) - 80 for value in points[list(OUTLINE)].mean(axis=0))
    shift = np.array([69.7 - left, 70.2 - top], np.float32)
    photo = np.asarray(gradient())
    cut = np.asarray(without_background(gradient(), points + shift))
    assert np.array_equal(cut[130:170, 130:170], photo[130:170, 131:171])


def test_a_face_at_the_edge_of_the_photo_is_cut_too():
    face = Box(0, 0, 100, 120)
    look = look_at(photo_of(face), face, GreenFaces())
    assert look is not None
    assert tuple(np.asarray(look.picture)[90, 90]) == GREEN


def test_detector_sizes_are_tried_from_large_to_small_until_one_finds_a_face():
    reader = GreenFaces(sides=(640, 384))
    assert look_at(photo_of(FACE), FACE, reader) is not None
    assert reader.asked == [640, 640]
    reader = GreenFaces(sides=(256,))
    assert look_at(photo_of(FACE), FACE, reader) is None
    assert reader.asked == [*DETECTOR_SIZES, 640]


def test_a_photo_without_a_face_gives_no_look():
    reader = GreenFaces()
    assert look_at(photo_of(), FACE, reader) is None
    assert reader.asked == list(DETECTOR_SIZES)


def test_of_several_faces_the_persons_own_is_taken_both_times():
    small, large = Box(60, 60, 40, 50), Box(140, 40, 90, 110)
    reader = GreenFaces()
    look = look_at(photo_of(small, large), small, reader)
    assert look is not None
    assert look.picture.size == (76, 75)
    ((_, box),) = reader.embedded
    assert (box.width, box.height) == (40, 50)
