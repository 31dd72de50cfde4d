from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tools.contracts import Face, Reference, RGBImage, Size
from tools.faces.dlib_resnet import DlibAnalyzer
from tools.matting.grabcut import Scissors
from tools.preview.first_frame import PreviewFirstFrame

ASTRONAUT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
SIZE = Size(832, 480)


@dataclass(frozen=True)
class Seen:
    """The largest face of a picture: its box, and how like the reference it is."""

    face: Face
    similarity: float


@pytest.fixture(scope="session")
def analyzer() -> DlibAnalyzer:
    return DlibAnalyzer()


@pytest.fixture(scope="session")
def reference(analyzer: DlibAnalyzer) -> Reference:
    photo = np.asarray(Image.open(ASTRONAUT).convert("RGB"))
    face = analyzer.analyze([photo])[0][0]
    return Reference(photo, face, Scissors().remove(photo, face), "woman")


@pytest.fixture(scope="session")
def see(analyzer: DlibAnalyzer, reference: Reference):
    """Look at pictures as the gate does: the largest face above the floor in each, or None."""

    def look(pictures: list[RGBImage]) -> list[Seen | None]:
        floor = analyzer.thresholds.detector_floor
        found = [[face for face in faces if face.score >= floor] for faces in analyzer.analyze(pictures)]
        return [Seen(faces[0], analyzer.similarity(faces[0], reference.face)) if faces else None for faces in found]

    return look


@pytest.fixture(scope="session")
def paint(reference: Reference):
    def paint_one(prompt: str, seed: int = 1, size: Size = SIZE) -> RGBImage:
        return PreviewFirstFrame().generate([reference], prompt, [seed], size, lambda *_: None)[0]

    return paint_one
