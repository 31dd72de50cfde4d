"""A clip whose colours drift is brought back; what else happens in it stays."""

from pathlib import Path

import numpy as np
import pytest

from tools.clip_checks import check_clip
from tools.colour_match import matched_to_first
from tools.media import read_image

PHOTO = read_image(Path("examples/astronaut.jpg").read_bytes())[:240, :320]
FRAMES = 33


def matched(clip):
    return list(matched_to_first(lambda: clip))


def drifting():
    """The reds grow, and the contrast with them."""
    rise = np.linspace(0, 1, FRAMES)[:, None]
    return [
        np.clip((PHOTO - 128.0) * (1 + 0.15 * amount) + 128 + amount * (30, 5, -10), 0, 255).astype(np.uint8)
        for amount in rise
    ]


def test_a_steady_clip_stays_as_it_is():
    clip = [PHOTO] * FRAMES
    assert max(np.abs(image.astype(int) - PHOTO).max() for image in matched(clip)) <= 1


def test_colours_that_drift_are_brought_back():
    clip = drifting()
    before, after = (check_clip(frames, 16, None).colour_drift for frames in (clip, matched(clip)))
    assert before > 15
    assert after < before / 4
    assert np.abs(matched(clip)[-1].astype(int) - PHOTO).mean() < np.abs(clip[-1].astype(int) - PHOTO).mean() / 3


def test_the_first_frame_is_the_measure_and_stays():
    assert np.abs(matched(drifting())[0].astype(int) - drifting()[0]).max() <= 1


def test_what_comes_for_a_moment_is_left():
    """A lamp that goes on for two frames."""
    clip = [PHOTO] * FRAMES
    clip[20] = clip[21] = np.minimum(PHOTO, 200) + np.uint8(40)
    lit, unlit = matched(clip)[20].mean(), matched(clip)[5].mean()
    assert lit - unlit == pytest.approx(clip[20].mean() - PHOTO.mean(), rel=0.2)
