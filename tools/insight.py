"""insightface's networks, opened from a pack on this machine and run: what ArcFace and HyperLoRA know of faces.

Its own application is not used: it would download packs, and look at every picture in two sizes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.contracts import Box, RGBImage
from tools.errors import Unavailable
from tools.models.place import folder_of, how_to_get

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"

FAINTEST = 0.5
"""Detections below this score are none; insightface's own limit."""

OVERLAP = 0.4
"""Of two boxes that overlap by more, intersection over union, the one with the better score stays."""

ERRORS_ONLY = 3
"""Of onnxruntime's log: published networks declare a batch of one, and it warns with each larger one."""

Task = Literal["detection", "recognition", "landmark_2d_106", "landmark_3d_68", "genderage"]

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Sighting:
    """A face as the detector saw it: its box, and the five points that its alignment needs, shape (5, 2)."""

    box: Box
    score: float
    keypoints: FloatArray


class Detector:
    """SCRFD, which looks at a picture fitted into a square."""

    def __init__(self, pack: str, file: str, providers: Sequence[str]) -> None:
        self._network = open_network(pack, file, "detection", providers)
        self._network.prepare(ctx_id=0, det_thresh=FAINTEST, nms_thresh=OVERLAP)

    def find(self, image: RGBImage, side: int) -> list[Sighting]:
        """Faces of the picture fitted into ``side`` pixels, a multiple of 32; best score first, in pixels of it."""
        # Given with each call: the sizes that newer versions prepare for outlive a change of ``input_size``.
        boxes, keypoints = self._network.detect(_bgr(image), input_size=(side, side))
        return [
            Sighting(Box(x0, y0, x1 - x0, y1 - y0), score, points)
            for (x0, y0, x1, y1, score), points in zip(boxes.tolist(), keypoints, strict=True)
        ]


class Recogniser:
    """ArcFace, which sees a face upright in 112x112 pixels."""

    def __init__(self, pack: str, file: str, providers: Sequence[str]) -> None:
        self._network = open_network(pack, file, "recognition", providers)

    def embeddings(self, faces: Sequence[tuple[RGBImage, Sighting]]) -> FloatArray:
        """Shape (faces, 512), in one run; not normalised."""
        if not faces:
            return np.empty((0, 512), dtype=np.float32)
        return np.asarray(self._network.get_feat([_bgr(aligned(*face)) for face in faces]), dtype=np.float32)


class CropReader:
    """A network that reads something from the crop round a face: landmarks, the pose, or age and sex."""

    def __init__(self, pack: str, file: str, task: Task, providers: Sequence[str]) -> None:
        self._network = open_network(pack, file, task, providers)

    def read(self, image: RGBImage, face: Sighting) -> Any:  # noqa: ANN401 - insightface's own Face
        """The face as insightface keeps it, a mapping, with what was read."""
        from insightface.app.common import Face

        x, y, width, height = face.box
        read = Face(bbox=np.array([x, y, x + width, y + height], dtype=np.float32), kps=face.keypoints)
        self._network.get(_bgr(image), read)
        return read


def aligned(image: RGBImage, face: Sighting) -> RGBImage:
    """The face as recognisers were trained on it: turned, moved and scaled so that its five points lie at set places.

    insightface's own function does the same with a call that scikit-image is about to remove.
    """
    from insightface.utils.face_align import arcface_dst
    from skimage.transform import SimilarityTransform

    there = SimilarityTransform.from_estimate(face.keypoints, arcface_dst).params[:2]
    return np.asarray(cv2.warpAffine(image, there, (112, 112), borderValue=0.0), dtype=np.uint8)


def open_network(pack: str, file: str, task: Task, providers: Sequence[str]) -> Any:  # noqa: ANN401 - a class of insightface
    """A network of a pack of the catalog; ``Unavailable`` where insightface, the pack or a provider is missing."""
    folder = folder_of(pack)
    try:
        from insightface.model_zoo import get_model
        from onnxruntime import SessionOptions
    except ImportError as error:
        raise Unavailable(
            f"insightface, which runs the networks of {pack}, is not installed; get it with: "
            "pip install 'steadface[arcface]' && pip install --no-deps insightface "
            "(with its dependencies it would overwrite Steadface's OpenCV)."
        ) from error
    options = SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    try:
        network = get_model(str(folder / file), providers=list(providers), sess_options=options)
    except Exception as error:  # onnxruntime's have no base of their own
        raise Unavailable(f"{folder / file} cannot be read; delete it and {how_to_get(pack)}.") from error
    if network is None or network.taskname != task:
        raise Unavailable(f"{folder / file} is not the network for {task}; {how_to_get(pack)}.")
    if network.session.get_providers()[0] != providers[0]:
        raise Unavailable(
            f"onnxruntime offers {providers[0]} and cannot start it here; mend its installation, or run on the CPU "
            "with STEADFACE_ONNX_PROVIDER=cpu."
        )
    return network


def best_providers() -> list[str]:
    """Where onnxruntime computes: what ``STEADFACE_ONNX_PROVIDER`` names, else CUDA where it is offered, else the CPU.

    A provider may be named in full or without its ending, as ``cuda``; ``Unavailable`` where it is not offered.
    """
    try:
        from onnxruntime import get_available_providers
    except ImportError as error:
        raise Unavailable("onnxruntime is not installed; get it with: pip install 'steadface[arcface]'.") from error
    offered = get_available_providers()
    named = os.environ.get("STEADFACE_ONNX_PROVIDER")
    if not named:
        return [CUDA, CPU] if CUDA in offered else [CPU]
    ending = "executionprovider"
    for provider in offered:
        if provider.lower().removesuffix(ending) == named.lower().removesuffix(ending):
            return [provider]
    raise Unavailable(
        f"STEADFACE_ONNX_PROVIDER asks for {named}, which this onnxruntime does not offer; set it to one of: "
        f"{', '.join(offered)}, or install the onnxruntime that has it (CUDA: onnxruntime-gpu)."
    )


def _bgr(image: RGBImage) -> RGBImage:
    return np.ascontiguousarray(image[..., ::-1])
