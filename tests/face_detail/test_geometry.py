"""The FaceDetailer's rectangles, against numbers worked out by hand."""

import numpy as np
import pytest

from tools.contracts import Box, Size
from tools.face_detail.blend import feathered, hard_mask, paste
from tools.face_detail.geometry import (
    Region,
    Spot,
    crop_region,
    grown,
    mask_region,
    spot_of,
    whole_cells,
    work_size,
)

SQUARE = Size(1024, 1024)


def test_a_box_grows_by_an_eighth_about_its_centre():
    assert grown(Box(100, 200, 160, 240)) == Box(90, 185, 180, 270)


@pytest.mark.parametrize(
    ("box", "mask"),
    [
        (Box(100, 200, 50, 60), Region(96, 196, 156, 266)),
        (Box(100.9, 200.9, 50.2, 60.05), Region(96, 196, 157, 266)),
        (Box(2, 1, 50, 60), Region(0, 0, 58, 67)),
        (Box(-7.5, 990, 50, 60), Region(0, 986, 48, 1024)),
    ],
)
def test_the_mask_covers_both_corners_and_grows_four_before_and_five_after(box, mask):
    assert mask_region(box, SQUARE) == mask


@pytest.mark.parametrize(
    ("box", "crop"),
    [
        (Box(400, 300, 200, 250), Region(300, 175, 700, 675)),
        (Box(400.3, 300.3, 239.6, 330.2), Region(280, 135, 759, 795)),
        (Box(20, 900, 200, 100), Region(0, 824, 400, 1024)),
        (Box(900, 10, 100, 100), Region(824, 0, 1024, 200)),
        (Box(237, 137, 550, 750), Region(0, 0, 1024, 1024)),
    ],
    ids=["centred", "fractions", "moved right and up", "moved left and down", "larger than the frame"],
)
def test_the_crop_is_twice_the_box_moved_into_the_frame(box, crop):
    assert crop_region(box, SQUARE) == crop


@pytest.mark.parametrize(
    ("box", "crop", "work"),
    [
        (Box(0, 0, 239.6, 330.2), Size(479, 660), Size(650, 896)),
        (Box(0, 0, 550, 750), Size(1024, 1024), Size(1024, 1024)),
        (Box(0, 0, 64, 64), Size(128, 128), Size(896, 896)),
        (Box(0, 0, 448, 448), Size(896, 896), Size(896, 896)),
    ],
)
def test_the_crop_is_worked_on_at_896_pixels_and_never_smaller_than_it_is(box, crop, work):
    assert work_size(box, crop) == work


def test_the_latent_cells_are_those_of_the_middle():
    assert whole_cells(Size(650, 896)) == Region(1, 0, 649, 896)
    assert whole_cells(Size(655, 660)) == Region(3, 2, 651, 658)


def test_a_spot_puts_the_grown_box_into_its_crop():
    assert spot_of(Box(412, 320, 160, 240), SQUARE) == Spot(
        crop=Region(312, 170, 672, 710), mask=Region(86, 131, 276, 411), work=Size(597, 896)
    )


def test_a_face_at_the_edge_has_its_spot_inside_the_frame():
    spot = spot_of(Box(-16, 960, 160, 160), SQUARE)
    assert spot.crop == Region(0, 664, 360, 1024)
    assert spot.mask == Region(0, 282, 160, 360)


@pytest.mark.parametrize("box", [Box(10, 10, 8.8, 40), Box(10, 10, 40, 8.8), Box(1040, 10, 100, 100)])
def test_a_box_too_small_or_out_of_the_frame_has_no_spot(box):
    assert spot_of(box, SQUARE) is None


def test_the_feather_is_a_gaussian_of_eleven_pixels_and_sigma_ten():
    spot = Spot(Region(0, 0, 60, 50), Region(20, 15, 40, 35), Size(60, 50))
    soft = feathered(hard_mask(spot))
    kernel = np.exp(-(np.arange(-5, 6) ** 2) / 200.0)
    kernel /= kernel.sum()
    assert soft[25, 14] == 0
    assert soft[25, 15:20] == pytest.approx(np.cumsum(kernel)[:5], abs=1e-6)
    assert soft[25, 30] == pytest.approx(1, abs=1e-6)
    touched = np.zeros_like(soft, dtype=bool)
    touched[10:40, 15:45] = True
    assert np.array_equal(soft > 0, touched)


def test_a_mask_that_fills_its_crop_has_no_soft_edge():
    spot = Spot(Region(0, 0, 60, 50), Region(0, 0, 60, 50), Size(60, 50))
    assert feathered(hard_mask(spot)) == pytest.approx(1, abs=1e-6)


def test_paste_mixes_by_the_feathered_mask_and_leaves_the_rest_to_the_bit():
    noise = np.random.default_rng(0)
    before = noise.integers(0, 256, (80, 100, 3)).astype(np.float32)
    spot = Spot(Region(10, 20, 70, 70), Region(20, 15, 40, 35), Size(60, 50))
    canvas = before.copy()
    paste(canvas, np.full((50, 60, 3), 255, np.uint8), spot)
    outside = np.ones(before.shape[:2], bool)
    outside[30:60, 25:55] = False
    assert np.array_equal(canvas[outside], before[outside])
    assert canvas[45, 40] == pytest.approx(255)
    edge = np.exp(-25 / 200) / np.exp(-(np.arange(-5, 6) ** 2) / 200).sum()
    assert canvas[45, 25] == pytest.approx((1 - edge) * before[45, 25] + edge * 255, abs=1e-3)
