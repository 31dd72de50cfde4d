from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tools.contracts import Face, RGBImage
from tools.faces.dlib_resnet import DlibAnalyzer

PORTRAIT = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


@pytest.fixture(scope="session")
def portrait() -> RGBImage:
    return np.asarray(Image.open(PORTRAIT).convert("RGB"))


@pytest.fixture(scope="session")
def analyzer() -> DlibAnalyzer:
    return DlibAnalyzer()


@pytest.fixture(scope="session")
def face(analyzer: DlibAnalyzer, portrait: RGBImage) -> Face:
    """The face of the portrait."""
    return analyzer.analyze([portrait])[0][0]
