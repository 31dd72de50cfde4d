"""What VACE is given, as arrays, before any model is loaded."""

from __future__ import annotations

import numpy as np
import pytest

from tools.contracts import ClipSpec, Size
from tools.errors import InputError
from tools.video.conditioning import control, cropped, on_white
from tools.video.wan_vace import VACE_14B

CLIP = ClipSpec(Size(64, 48), 17, 16)


def test_given_frames_are_kept_to_the_pixel_and_the_others_are_exactly_the_middle_grey(picture):
    image = picture(1, 64, 48)
    video, mask = control({0: image}, CLIP, CLIP.size)
    assert video.shape == (1, 17, 48, 64, 3)
    assert mask.shape == (1, 17, 48, 64, 1)
    assert np.array_equal(video[0, 0], image / np.float32(255))
    assert (2 * video[0, 1:] - 1 == 0).all()


def test_the_mask_is_0_on_given_frames_and_1_on_those_to_paint(picture):
    _, mask = control({0: picture(1), 6: picture(2)}, CLIP, CLIP.size)
    kept = [number for number in range(17) if (mask[0, number] == 0).all()]
    painted = [number for number in range(17) if (mask[0, number] == 1).all()]
    assert kept == [0, 6]
    assert len(painted) == 15


@pytest.mark.parametrize("size", [(128, 96), (32, 24), (300, 48), (64, 300), (640, 40)])
def test_an_image_of_any_size_fills_the_frame_and_keeps_its_middle(size):
    width, height = size
    image = np.full((height, width, 3), 255, np.uint8)
    image[height * 3 // 8 : height * 5 // 8, width * 3 // 8 : width * 5 // 8] = (255, 0, 0)
    video, _ = control({0: image}, CLIP, CLIP.size)
    frame = video[0, 0]
    assert frame[24, 32] == pytest.approx([1, 0, 0], abs=0.02)
    red = (frame[..., 1] < 0.5).mean(0) > 0
    assert np.flatnonzero(red).mean() == pytest.approx(31.5, abs=1)


def test_what_is_over_is_cut_off_and_nothing_is_squeezed():
    image = np.zeros((48, 128, 3), np.uint8)
    image[:, 32:96] = 255
    video, _ = control({0: image}, CLIP, CLIP.size)
    assert (video[0, 0] == 1).all()


def test_a_size_that_the_model_cannot_paint_is_fitted_to_the_next_one_with_the_picture_in_place(picture):
    size = Size(72, 36)
    assert VACE_14B.canvas(size) == (80, 48)
    assert VACE_14B.canvas(Size(832, 480)) == (832, 480)
    image = picture(1, *size)
    video, mask = control({0: image}, ClipSpec(size, 5, 16), VACE_14B.canvas(size))
    assert video.shape[2:4] == mask.shape[2:4] == (48, 80)
    painted = (video[0, 0] * 255).round().astype(np.uint8)
    assert np.array_equal(cropped(painted, size), image)
    assert (mask[0, 0] == 0).all()
    assert np.array_equal(painted[6:42, 3], painted[6:42, 4])


@pytest.mark.parametrize(
    ("frames", "nearest"),
    [(1, "ask for 5."), (79, "ask for 77 or 81."), (80, "ask for 81."), (78, "ask for 77."), (85, "ask for 81.")],
)
def test_a_length_that_the_model_was_not_trained_on_is_refused_with_the_nearest(frames, nearest):
    with pytest.raises(InputError, match=f"not {frames}; {nearest}"):
        VACE_14B.refuse_untrained(ClipSpec(Size(832, 480), frames, 16))


def test_every_length_of_whole_groups_is_taken():
    for frames in (5, 9, 49, 77, 81):
        VACE_14B.refuse_untrained(ClipSpec(Size(832, 480), frames, 16))


def test_another_pace_is_refused():
    with pytest.raises(InputError, match="16 frames a second, not 24; set fps to 16"):
        VACE_14B.refuse_untrained(ClipSpec(Size(832, 480), 81, 24))


def test_a_reference_stands_whole_on_white_in_the_middle(photo):
    picture = np.asarray(on_white(photo((200, 0, 0), 60, 80), Size(128, 64)))
    assert picture.shape == (64, 128, 3)
    assert picture[32, 64] == pytest.approx([200, 0, 0], abs=2)
    assert (picture[:, :36] == 255).all()
    assert (picture[:, -36:] == 255).all()
    red = picture[32, :, 1] < 128
    assert red.sum() == pytest.approx(24, abs=2)
