"""Whether a tight outline looks like a head. All lengths are in heights of the face, measured on the upright picture.

On a studio portrait, at seven sizes and mirrored: symmetry .92, roughness 1.15, area 2.2, top -1.2, crown 54 and
backdrop 13. On six faces of a cluttered group photo, none of whose outlines could be used: backdrop from 35, symmetry
at most .82 (five at most .67), roughness 1.2 to 2.2; three had lost their hair, with a crown of 4 to 11.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.contracts import Face
from tools.matting.head import FACE, Head, grid

WIDEST_YAW, WIDEST_ROLL = 15.0, 20.0
LEAST_SYMMETRY = 0.8
MOST_ROUGHNESS = 1.35
AREA = (1.5, 3.5)
HIGHEST, LOWEST_TOP = -1.4, -0.75
WIDEST = 1.2
LEAST_CROWN = 12.0
MOST_BACKDROP = 25.0


def frontal(face: Face) -> bool:
    """Whether the head is straight enough for an outline to be judged."""
    return (
        face.yaw is not None and abs(face.yaw) <= WIDEST_YAW and face.roll is not None and abs(face.roll) <= WIDEST_ROLL
    )


def faults(head: Head, mask: NDArray[np.uint8]) -> list[str]:
    """What is wrong with the outline of a frontal head, in words; nothing where it can be used.

    ``mask`` is 1 on the head and 0 off it, one piece without holes, shape of ``head.pixels``.
    """
    lab = cv2.cvtColor(head.pixels, cv2.COLOR_RGB2LAB).astype(np.float64)
    across, down = grid()
    on = mask.astype(bool)
    top, area = float(down[on].min()), on.sum() / FACE**2
    checks = {
        "the photo ends within the head": bool(head.shown[on].all()),
        "the sides differ": _symmetry(on, down) >= LEAST_SYMMETRY,
        "the outline is rough": _roughness(mask) <= MOST_ROUGHNESS,
        "the area is not a head's": AREA[0] <= area <= AREA[1],
        "the hair is wider than could be cut": float(np.abs(across[on]).max()) <= WIDEST,
        "the top is not where hair is": HIGHEST <= top <= LOWEST_TOP,
        "the crown has the colour of the skin": _crown(lab, on, down, top) >= LEAST_CROWN,
        "the backdrop is not plain": _backdrop(lab, mask) <= MOST_BACKDROP,
    }
    return [fault for fault, good in checks.items() if not good]


def _symmetry(on: NDArray[np.bool_], down: NDArray[np.float64]) -> float:
    """Overlap of the head above the mouth with its mirror image: intersection over union, 0 to 1."""
    above = on & (down < 0.35)
    mirrored = above[:, ::-1]
    return float((above & mirrored).sum() / (above | mirrored).sum())


def _roughness(mask: NDArray[np.uint8]) -> float:
    """Perimeter squared over area, 1 for a circle."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(contours, key=cv2.contourArea)
    length = cv2.arcLength(cv2.approxPolyDP(outline, 1.0, True), True)
    return float(length**2 / (4 * math.pi * cv2.contourArea(outline)))


def _crown(lab: NDArray[np.float64], on: NDArray[np.bool_], down: NDArray[np.float64], top: float) -> float:
    """Colour distance of the top of the head to the skin round the nose: small where the hair was cut away."""
    across, _ = grid()
    skin = np.hypot(across, down - 0.1) < 0.3
    crown = on & (down < top + 0.25)
    return float(np.linalg.norm(np.median(lab[crown], axis=0) - np.median(lab[skin], axis=0)))


def _backdrop(lab: NDArray[np.float64], mask: NDArray[np.uint8]) -> float:
    """Spread of colour behind the head, down to the mouth; 0 is one flat colour."""
    across, down = grid()
    near = np.hypot(across / 1.05, (down + 0.02) / 1.25) < 1
    behind = near & (down < 0.35) & (cv2.dilate(mask, np.ones((9, 9), np.uint8)) == 0)
    return float(np.sqrt(lab[behind].var(axis=0).sum())) if behind.any() else math.inf
