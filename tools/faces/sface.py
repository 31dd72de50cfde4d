"""Faces by OpenCV alone, under permissive licences: YuNet finds them, SFace embeds them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.contracts import Box, Embedding, Face, RGBImage, Thresholds
from tools.errors import Unavailable
from tools.models.place import folder_of, how_to_get

T = TypeVar("T")

CANVAS = 640
"""Side of the square that YuNet sees: its published file is made for that, and some engines of OpenCV 5 hold to it."""

SIDES = (640, 320)
"""The squares into which a picture is fitted, until a face is seen. YuNet knows faces of 10 to 300 pixels: in an
832x480 picture those of 13 to 390 pixels, then of up to 780."""

FAINTEST = 0.5
"""Detections below this score are none."""

OVERLAP = 0.3
"""Of two boxes that overlap by more, intersection over union, the one with the better score stays."""

POINTS = ("right_eye", "left_eye", "nose_tip", "right_mouth_corner", "left_mouth_corner")
"""The subject's own left and right, in the order of YuNet."""

NOSE_DEPTH = 0.59
"""How far the tip of the nose stands before the eyes, in distances from eye to eye: of insightface's mean head."""

Row = NDArray[np.float32]
"""A face as YuNet tells it, in pixels: box, five points, score; shape (15,)."""


class SFaceAnalyzer:
    """SFace. Similarity is the cosine of two embeddings: 1 is the same embedding, strangers lie about 0.

    Of the thresholds OpenCV has published the limit for one person, 0.363 (on LFW); the others keep the distances that
    ArcFace's have from its own, and are not measured:

    - ``first_frame`` 0.45: stricter than one person's limit, since a still has no codec and no motion to excuse it.
    - ``video_mean`` 0.363: one person's limit.
    - ``video_p10`` 0.23: as far below as ArcFace's.
    - ``smallest_face`` 64: both see the face in 112x112 pixels.
    - ``detector_floor`` 0.7: between what OpenCV's examples ask for, 0.6 and 0.9.
    - ``widest_yaw`` 30: less than ArcFace's, because the yaw is a guess from five points.
    """

    name = "SFace"
    thresholds = Thresholds(
        first_frame=0.45, video_mean=0.363, video_p10=0.23, smallest_face=64, detector_floor=0.7, widest_yaw=30.0
    )

    def __init__(self, detector: cv2.FaceDetectorYN, recogniser: cv2.FaceRecognizerSF) -> None:
        self._detector = detector
        self._recogniser = recogniser

    def analyze(self, images: Sequence[RGBImage]) -> list[list[Face]]:
        """Every face found, per image, largest box first."""
        return [
            sorted(self._faces(image), key=lambda face: face.box.width * face.box.height, reverse=True)
            for image in images
        ]

    def similarity(self, a: Face, b: Face) -> float:
        """The cosine of the two embeddings."""
        return float(a.embedding @ b.embedding / (np.linalg.norm(a.embedding) * np.linalg.norm(b.embedding)))

    def _faces(self, image: RGBImage) -> list[Face]:
        bgr = np.ascontiguousarray(image[..., ::-1])
        return [self._described(bgr, row) for row in self._find(bgr)]

    def _find(self, bgr: RGBImage) -> list[Row]:
        for side in SIDES:
            canvas, scale = _on_canvas(bgr, side)
            _, rows = self._detector.detect(canvas)
            if rows is not None:
                return [np.append(row[:14] / scale, row[14]).astype(np.float32) for row in rows]
        return []

    def _described(self, bgr: RGBImage, row: Row) -> Face:
        places = row[4:14].reshape(5, 2).tolist()
        points = {name: (x, y) for name, (x, y) in zip(POINTS, places, strict=True)}
        yaw, roll = head_pose(points)
        return Face(Box(*row[:4].tolist()), float(row[14]), points, self._embedding(bgr, row), yaw, roll)

    def _embedding(self, bgr: RGBImage, row: Row) -> Embedding:
        # Copied: the recogniser gives its own memory, which the next face overwrites.
        return np.array(self._recogniser.feature(self._recogniser.alignCrop(bgr, row)), dtype=np.float32).ravel()


def sface_analyzer() -> SFaceAnalyzer:
    """``Unavailable`` where a network is missing or is not what OpenCV reads."""
    return SFaceAnalyzer(
        _opened("yunet", "face_detection_yunet_2023mar.onnx", _detector),
        _opened("sface", "face_recognition_sface_2021dec.onnx", lambda file: cv2.FaceRecognizerSF.create(file, "")),
    )


def head_pose(points: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
    """Yaw and roll in degrees, from the eyes and the tip of the nose.

    Roll is the slope from eye to eye. Yaw is how far the nose stands off the middle of the eyes, along that line, on a
    mean head: a longer nose reads as a wider turn, and beyond some 45 degrees, where an eye is hidden, it says little.
    """
    right, left, nose = (np.array(points[name]) for name in ("right_eye", "left_eye", "nose_tip"))
    across = left - right
    aside = float((nose - (left + right) / 2) @ across / (across @ across))
    return math.degrees(math.atan(aside / NOSE_DEPTH)), math.degrees(math.atan2(across[1], across[0]))


def _on_canvas(bgr: RGBImage, side: int) -> tuple[RGBImage, float]:
    """The picture fitted into ``side`` pixels in the corner of YuNet's square, and its scale."""
    scale = side / max(bgr.shape[:2])
    height, width = (max(1, round(length * scale)) for length in bgr.shape[:2])
    canvas = np.zeros((CANVAS, CANVAS, 3), dtype=np.uint8)
    canvas[:height, :width] = cv2.resize(
        bgr, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    return canvas, scale


def _detector(file: str) -> cv2.FaceDetectorYN:
    return cv2.FaceDetectorYN.create(
        file, "", input_size=(CANVAS, CANVAS), score_threshold=FAINTEST, nms_threshold=OVERLAP
    )


def _opened(model: str, name: str, create: Callable[[str], T]) -> T:
    file = folder_of(model) / name
    if not file.is_file():
        raise Unavailable(f"{file} is missing; {how_to_get(model)}.")
    try:
        return create(str(file))
    except cv2.error as error:
        raise Unavailable(f"{file} cannot be read; delete it and {how_to_get(model)}.") from error
