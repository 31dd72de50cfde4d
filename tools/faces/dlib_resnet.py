"""Faces by dlib: its HOG detector, five landmarks and the 128-d ResNet embedding.

Enlarging a picture is how small faces are found: the detector's window is 80 pixels wide. So each picture is looked at
in a few sizes, small and cheap first, and a larger one only when no face was clear in the smaller.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import dlib
import numpy as np

from tools.contracts import Box, Embedding, Face, RGBImage, Thresholds
from tools.errors import Unavailable

POINTS = ("left_eye_outer", "left_eye_inner", "right_eye_outer", "right_eye_inner", "nose_base")
"""The subject's own left and right, in the order of dlib's five-point model."""

LOOKS = ((1_600_000, 2.0), (6_400_000, 4.0), (25_600_000, 4.0))
"""Most pixels of the picture that the detector sees, and greatest enlargement. An 832x480 picture is looked at
2x (faces from about 30 pixels, 0.13 s) and 4x (from about 18, 0.5 s); a 12-megapixel photo from about 220, 110 and 55.
"""

NOSE_DEPTH = 0.27
"""How far the nose base stands before the mean of the eye corners, in widths from outer to outer eye corner."""


@dataclass(frozen=True)
class _Look:
    """What the detector saw in one size of a picture; boxes are in pixels of ``scaled``, clearest first."""

    scale: float
    scaled: RGBImage
    boxes: list[dlib.rectangle]
    scores: list[float]

    @property
    def clearest(self) -> float:
        return max(self.scores, default=-math.inf)


@dataclass(frozen=True)
class _Sighting:
    """A face before it is embedded; ``chip`` is the face upright, 150 pixels square."""

    box: Box
    score: float
    points: dict[str, tuple[float, float]]
    chip: RGBImage

    def embedded(self, embedding: Embedding) -> Face:
        yaw, roll = head_pose(self.points)
        return Face(self.box, self.score, self.points, embedding, yaw, roll)


class DlibAnalyzer:
    """dlib's face recogniser.

    Similarity is ``1 - d``, with d the Euclidean distance of two embeddings: 1 is the same embedding, dlib's own limit
    for one person (d = 0.6) is 0.4, strangers lie at 0.37 and below (seven faces: d from 0.63, median 0.78).
    It may be negative. A second photo of a person scores lower than a copy of the first.

    Thresholds, as measured on one face at many sizes, under H.264 and warped:

    - ``first_frame`` 0.5: a tenth stricter than dlib's own limit, and 0.13 from the nearest stranger, since a still has
      no codec and no motion to excuse it (its worst down to 48 pixels was 0.76).
    - ``video_mean`` 0.45: compression and size together cost up to 0.29, a stacked turn, nod, smile and blink 0.45.
    - ``video_p10`` 0.4: the worst frames must still be within dlib's own limit.
    - ``smallest_face`` 48: below it similarity falls with every pixel, and below 26 says nothing.
    - ``detector_floor`` 0.3: a face-like pattern on a suit scored 0.12; frontal faces score from 0.6, at 30 pixels too,
      and heads turned by some 40 degrees about 0.3.
    - ``widest_yaw`` 25: a turn of 25 degrees alone costs 0.44, so that any more can bring the same face under 0.5.
    """

    name = "dlib ResNet"
    thresholds = Thresholds(
        first_frame=0.5, video_mean=0.45, video_p10=0.4, smallest_face=48, detector_floor=0.3, widest_yaw=25.0
    )

    def __init__(self) -> None:
        models = _models()
        self._detector = dlib.get_frontal_face_detector()
        self._landmarks = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
        self._network = dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat"))

    def analyze(self, images: Sequence[RGBImage]) -> list[list[Face]]:
        """Every face found, per image, largest box first; all faces of all images are embedded in one call."""
        found = [self._find(np.ascontiguousarray(image)) for image in images]
        chips = [sighting.chip for sightings in found for sighting in sightings]
        vectors = iter(self._network.compute_face_descriptor(chips, 0) if chips else [])
        return [
            sorted(
                (sighting.embedded(np.array(next(vectors), dtype=np.float32)) for sighting in sightings),
                key=lambda face: face.box.width * face.box.height,
                reverse=True,
            )
            for sightings in found
        ]

    def similarity(self, a: Face, b: Face) -> float:
        """1 less the distance of the two embeddings."""
        return 1.0 - float(np.linalg.norm(a.embedding - b.embedding))

    def _find(self, image: RGBImage) -> list[_Sighting]:
        best: _Look | None = None
        for scale in _scales(*image.shape[:2]):
            look = self._look(image, scale)
            if best is None or look.clearest > best.clearest:
                best = look
            if best.clearest >= self.thresholds.detector_floor:
                break
        return [] if best is None else self._describe(image, best)

    def _look(self, image: RGBImage, scale: float) -> _Look:
        scaled = _resize(image, scale)
        boxes, scores, _ = self._detector.run(scaled, 0, 0.0)
        return _Look(scale, scaled, list(boxes), list(scores))

    def _describe(self, image: RGBImage, look: _Look) -> list[_Sighting]:
        # Landmarks come in whole pixels: an enlarged picture gives finer ones, a reduced one would cost detail.
        enlarged = look.scale > 1
        pixels, scale = (look.scaled, look.scale) if enlarged else (image, 1.0)
        sightings = []
        for rectangle, score in zip(look.boxes, look.scores, strict=True):
            box = _box(rectangle, look.scale)
            shape = self._landmarks(pixels, rectangle if enlarged else _rectangle(box))
            points = {name: _unscale(point, scale) for name, point in zip(POINTS, shape.parts(), strict=True)}
            sightings.append(_Sighting(box, float(score), points, dlib.get_face_chip(pixels, shape)))
        return sightings


def head_pose(points: dict[str, tuple[float, float]]) -> tuple[float, float]:
    """Yaw and roll in degrees, from the four eye corners and the nose base.

    Roll is the slope of the line through the eyes: within 1 degree up to 15, and up to 10 off from 20, where the
    landmarks slip. Yaw is how far the nose base stands off the middle of the eyes, along that line: on the portrait in
    examples/, turned by a model of the head, within 6 degrees of the truth up to 20, and within 8 up to 30.
    """
    corners = {name: np.array(point) for name, point in points.items()}
    nose = corners.pop("nose_base")
    eye_line = corners["left_eye_outer"] - corners["right_eye_outer"]
    width = float(np.hypot(*eye_line))
    aside = float((nose - sum(corners.values()) / 4) @ eye_line) / width**2
    return math.degrees(math.atan(aside / NOSE_DEPTH)), math.degrees(math.atan2(eye_line[1], eye_line[0]))


def _models() -> Path:
    # Located without importing the package: its import needs pkg_resources.
    package = find_spec("face_recognition_models")
    if package is None or not package.submodule_search_locations:
        raise Unavailable(
            "The model files of the face recogniser are missing; get them with: pip install face_recognition_models"
        )
    return Path(package.submodule_search_locations[0]) / "models"


def _scales(height: int, width: int) -> list[float]:
    """The sizes at which to look at a picture, growing, each once."""
    wanted = (min(most, math.sqrt(pixels / (height * width))) for pixels, most in LOOKS)
    return list(dict.fromkeys(wanted))


def _resize(image: RGBImage, scale: float) -> RGBImage:
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=method), dtype=np.uint8)


def _unscale(point: dlib.point, scale: float) -> tuple[float, float]:
    """From pixel centres of the scaled picture to those of the picture."""
    return (point.x + 0.5) / scale - 0.5, (point.y + 0.5) / scale - 0.5


def _box(rectangle: dlib.rectangle, scale: float) -> Box:
    return Box(*(v / scale for v in (rectangle.left(), rectangle.top(), rectangle.width(), rectangle.height())))


def _rectangle(box: Box) -> dlib.rectangle:
    return dlib.rectangle(*(round(v) for v in (box.x, box.y, box.x + box.width - 1, box.y + box.height - 1)))
