"""What makes flat colours look like paper before a lens: softness and grain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tools.contracts import RGBAImage

GRAIN = 1.6
"""The standard deviation of specks and of fibres, in levels of 255."""


def softened(pixels: RGBAImage, radius: float) -> RGBAImage:
    """Out of focus by ``radius`` pixels."""
    # "RGBa" is premultiplied: blurred straight, the colours of clear pixels would bleed into the edges.
    blurred = Image.fromarray(pixels).convert("RGBa").filter(ImageFilter.GaussianBlur(radius))
    return np.array(blurred.convert("RGBA"))


def papered(pixels: RGBAImage) -> RGBAImage:
    """With the grain of paper in its colours; the same grain for every image of one size."""
    grained = pixels.copy()
    grained[..., :3] = np.clip(pixels[..., :3] + _grain(*pixels.shape[:2])[..., None], 0, 255)
    return grained


def _grain(height: int, width: int) -> NDArray[np.int16]:
    """Specks and fibres, about zero."""
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width), np.uint8))
    specks, fibres = (np.asarray(noise.filter(ImageFilter.BoxBlur(radius)), np.float32) for radius in (0.7, 3))
    grain = sum((layer - layer.mean()) / layer.std() for layer in (specks, fibres))
    return np.asarray(grain * GRAIN, np.int16)
