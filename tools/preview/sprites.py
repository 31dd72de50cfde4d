"""Paper cut-outs: pieces with premultiplied alpha, their white edge and soft shadow, laid on a picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.contracts import RGBAImage, RGBImage
from tools.preview.geometry import Matrix, shift

Alpha = NDArray[np.uint8]

PAPER = np.array((250, 247, 240), np.float32)
SHADE = np.array((26, 18, 34), np.float32)


@dataclass(frozen=True)
class Sprite:
    """A piece cropped to what can be seen of it; ``matrix`` takes its pixels to the sheet that it was cut from."""

    pixels: RGBAImage
    matrix: Matrix


def premultiply(straight: RGBAImage) -> RGBAImage:
    """Colour times alpha, so that resampling leaves no dark fringe."""
    alpha = cv2.cvtColor(straight[..., 3], cv2.COLOR_GRAY2RGB)
    colour = cv2.multiply(straight[..., :3], alpha, scale=1 / 255)
    return np.dstack([colour, straight[..., 3]])


def cut(premultiplied: RGBAImage) -> Sprite:
    """Crop to the visible part, with one clear pixel around it where there is one."""
    x, y, w, h = cv2.boundingRect(premultiplied[..., 3])
    left, top = max(x - 1, 0), max(y - 1, 0)
    pixels = np.ascontiguousarray(premultiplied[top : y + h + 1, left : x + w + 1])
    return Sprite(pixels, shift(left, top))


def backing(alpha: Alpha, edge: float, fall: tuple[float, float]) -> Sprite:
    """What lies under a cut-out: its white paper edge, ``edge`` pixels wide, and its shadow, ``fall`` pixels away."""
    pad = round(edge * 6 + max(map(abs, fall)))
    padded = cv2.copyMakeBorder(alpha, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=0)
    smooth = cv2.GaussianBlur(padded, (0, 0), edge * 0.6)
    apart = cv2.distanceTransform((smooth < 112).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    paper = cv2.GaussianBlur(np.clip(edge + 0.5 - apart, 0, 1), (0, 0), 0.7)
    fallen = cv2.warpAffine(paper, shift(*fall)[:2], paper.shape[::-1])
    shadow = cv2.GaussianBlur(fallen, (0, 0), edge * 1.7) * 0.42 * (1 - paper)
    colour = paper[..., None] * PAPER + shadow[..., None] * SHADE
    pixels = np.dstack([colour, (paper + shadow) * 255]).round().clip(0, 255).astype(np.uint8)
    sprite = cut(pixels)
    return Sprite(sprite.pixels, shift(-pad, -pad) @ sprite.matrix)


def lay(picture: RGBImage, sprite: Sprite, matrix: Matrix) -> None:
    """Draw the sprite over the picture, in place; ``matrix`` takes the sprite's sheet to the picture."""
    whole = matrix @ sprite.matrix
    h, w = sprite.pixels.shape[:2]
    corners = whole @ np.array([[0, w, 0, w], [0, 0, h, h], [1, 1, 1, 1]], np.float64)
    left, top = (max(int(np.floor(corners[i].min())) - 1, 0) for i in (0, 1))
    right = min(int(np.ceil(corners[0].max())) + 1, picture.shape[1])
    bottom = min(int(np.ceil(corners[1].max())) + 1, picture.shape[0])
    if left >= right or top >= bottom:
        return
    seen = warped(sprite.pixels, shift(-left, -top) @ whole, (right - left, bottom - top))
    blend(picture[top:bottom, left:right], seen)


def warped(
    pixels: RGBImage,
    matrix: Matrix,
    size: tuple[int, int],
    flags: int = cv2.INTER_LINEAR,
    border: int = cv2.BORDER_CONSTANT,
) -> RGBImage:
    """What ``matrix`` makes of the pixels, in a picture of ``size`` (width, height)."""
    return np.asarray(cv2.warpAffine(pixels, matrix[:2], size, flags=flags, borderMode=border), dtype=np.uint8)


def blend(picture: RGBImage, premultiplied: RGBAImage) -> None:
    """Lay premultiplied pixels over a picture of the same size, in place."""
    clear = cv2.cvtColor(cv2.bitwise_not(premultiplied[..., 3]), cv2.COLOR_GRAY2RGB)
    behind = cv2.multiply(picture, clear, scale=1 / 255)
    cv2.add(behind, cv2.cvtColor(premultiplied, cv2.COLOR_RGBA2RGB), dst=picture)
