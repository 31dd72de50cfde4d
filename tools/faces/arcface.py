"""Faces by insightface's pack buffalo_l: SCRFD finds them, ArcFace on ResNet-50 embeds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from tools.contracts import Embedding, Face, Presentation, RGBImage, Thresholds
from tools.insight import CropReader, Detector, Recogniser, Sighting, best_providers

POINTS = {
    "right_eye_outer": 36,
    "right_eye_inner": 39,
    "left_eye_inner": 42,
    "left_eye_outer": 45,
    "nose_base": 33,
}
"""The subject's own left and right, by their numbers in the 68 landmarks of iBUG."""

BORDER = 0.25
"""Width of the grey border in which a face that fills its picture is found, in sides of the picture."""

GREY = 128

PRESENTATIONS: tuple[Presentation, Presentation] = ("woman", "man")
"""In the order of the network that tells them."""


def _independent(pack: object) -> object:
    if pack == "antelopev2":
        raise PydanticCustomError(
            "pack",
            "HyperLoRA paints from the embeddings of antelopev2, which would judge its own work; choose buffalo_l",
        )
    return pack


Pack = Annotated[Literal["buffalo_l"], BeforeValidator(_independent)]
DetectorSide = Annotated[int, Field(ge=128, le=2048, multiple_of=64)]


class ArcFaceAnalyzer:
    """ArcFace. Similarity is the cosine of two embeddings: 1 is the same embedding, strangers lie about 0.

    Thresholds are from published operating points of this recogniser, none measured on generated video:

    - ``first_frame`` 0.5: the gate of the pipeline's paper (arXiv 2507.04705, its code). insightface takes two photos
      for one person from 0.40 (its Evaluation Studio) or 0.45 (its PersonAnalysis; DeepFace too), and strangers for
      one at 0.28 once in a thousand (AdvFaces, on LFW). HyperLoRA's own stills average 0.68.
    - ``video_mean`` 0.4: insightface's limit for one person; the best published videos reach 0.44 to 0.63.
    - ``video_p10`` 0.25: the worst tenth may fall just below what one stranger in a thousand reaches.
    - ``smallest_face`` 64: of faces of 50 to 70 pixels, similarity was 0.07 to 0.33 (third party, on generated stills).
    - ``detector_floor`` 0.6: insightface's PersonAnalysis asks it of a face that is to be recognised.
    - ``widest_yaw`` 35: where a line from 0.85, near-frontal, to 0.15, turned by 74 degrees (the same third party),
      falls below 0.5. Itself not measured.
    """

    thresholds = Thresholds(
        first_frame=0.5, video_mean=0.4, video_p10=0.25, smallest_face=64, detector_floor=0.6, widest_yaw=35.0
    )

    def __init__(self, pack: str, det_size: int) -> None:
        providers = best_providers()
        self.name = f"ArcFace ({pack})"
        self._side = det_size
        self._detector = Detector(pack, "det_10g.onnx", providers)
        self._recogniser = Recogniser(pack, "w600k_r50.onnx", providers)
        self._head = CropReader(pack, "1k3d68.onnx", "landmark_3d_68", providers)
        self._sex = CropReader(pack, "genderage.onnx", "genderage", providers)

    def analyze(self, images: Sequence[RGBImage]) -> list[list[Face]]:
        """Every face found, per image, largest box first; all faces of all images are embedded in one run."""
        found = [self._find(image) for image in images]
        seen = [(image, face) for image, faces in zip(images, found, strict=True) for face in faces]
        embeddings = iter(self._recogniser.embeddings(seen))
        return [
            [self._described(image, face, next(embeddings)) for face in faces]
            for image, faces in zip(images, found, strict=True)
        ]

    def similarity(self, a: Face, b: Face) -> float:
        """The cosine of the two embeddings."""
        return float(a.embedding @ b.embedding / (np.linalg.norm(a.embedding) * np.linalg.norm(b.embedding)))

    def _find(self, image: RGBImage) -> list[Sighting]:
        """A face too large to be seen is looked for half as large, then with a border round the picture."""
        found = self._detector.find(image, self._side) or self._detector.find(image, self._side // 2)
        return sorted(
            found or self._find_in_border(image), key=lambda face: face.box.width * face.box.height, reverse=True
        )

    def _find_in_border(self, image: RGBImage) -> list[Sighting]:
        down, across = (round(side * BORDER) for side in image.shape[:2])
        bordered = np.pad(image, ((down, down), (across, across), (0, 0)), constant_values=GREY)
        return [
            replace(
                face,
                box=face.box._replace(x=face.box.x - across, y=face.box.y - down),
                keypoints=face.keypoints - np.array([across, down], dtype=np.float32),
            )
            for face in self._detector.find(bordered, self._side)
        ]

    def _described(self, image: RGBImage, face: Sighting, embedding: Embedding) -> Face:
        head = self._head.read(image, face)
        _pitch, yaw, roll = head.pose.tolist()
        corners = head.landmark_3d_68[list(POINTS.values())]
        points = {name: (float(x), float(y)) for name, (x, y, _depth) in zip(POINTS, corners, strict=True)}
        presentation = PRESENTATIONS[self._sex.read(image, face).gender]
        return Face(face.box, face.score, points, embedding, yaw, roll, presentation)


def arcface_analyzer(pack: Pack = "buffalo_l", det_size: DetectorSide = 640) -> ArcFaceAnalyzer:
    """``det_size`` is the side of the square into which pictures are fitted for the detector, in pixels."""
    return ArcFaceAnalyzer(pack, det_size)
