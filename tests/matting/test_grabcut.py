from dataclasses import replace

import cv2
import numpy as np
import pytest

from tools.matting.grabcut import Scissors
from tools.matting.head import FACE, SPAN, Head, eyes, grid, upright
from tools.matting.quality import faults


@pytest.fixture(scope="module")
def cut(portrait, face):
    return Scissors().remove(portrait, face)


def cluttered(portrait, cut):
    """The head of the portrait in front of patches of every colour, its own colours among them."""
    random = np.random.default_rng(3)
    patches = random.integers(0, 255, (32, 32, 3), dtype=np.uint8)
    backdrop = cv2.resize(patches, (512, 512), interpolation=cv2.INTER_NEAREST)
    share = cut.pixels[..., 3:] / 255
    return (cut.pixels[..., :3] * share + backdrop * (1 - share)).astype(np.uint8)


def test_the_portrait_is_cut_along_the_outline_of_the_head(cut, portrait):
    assert cut.method == "grabcut"
    assert cut.pixels.shape == (*portrait.shape[:2], 4)
    shown = cut.pixels[..., 3]
    head = {"crown": (224, 24), "hair": (165, 80), "other hair": (290, 95), "face": (222, 120), "throat": (221, 182)}
    for name, (x, y) in head.items():
        assert shown[y, x] == 255, name
    gone = {"backdrop": (120, 60), "beside the jaw": (165, 160), "collar": (221, 200), "suit": (221, 330)}
    for name, (x, y) in gone.items():
        assert shown[y, x] == 0, name


def test_the_cut_is_one_piece_without_holes(cut):
    solid = (cut.pixels[..., 3] > 127).astype(np.uint8)
    assert cv2.connectedComponents(solid)[0] == 2
    assert cv2.connectedComponents(1 - solid, connectivity=4)[0] == 2


def test_inside_the_outline_the_photo_is_untouched(cut, portrait):
    inside = cv2.erode((cut.pixels[..., 3] == 255).astype(np.uint8), np.ones((9, 9))) == 1
    assert np.array_equal(cut.pixels[inside, :3], portrait[inside])


def test_no_backdrop_shines_through_the_edge(cut, portrait):
    shown = cut.pixels[..., 3]
    edge = (shown > 0) & (shown < 255) & (np.arange(512)[:, None] < 100)
    backdrop = portrait[30:110, 110:140].mean()
    assert edge.sum() > 100
    assert np.percentile(cut.pixels[edge, :3].mean(axis=1), 90) < backdrop - 30


def test_the_same_photo_is_cut_the_same_way_twice(cut, portrait, face):
    cv2.setRNGSeed(99)
    assert np.array_equal(Scissors().remove(portrait, face).pixels, cut.pixels)


@pytest.mark.parametrize("scale", [0.6, 3.0])
def test_the_outline_is_the_same_at_every_size(analyzer, cut, portrait, scale):
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=method)
    again = Scissors().remove(scaled, analyzer.analyze([scaled])[0][0])
    assert again.method == "grabcut"
    a = cv2.resize(again.pixels[..., 3], (512, 512), interpolation=cv2.INTER_AREA) > 127
    b = cut.pixels[..., 3] > 127
    assert (a & b).sum() / (a | b).sum() > 0.9


def test_a_cluttered_backdrop_gives_the_cameo(analyzer, cut, portrait):
    photo = cluttered(portrait, cut)
    assert Scissors().remove(photo, analyzer.analyze([photo])[0][0]).method == "cameo"


@pytest.mark.parametrize("pose", [{"yaw": 20.0}, {"yaw": None}, {"roll": -30.0}, {"roll": None}])
def test_a_head_that_is_not_known_to_be_frontal_gives_the_cameo(portrait, face, pose):
    assert Scissors().remove(portrait, replace(face, **pose)).method == "cameo"


def test_a_head_that_the_photo_cuts_off_gives_the_cameo(analyzer, portrait):
    cropped = np.ascontiguousarray(portrait[40:])
    assert Scissors().remove(cropped, analyzer.analyze([cropped])[0][0]).method == "cameo"


def test_an_outline_without_the_hair_is_refused(portrait, face):
    head = upright(portrait, *eyes(face))
    across, down = grid()
    bald = np.hypot(across / 0.4, (down - 0.1) / 0.4) < 1
    found = faults(head, bald.astype(np.uint8))
    assert "the top is not where hair is" in found
    assert "the crown has the colour of the skin" in found


def oval(across, down):
    return np.hypot(across / 0.85, (down + 0.1) / 1.0) < 1


@pytest.mark.parametrize(
    ("fault", "spoil"),
    [
        ("the sides differ", lambda across, down: oval(across, down) & (across < 0.1)),
        ("the outline is rough", lambda across, down: oval(across * (1.3 + 0.3 * np.sin(40 * down)), down)),
        ("the area is not a head's", lambda across, down: oval(across * 2, down * 2)),
        ("the hair is wider than could be cut", lambda across, down: oval(across / 1.5, down)),
        ("the top is not where hair is", lambda across, down: oval(across, down) & (down > -0.4)),
    ],
)
def test_an_outline_that_is_no_heads_is_refused_for_its_fault(portrait, face, fault, spoil):
    head = upright(portrait, *eyes(face))
    across, down = grid()
    assert fault not in faults(head, oval(across, down).astype(np.uint8))
    assert fault in faults(head, spoil(across, down).astype(np.uint8))


def test_the_upright_picture_holds_the_face_in_its_middle_and_level(portrait, face):
    head = upright(portrait, *eyes(face))
    assert isinstance(head, Head)
    assert head.pixels.shape == (SPAN, SPAN, 3)
    back = np.linalg.inv(np.vstack([head.to_photo, [0, 0, 1]]))
    right, left = (back @ [*face.points[name], 1] for name in ("right_eye_outer", "left_eye_outer"))
    assert right[1] == pytest.approx(left[1], abs=1)
    assert (right[0] + left[0]) / 2 == pytest.approx((SPAN - 1) / 2, abs=1)
    box = back @ [face.box.x + face.box.width / 2, face.box.y + face.box.height / 2, 1]
    assert box[:2] == pytest.approx([SPAN / 2] * 2, abs=8)
    assert head.scale * FACE == pytest.approx(face.box.width, rel=0.1)


def test_a_face_without_eyes_among_its_points_gives_the_cameo(portrait, face):
    assert Scissors().remove(portrait, replace(face, points={})).method == "cameo"


def test_eyes_may_be_given_by_their_middles_as_other_analyzers_do(cut, portrait, face):
    right, left = eyes(face)
    other = replace(face, points={"right_eye": tuple(right), "left_eye": tuple(left)})
    assert np.array_equal(Scissors().remove(portrait, other).pixels, cut.pixels)
