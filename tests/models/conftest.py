from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from models_command import CLIP, COMMAND, RELEASES, YUNET, Run
from stub_hub import StubHub, zipped


@pytest.fixture
def hub() -> Iterator[StubHub]:
    hub = StubHub()
    hub.commit(YUNET, {"face_detection_yunet_2023mar.onnx": b"finds faces" * 9, "README.md": b"not needed"})
    hub.commit(
        CLIP,
        {
            "config.json": b"{}",
            "preprocessor_config.json": b'{"size": 224}',
            "model.safetensors": b"sees" * 50_000,
            "pytorch_model.bin": b"not needed",
        },
    )
    hub.archives[f"{RELEASES}/antelopev2.zip"] = zipped(
        {f"antelopev2/{name}.onnx": name.encode() * 9000 for name in ("scrfd_10g_bnkps", "2d106det", "glintr100")}
    )
    yield hub
    hub.close()


@pytest.fixture
def environment(hub: StubHub, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Of a machine of the test's own, whose network leads to the stub alone."""
    for name, value in {
        "HOME": str(tmp_path),
        "HF_HOME": str(tmp_path / "hf"),
        "HF_ENDPOINT": hub.url,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "STUB_RELEASES": hub.url,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    return dict(os.environ)


@pytest.fixture
def models(environment: dict[str, str]) -> Run:
    """``steadface models …`` as a person runs it, who is never shown a stack trace."""

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, "models", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment | more,
            timeout=50,
        )
        assert "Traceback" not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def pulled(models: Run) -> Run:
    """A pull whose licences are accepted, and that must do."""

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        done = models("pull", *words, "--accept-licences", **more)
        assert done.returncode == 0, done.stderr
        return done

    return run
