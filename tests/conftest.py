from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

INSTANT = Path(__file__).parent / "instant"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ``STEADFACE_HOME`` of the test's own, and no setting of the person who runs it."""
    for name in [name for name in os.environ if name.startswith("STEADFACE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STEADFACE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STEADFACE_VIDEOS", str(tmp_path / "videos"))
    return tmp_path / "home"


@pytest.fixture
def instant(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The backends of ``tests/instant``, installed and chosen, here and in processes started from here."""
    monkeypatch.syspath_prepend(str(INSTANT))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(INSTANT), os.environ.get("PYTHONPATH")))))
    for capability in ("PLANNER", "FACES", "MATTING", "FIRST_FRAME", "FACE_DETAIL", "VIDEO"):
        monkeypatch.setenv(f"STEADFACE_{capability}", "instant")
    for setting, value in {"WIDTH": "256", "HEIGHT": "144", "FRAMES": "41", "CANCEL_GRACE": "2"}.items():
        monkeypatch.setenv(f"STEADFACE_{setting}", value)
    memory = tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setenv("INSTANT_MEMORY", str(memory))
    return sys.modules.get("instant") or importlib.import_module("instant")
