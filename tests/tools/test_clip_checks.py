from __future__ import annotations

import numpy as np
import pytest

from tools.clip_checks import check_clip
from tools.contracts import RGBImage


def frame(level: float, colour: tuple[float, float, float] = (1, 1, 1)) -> RGBImage:
    return np.full((48, 64, 3), np.array(colour) * level, np.uint8)


def still(frames: int = 32) -> list[RGBImage]:
    return [frame(100)] * frames


def test_a_still_clip_has_neither_motion_nor_flash_nor_drift() -> None:
    checks = check_clip(still(), 16, frame(100))
    assert (checks.first_frame_distance, checks.flash, checks.colour_drift, checks.motion) == (0, 0, 0, 0)


def test_frame_0_is_compared_with_the_given_first_frame() -> None:
    assert check_clip(still(), 16, frame(130)).first_frame_distance == pytest.approx(30)
    assert check_clip(still(), 16, None).first_frame_distance is None


def test_a_flash_is_told_in_the_first_second_only() -> None:
    early, late = still(), still()
    early[5] = late[25] = frame(160)
    assert check_clip(early, 16, None).flash == pytest.approx(60)
    assert check_clip(late, 16, None).flash == 0


def test_a_colour_that_fades_slowly_is_drift_and_no_flash() -> None:
    fading = [frame(100 + n, (1, 1, 0.5)) for n in range(40)]
    checks = check_clip(fading, 16, None)
    assert checks.colour_drift == pytest.approx(32, abs=0.6)
    assert checks.flash == pytest.approx(1, abs=0.6)


def test_motion_is_seen_where_brightness_stays() -> None:
    """A bright block moves; of 48 blocks of 8x8 pixels two change by 155 levels in each step."""
    frames = []
    for n in range(8):
        image = frame(100).copy()
        image[16:24, 8 * n : 8 * n + 8] = 255
        frames.append(image)
    checks = check_clip(frames, 16, None)
    assert checks.motion == pytest.approx(2 * 155 / 48)
    assert checks.flash == pytest.approx(0, abs=1e-4)


def test_grain_of_single_pixels_is_no_motion() -> None:
    noise = np.random.default_rng(0)
    grainy = [np.clip(frame(100) + noise.normal(0, 8, (48, 64, 3)), 0, 255).astype(np.uint8) for _ in range(16)]
    assert check_clip(grainy, 16, None).motion < 1.5
