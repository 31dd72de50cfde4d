"""The cut-out with no model: the outline of the head by GrabCut where it can be trusted, else the cameo."""

from __future__ import annotations

import logging
import math

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.contracts import CutOut, Face, RGBAImage, RGBImage
from tools.matting.cameo import cameo
from tools.matting.edge import PURE, run_on
from tools.matting.head import FACE, Head, eyes, grid, upright
from tools.matting.quality import faults, frontal

ROUNDS = 4

SMOOTHING = 3.5
"""Standard deviation of the blur that rounds off the outline, in pixels of the upright picture."""

INSET = 0.012
"""How far the edge is drawn in, where hair and backdrop have mixed; in heights of the face."""

log = logging.getLogger(__name__)


class Scissors:
    """Cuts a head out of a photo: hair, face, ears and what shows of the neck, no shoulders."""

    def remove(self, image: RGBImage, face: Face) -> CutOut:
        """``method`` is ``"grabcut"`` for the tight outline, or ``"cameo"`` for an oval with some background.

        The edge is soft over about one pixel. The same photo and face give the same pixels.
        """
        tight = _tight(image, face)
        return CutOut(cameo(image, face), "cameo") if tight is None else CutOut(tight, "grabcut")


def _tight(image: RGBImage, face: Face) -> RGBAImage | None:
    """The photo with the outline of the head as alpha, or ``None`` where that is not to be trusted."""
    seen = eyes(face)
    if seen is None or not frontal(face):
        return None
    head = upright(image, *seen)
    outline = _outline(head)
    if wrong := faults(head, (outline > 0.5).astype(np.uint8)):
        log.info("No tight outline: %s.", "; ".join(wrong))
        return None
    return _cut(image, head, outline)


def _outline(head: Head) -> NDArray[np.float32]:
    """How much of each upright pixel is head, 0 to 1: one piece without holes, rounded off."""
    labels = _seeds()
    cv2.setRNGSeed(0)
    bgr = cv2.cvtColor(head.pixels, cv2.COLOR_RGB2BGR)
    no_box, back, front = (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(bgr, labels, no_box, back, front, ROUNDS, cv2.GC_INIT_WITH_MASK)
    on = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    whole = ~_largest(~_largest(on & _above_the_collar()))
    return np.asarray(cv2.GaussianBlur(whole.astype(np.float32), (0, 0), SMOOTHING), dtype=np.float32)


def _seeds() -> NDArray[np.uint8]:
    """What GrabCut is told: the face is head, the hair round it is likely so, the chest is not."""
    across, down = grid()
    labels = np.full(across.shape, cv2.GC_BGD, np.uint8)
    labels[np.hypot(across / 1.25, (down + 0.02) / 1.45) < 1] = cv2.GC_PR_BGD
    labels[np.hypot(across / 0.72, (down + 0.10) / 1.00) < 1] = cv2.GC_PR_FGD
    labels[np.hypot(across / 0.40, (down - 0.08) / 0.55) < 1] = cv2.GC_FGD
    labels[down > 0.86 - 0.22 * across**2] = cv2.GC_BGD
    return labels


def _above_the_collar() -> NDArray[np.bool_]:
    """Where the cut may reach: down the throat in an arc, and to the jaw on either side of it."""
    across, down = grid()
    throat = 0.28 + 0.44 * np.sqrt(np.clip(1 - (across / 0.58) ** 2, 0, 1))
    return np.asarray(down < np.maximum(throat, 0.48))


def _largest(on: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected piece."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(on.astype(np.uint8), connectivity=4)
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return np.asarray(pieces == largest)


def _cut(image: RGBImage, head: Head, outline: NDArray[np.float32]) -> RGBAImage:
    """The photo with the outline as alpha; the colours of the head run on past the edge, so that no backdrop shows."""
    cut = np.dstack([image, np.zeros(image.shape[:2], np.uint8)])
    x, y, width, height = head.place(*image.shape[:2])
    window = cut[y : y + height, x : x + width]
    to_window = head.to_photo - np.array([[0, 0, x], [0, 0, y]])
    share = cv2.warpAffine(outline, to_window, (width, height), flags=cv2.INTER_LINEAR)
    # A blurred edge rises by 1 over sqrt(2 pi) deviations: this makes distance to it, in photo pixels.
    inside = (share - 0.5) * SMOOTHING * math.sqrt(2 * math.pi) * head.scale
    window[..., 3] = np.round(255 * np.clip(inside - INSET * FACE * head.scale + 0.5, 0, 1))
    run_on(window, share > PURE, share > 0)
    return cut
