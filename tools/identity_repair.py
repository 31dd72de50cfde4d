"""The pixels of an identity repair: what is fixed of a window, and how the regenerated one sits in its clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from tools.clip_checks import step_between
from tools.contracts import KEYFRAME_GROUP, RGBImage
from tools.optical_flow import carried, flow, motion
from tools.pools.calls import WindowFit


def fixed_frames(window: Sequence[RGBImage], corrected: Mapping[int, RGBImage], good: range) -> dict[int, RGBImage]:
    """What is given of a window: frame 0 and the ``good`` ones as they are, and the group of each corrected frame.

    Frames are counted from the window's beginning. The correction of a frame is carried to the others of its group
    along the flow.
    """
    fixed = {number: window[number] for number in (0, *good)}
    for number, image in corrected.items():
        change = image.astype(np.float32) - window[number]
        for other in group_of(number):
            fixed[other] = image if other == number else _changed(window[other], window[number], change)
    return fixed


def group_of(frame: int) -> range:
    """The frames of a clip, from 1, that share a latent with this one."""
    begin = (frame - 1) // KEYFRAME_GROUP * KEYFRAME_GROUP + 1
    return range(begin, begin + KEYFRAME_GROUP)


def window_fit(before: Sequence[RGBImage], after: Sequence[RGBImage], drifted: range) -> WindowFit:
    """How the clip ``after`` its ``drifted`` frames were regenerated compares with the one ``before``."""
    steps = [step_between(a, b) for a, b in pairwise(after)]
    into_and_out = [number for number in (drifted.start - 1, drifted.stop - 1) if number < len(steps)]
    inside = range(drifted.start - 1, drifted.stop)
    return WindowFit(
        seam=max(steps[number] for number in into_and_out),
        usual_step=max((step for number, step in enumerate(steps) if number not in inside), default=0.0),
        motion_before=_motion(before, drifted),
        motion_after=_motion(after, drifted),
    )


def _changed(
    image: RGBImage, keyframe: RGBImage, change: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
) -> RGBImage:
    moved = image + carried(change, flow(image, keyframe))
    return moved.round().clip(0, 255).astype(np.uint8)


def _motion(frames: Sequence[RGBImage], drifted: range) -> float:
    return float(np.mean([motion(frames[number - 1], frames[number]) for number in drifted]))
