from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tiny_hyperlora import save_tiny_clip, save_tiny_hyperlora
from tiny_sdxl import save_tiny_sdxl

from tools import sdxl


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Models this small are slowed down by more, and by other tests that run beside."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tiny_hyperlora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_hyperlora(tmp_path_factory.mktemp("hyperlora"))


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="session")
def tiny_sdxl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_sdxl(tmp_path_factory.mktemp("sdxl"), vae_blocks=4)


@pytest.fixture
def tiny_sdxl(tiny_sdxl_folder: Path) -> sdxl.Sdxl:
    return sdxl.load(tiny_sdxl_folder, torch.device("cpu"))
