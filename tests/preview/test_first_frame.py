from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tools.contracts import CutOut, Size
from tools.errors import BackendError, Cancelled
from tools.matting.cameo import cameo
from tools.preview.camera import PERSON, Camera
from tools.preview.collage import Collage
from tools.preview.first_frame import PreviewFirstFrame
from tools.preview.layout import layout_of
from tools.preview.pose import Pose

SIZE = Size(832, 480)


@pytest.mark.parametrize(
    ("framing", "least", "most"),
    [("close-up", 175, 235), ("medium shot", 90, 125), ("full shot", 51, 66)],
)
def test_the_framing_sets_the_size_of_a_face_that_is_still_the_person(paint, see, framing, least, most):
    seen = see([paint(f"a woman in an orange flight suit, launch pad at dawn, {framing}")])[0]

    assert least < seen.face.box.shorter_side < most
    assert seen.similarity > 0.65


def test_a_wide_shot_has_a_face_that_is_found_and_is_below_the_smallest_size(paint, see, analyzer):
    seen = see([paint("a woman, tiny in a vast desert, wide shot")])[0]

    assert seen is not None
    assert 26 <= seen.face.box.shorter_side < analyzer.thresholds.smallest_face


def test_without_a_framing_phrase_it_is_a_close_up():
    assert layout_of("a woman on a beach", 1, SIZE).framing == "close-up"


@pytest.mark.parametrize("place", ["meadow at night", "beach at dusk", "city street in the rain", "forest, snow"])
def test_no_light_makes_somebody_else_of_the_person(paint, see, analyzer, place):
    seen = see([paint(f"a woman in a red dress, {place}, medium shot")])[0]

    assert seen.similarity > analyzer.thresholds.first_frame + 0.15


def test_the_seed_makes_candidates_that_look_different(paint):
    prompt = "a woman in a green coat, city street, medium shot"
    pictures = [paint(prompt, seed, Size(416, 240)).astype(int) for seed in (1, 2, 3)]

    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(pictures[one] - pictures[other]).mean() > 3


def test_one_seed_makes_the_same_pixels_in_another_process(reference, paint):
    here = paint("a woman in a suit, stage at night, full shot", 11)
    script = (
        "import hashlib, sys, pickle; reference = pickle.load(sys.stdin.buffer);"
        "from tools.preview.first_frame import PreviewFirstFrame; from tools.contracts import Size;"
        "images = PreviewFirstFrame().generate([reference], 'a woman in a suit, stage at night, full shot',"
        " [11], Size(832, 480), lambda *_: None);"
        "sys.stdout.write(hashlib.sha256(images[0].tobytes()).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps(reference),
        capture_output=True, check=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ).stdout.decode()  # fmt: skip

    assert there == hashlib.sha256(here.tobytes()).hexdigest()


@pytest.mark.parametrize(
    ("size", "framing"),
    [
        (Size(480, 832), "close-up"),
        (Size(480, 832), "full shot"),
        (Size(480, 480), "close-up"),
        (Size(1280, 720), "full shot"),
    ],
)
def test_a_picture_of_any_format_holds_the_head_whole(paint, reference, see, size, framing):
    prompt = f"a woman in a white shirt, forest, {framing}"
    picture = paint(prompt, 5, size)
    seen = see([picture])[0]
    box = seen.face.box

    assert picture.shape == (size.height, size.width, 3)
    assert picture.dtype == np.uint8
    assert box.y > 0.3 * box.height, "no room for hair above the face"
    assert box.x > 0.2 * box.width
    assert box.x + 1.2 * box.width < size.width


@pytest.mark.parametrize("seed", range(6))
def test_the_hair_is_inside_the_picture_whatever_the_seed(reference, seed):
    figure = Collage(reference, "a woman, close-up", seed, SIZE).figure

    assert figure.eyes[1] - figure.hair >= 0.03 * SIZE.height


@pytest.mark.parametrize("size", [SIZE, Size(480, 832), Size(480, 480)])
@pytest.mark.parametrize("framing", ["close-up", "medium shot"])
def test_a_bust_never_ends_inside_the_picture(reference, size, framing):
    collage = Collage(reference, f"a woman in a shirt, {framing}", 2, size)
    magenta = np.full((size.height, size.width, 3), (255, 0, 255), np.uint8)
    pulled_back = Camera(zoom=0.88).view(PERSON, size, about=collage.figure.eyes)
    collage.figure.draw(magenta, pulled_back, Pose(y=-0.01, breath=1.0))

    assert tuple(magenta[-1, round(collage.figure.eyes[0])]) != (255, 0, 255)


def test_a_cameo_is_set_into_the_scene_as_well(reference, see, analyzer):
    framed = replace(reference, cut_out=CutOut(cameo(reference.image, reference.face), "cameo"))
    picture = PreviewFirstFrame().generate([framed], "a woman, forest, medium shot", [1], SIZE, lambda *_: None)[0]

    assert see([picture])[0].similarity > analyzer.thresholds.first_frame + 0.2


def test_a_face_without_eye_corners_is_refused_in_one_sentence(reference):
    bare = replace(reference, face=replace(reference.face, points={"nose_base": (1.0, 1.0)}))

    with pytest.raises(BackendError, match=r"left_eye_inner.*face backend dlib"):
        PreviewFirstFrame().generate([bare], "a woman", [1], Size(208, 120), lambda *_: None)


def test_a_large_photo_gives_the_person_at_the_same_size(reference, see):
    box = reference.face.box
    doubled = replace(
        reference,
        image=reference.image.repeat(2, axis=0).repeat(2, axis=1),
        cut_out=CutOut(reference.cut_out.pixels.repeat(2, axis=0).repeat(2, axis=1), reference.cut_out.method),
        face=replace(
            reference.face,
            box=type(box)(*(2 * side for side in box)),
            points={name: (2 * x, 2 * y) for name, (x, y) in reference.face.points.items()},
        ),
    )
    prompt = "a woman in a red dress, beach, medium shot"
    small, large = (
        PreviewFirstFrame().generate([one], prompt, [1], SIZE, lambda *_: None)[0] for one in (reference, doubled)
    )

    assert np.abs(small.astype(int) - large).mean() < 1.5


def test_the_corner_says_preview(paint):
    picture = paint("a woman at night, close-up")
    corner = picture[-60:-8, -110:-8].astype(int)

    assert (corner.min(axis=2) > 200).sum() > 40, "no letters"


def test_progress_is_reported_for_every_candidate_and_a_cancel_stops_it(reference):
    heard = []
    PreviewFirstFrame().generate([reference], "a woman", [1, 2], Size(208, 120), lambda *said: heard.append(said))
    assert [(done, total) for done, total, _ in heard] == [(0, 2), (1, 2), (2, 2)]

    def cancel(*_):
        raise Cancelled

    with pytest.raises(Cancelled):
        PreviewFirstFrame().generate([reference], "a woman", [1, 2], Size(208, 120), cancel)
