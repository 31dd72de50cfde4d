"""The light of a scene on a cut-out: a tint measured from the painted scenery, and the side it comes from.

A dusk tint costs a face .20 of dlib's distance and a night tint .27, so what is measured is applied in part.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from tools.contracts import RGBAImage, RGBImage

TINT = 0.2
DIMMING = 0.35
NEUTRAL = 150
"""The mean brightness of a scene by day."""
SIDE = 0.07


@dataclass(frozen=True)
class Light:
    """``colour`` multiplies red, green and blue; ``side`` is -1 for light from the left, 1 from the right."""

    colour: tuple[float, float, float]
    side: float

    def on(self, premultiplied: RGBAImage) -> RGBAImage:
        """A piece with premultiplied alpha as it looks in this light."""
        return self._shone(premultiplied, self.colour)

    def sided(self, premultiplied: RGBAImage) -> RGBAImage:
        """Scenery, which has its colours already, a little lighter on the side that the light comes from."""
        return self._shone(premultiplied, (1.0, 1.0, 1.0))

    def _shone(self, premultiplied: RGBAImage, colour: tuple[float, float, float]) -> RGBAImage:
        across = 1 + SIDE * self.side * np.linspace(-1, 1, premultiplied.shape[1], dtype=np.float32)
        lit = premultiplied.astype(np.float32)
        lit[..., :3] *= across[None, :, None] * np.array(colour, np.float32)
        lit[..., :3] = np.minimum(lit[..., :3], lit[..., 3:])
        return lit.round().astype(np.uint8)


def light_of(scenery: RGBImage, side: float) -> Light:
    """The light before this scenery: its mean colour against a neutral day."""
    mean = np.array(cv2.mean(scenery)[:3])
    brightness = float(mean.mean())
    tint = 1 + TINT * (mean / brightness - 1)
    r, g, b = tint * (1 - DIMMING * max(1 - brightness / NEUTRAL, 0.0))
    return Light((r, g, b), side)
