"""What can go wrong with a clip as a whole, whoever is in it; measured on the file as it is delivered.

Everything is in grey levels of 0 to 255, on frames made eight times smaller, which levels out noise and compression.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.contracts import Frames, RGBImage

BLOCK = 8
"""Pixels of a side that become one."""

ENDS = 8
"""Frames at each end of a clip whose mean colours are compared."""

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)

Small = NDArray[np.float32]


@dataclass(frozen=True)
class ClipChecks:
    """``first_frame_distance`` is the mean difference of frame 0 from the given first frame, ``None`` without one.

    ``flash`` is the greatest change of brightness from one frame to the next within the first second, ``colour_drift``
    how far the mean colour of the end lies from that of the beginning, and ``motion`` the mean difference of one frame
    from the next.
    """

    first_frame_distance: float | None
    flash: float
    colour_drift: float
    motion: float


def check_clip(frames: Frames, fps: int, first_frame: RGBImage | None) -> ClipChecks:
    """Reads the frames once, in order, and holds two of them; there must be two at least."""
    colours: list[NDArray[np.float32]] = []
    steps: list[float] = []
    distance: float | None = None
    before: Small | None = None
    for image in frames:
        frame = _small(image)
        if before is not None:
            steps.append(_difference(frame, before))
        elif first_frame is not None:
            distance = _difference(frame, _small(first_frame))
        colours.append(frame.mean(axis=(0, 1)))
        before = frame
    means = np.stack(colours)
    brightness = means @ LUMA
    return ClipChecks(
        first_frame_distance=distance,
        flash=float(np.abs(np.diff(brightness[: fps + 1])).max()),
        colour_drift=float(np.abs(means[:ENDS].mean(axis=0) - means[-ENDS:].mean(axis=0)).max()),
        motion=float(np.mean(steps)),
    )


def step_between(a: RGBImage, b: RGBImage) -> float:
    """The mean difference of two frames."""
    return _difference(_small(a), _small(b))


def _small(image: RGBImage) -> Small:
    height, width = (side // BLOCK * BLOCK for side in image.shape[:2])
    blocks = image[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, 3)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32))


def _difference(a: Small, b: Small) -> float:
    return float(np.abs(a - b).mean())
