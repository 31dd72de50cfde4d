"""From a model's matte of everybody in a photo to the cut-out of one person."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.contracts import CutOut, Face, RGBImage
from tools.matting.edge import PURE, run_on
from tools.matting.grabcut import Scissors

Matte = NDArray[np.float32]
"""How much of each pixel is a person, shape (height, width) of the photo, 0 to 1."""

FAINTEST = 0.1
"""Share of a person below which a pixel parts two people."""

LEAST_OF_FACE = 0.8
"""Mean of the matte over the face, below which the matte has missed the person."""

MOST_OF_PHOTO = 0.97


def cut_person(image: RGBImage, matte: Matte, face: Face, by: str) -> CutOut:
    """The person whose face it is, without whoever else the matte shows; ``by`` names the model.

    Edges stay as soft as the matte has them, with the person's own colours in them. Where the matte cannot be used the
    head is cut out as without a model, and ``method`` says both.
    """
    alpha = _of_one(matte, face)
    if wrong := _fault(alpha, face):
        cut = Scissors().remove(image, face)
        return CutOut(cut.pixels, f"{cut.method} ({by}: {wrong})")
    pixels = np.dstack([image, np.round(255 * alpha).astype(np.uint8)])
    run_on(pixels, alpha > PURE, alpha > 0)
    return CutOut(pixels, by)


def _of_one(matte: Matte, face: Face) -> Matte:
    """The connected part of the matte that has most of the face."""
    _, pieces = cv2.connectedComponents((matte > FAINTEST).astype(np.uint8), connectivity=4)
    there = pieces[_within(face, matte)]
    there = there[there > 0]
    if not there.size:
        return np.zeros_like(matte)
    return np.where(pieces == np.bincount(there).argmax(), matte, np.float32(0))


def _fault(alpha: Matte, face: Face) -> str | None:
    """Why the cut-out cannot be used, in words."""
    seen = alpha[_within(face, alpha)]
    if not seen.size or seen.mean() < LEAST_OF_FACE:
        return "its matte misses the face"
    if alpha.mean() > MOST_OF_PHOTO:
        return "its matte takes the whole photo"
    return None


def _within(face: Face, matte: Matte) -> tuple[slice, slice]:
    """The middle of the face, where there is nothing but skin; rows and columns."""
    x, y, width, height = face.box
    left, top = x + width / 4, y + height / 4
    return (
        slice(max(0, round(top)), min(matte.shape[0], round(top + height / 2))),
        slice(max(0, round(left)), min(matte.shape[1], round(left + width / 2))),
    )
