"""The pixels of a repair: groups that are fixed, corrections that move with the face, and seams."""

from pathlib import Path

import numpy as np
import pytest

from tools.identity_repair import fixed_frames, group_of, window_fit
from tools.media import read_image
from tools.optical_flow import carried, flow, motion

PHOTO = read_image(Path("examples/astronaut.jpg").read_bytes())
STEP = 6


def moving(frames=13):
    """A clip in which the photo moves to the left by ``STEP`` pixels a frame."""
    return [PHOTO[40:200, 60 + STEP * number : 260 + STEP * number] for number in range(frames)]


def painted(frame, number):
    """A green box on the face, which has moved with the clip."""
    copy = frame.copy()
    copy[40:70, 120 - STEP * number : 150 - STEP * number] = (0, 255, 0)
    return copy


@pytest.mark.parametrize(("frame", "group"), [(1, [1, 2, 3, 4]), (4, [1, 2, 3, 4]), (5, [5, 6, 7, 8])])
def test_a_group_is_the_frames_of_one_latent(frame, group):
    assert list(group_of(frame)) == group


def test_whole_groups_are_fixed_and_nothing_else():
    clip = moving()
    fixed = fixed_frames(clip, {6: painted(clip[6], 6)}, range(9, 13))
    assert sorted(fixed) == [0, 5, 6, 7, 8, 9, 10, 11, 12]
    assert all(np.array_equal(fixed[number], clip[number]) for number in (0, 9, 10, 11, 12))
    assert np.array_equal(fixed[6], painted(clip[6], 6))


def test_a_correction_moves_with_what_it_corrects():
    clip = moving()
    fixed = fixed_frames(clip, {6: painted(clip[6], 6)}, range(0))
    for number in (5, 7, 8):
        right = np.abs(fixed[number].astype(int) - painted(clip[number], number)).mean()
        unmoved = np.abs(fixed[number].astype(int) - painted(clip[number], 6)).mean()
        assert right < unmoved / 4


def test_frames_that_need_no_correction_stay_as_they_are():
    clip = moving()
    fixed = fixed_frames(clip, {6: clip[6]}, range(0))
    assert all(np.array_equal(image, clip[number]) for number, image in fixed.items())


def test_a_window_that_is_of_the_clip_fits_it():
    clip = moving()
    fit = window_fit(clip, clip, range(5, 9))
    assert fit.seam <= fit.usual_step * 1.2
    assert fit.motion_before == fit.motion_after
    assert fit.motion_before == pytest.approx(STEP, rel=0.2)


@pytest.mark.parametrize("drifted", [range(5, 9), range(5, 13)], ids=["in the middle", "to the end"])
def test_a_jump_at_a_seam_is_seen(drifted):
    clip = moving()
    bright = [np.minimum(frame, 200) + 40 if number in drifted else frame for number, frame in enumerate(clip)]
    assert window_fit(clip, bright, drifted).seam > 1.5 * window_fit(clip, clip, drifted).usual_step


def test_a_still_window_is_seen():
    clip = moving()
    still = [clip[4] if number in range(5, 9) else frame for number, frame in enumerate(clip)]
    fit = window_fit(clip, still, range(5, 9))
    assert fit.motion_after < 0.1 * fit.motion_before


def test_flow_tells_where_pixels_went():
    a, b = moving(2)
    found = flow(a, b)
    assert np.median(found[..., 0]) == pytest.approx(-STEP, abs=0.2)
    assert np.median(found[..., 1]) == pytest.approx(0, abs=0.2)
    assert np.abs(carried(b.astype(np.float32), found) - a)[:, STEP:].mean() < 2
    assert motion(a, b) == pytest.approx(STEP, rel=0.2)
