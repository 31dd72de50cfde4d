from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_wan import save_tiny_wan

from tools.contracts import Box, CutOut, Face, Reference, RGBImage
from tools.video.checkpoint import Wan, shared
from tools.video.wan_vace import VACE_14B


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Models this small are slowed down by more, and by other tests that run beside."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tiny_wan_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_wan(tmp_path_factory.mktemp("wan"))


@pytest.fixture
def tiny_wan(tiny_wan_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Wan:
    """Loaded as both models are, by their variables; tests leave it as it was."""
    monkeypatch.setenv("STEADFACE_WAN_VACE_1_3B", str(tiny_wan_folder))
    monkeypatch.setenv("STEADFACE_WAN_VACE_14B", str(tiny_wan_folder))
    return shared(VACE_14B)


@pytest.fixture
def picture() -> Callable[..., RGBImage]:
    """Noise of a seed and a size."""

    def made(seed: int, width: int = 64, height: int = 64) -> RGBImage:
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)

    return made


@pytest.fixture
def photo() -> Callable[..., Reference]:
    """A reference whose person is a box of one colour in the middle of a photo, cut out."""

    def made(colour: Sequence[int], width: int = 60, height: int = 80) -> Reference:
        image = np.zeros((height, width, 3), np.uint8)
        inside = np.zeros((height, width), bool)
        inside[height // 4 : -height // 4, width // 4 : -width // 4] = True
        image[inside] = colour
        cut = np.dstack([image, inside.astype(np.uint8) * 255])
        face = Face(Box(20, 20, 20, 20), 1.0, {}, np.zeros(4, np.float32))
        return Reference(image, face, CutOut(cut, "test"), "person")

    return made
