"""The faces that HyperLoRA was trained on: insightface's pack antelopev2, on the CPU."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tools.contracts import Box, RGBImage
from tools.errors import Unavailable
from tools.first_frame.hyperlora.conditioning import Points, Sighting
from tools.models.place import folder_of

PACK = "antelopev2"
MODELS = ("scrfd_10g_bnkps.onnx", "2d106det.onnx", "glintr100.onnx")
"""The detector, the landmarks and the recogniser; the pack's others are not needed."""


class Antelope:
    """A ``FaceReader``. ``Unavailable`` where insightface or its pack is missing."""

    def __init__(self) -> None:
        folder = folder_of(PACK)
        try:
            from insightface.model_zoo import get_model
        except ImportError as error:
            raise Unavailable(
                "HyperLoRA reads faces with insightface, which is not installed; get it with: "
                "pip install 'steadface[arcface]' && pip install --no-deps insightface"
            ) from error
        detector, landmarks, recogniser = (
            get_model(str(folder / model), providers=["CPUExecutionProvider"]) for model in MODELS
        )
        detector.prepare(ctx_id=-1, input_size=(640, 640), det_thresh=0.5, nms_thresh=0.4)
        self._detector, self._landmarks, self._recogniser = detector, landmarks, recogniser

    def find(self, image: RGBImage, side: int) -> list[Sighting]:
        # Given with each call: the sizes that newer versions prepare for outlive a change of ``input_size``.
        boxes, keypoints = self._detector.detect(_bgr(image), input_size=(side, side))
        return [
            Sighting(Box(x0, y0, x1 - x0, y1 - y0), score, points)
            for (x0, y0, x1, y1, score), points in zip(boxes.tolist(), keypoints, strict=True)
        ]

    def landmarks(self, image: RGBImage, face: Sighting) -> Points:
        return np.asarray(self._landmarks.get(_bgr(image), _as_theirs(face)), dtype=np.float32)

    def embedding(self, image: RGBImage, face: Sighting) -> NDArray[np.float32]:
        vector = np.asarray(self._recogniser.get(_bgr(image), _as_theirs(face)), dtype=np.float32).ravel()
        return cast(NDArray[np.float32], vector / np.linalg.norm(vector))


def _as_theirs(face: Sighting) -> Any:  # noqa: ANN401 - a class of insightface
    from insightface.app.common import Face

    x, y, width, height = face.box
    return Face(
        bbox=np.array([x, y, x + width, y + height], dtype=np.float32), kps=face.keypoints, det_score=face.score
    )


def _bgr(image: RGBImage) -> RGBImage:
    return np.ascontiguousarray(image[..., ::-1])
