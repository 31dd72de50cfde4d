"""The faces that HyperLoRA was trained on: insightface's pack antelopev2, on the CPU."""

from __future__ import annotations

from typing import cast

import numpy as np

from tools.contracts import RGBImage
from tools.first_frame.hyperlora.conditioning import Points
from tools.insight import CPU, CropReader, Detector, FloatArray, Recogniser, Sighting

PACK = "antelopev2"


class Antelope:
    """A ``FaceReader``. ``Unavailable`` where insightface or its pack is missing."""

    def __init__(self) -> None:
        self._detector = Detector(PACK, "scrfd_10g_bnkps.onnx", [CPU])
        self._landmarks = CropReader(PACK, "2d106det.onnx", "landmark_2d_106", [CPU])
        self._recogniser = Recogniser(PACK, "glintr100.onnx", [CPU])

    def find(self, image: RGBImage, side: int) -> list[Sighting]:
        return self._detector.find(image, side)

    def landmarks(self, image: RGBImage, face: Sighting) -> Points:
        return np.asarray(self._landmarks.read(image, face).landmark_2d_106, dtype=np.float32)

    def embedding(self, image: RGBImage, face: Sighting) -> FloatArray:
        vector = self._recogniser.embeddings([(image, face)])[0]
        return cast(FloatArray, vector / np.linalg.norm(vector))
