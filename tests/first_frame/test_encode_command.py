"""``steadface hyperlora encode``: a LoRA file from photos, with the weights found as published ones would be."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from tiny_hyperlora import TINY, save_tiny_clip, save_tiny_hyperlora
from tiny_insightface import draw_face, plain_photo, save_tiny_pack
from typer.testing import CliRunner, Result

from agent.cli import app
from tools import media, sdxl
from tools.contracts import Box
from tools.pools.local import LocalPool

Encode = Callable[..., "subprocess.CompletedProcess[str]"]
Invoke = Callable[..., Result]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings for a process that finds everything but SDXL, which is not needed."""
    folder = tmp_path_factory.mktemp("models")
    places = {
        "STEADFACE_HYPERLORA": save_tiny_hyperlora(folder / "hyperlora", sizes=replace(TINY, face_dim=512)),
        "STEADFACE_CLIP": save_tiny_clip(folder / "clip"),
        "STEADFACE_ANTELOPEV2": save_tiny_pack(folder / "antelopev2", "antelopev2"),
        "STEADFACE_BUFFALO_L": save_tiny_pack(folder / "buffalo_l", "buffalo_l"),
    }
    return {name: str(place) for name, place in places.items()} | {"STEADFACE_FACES": "arcface"}


@pytest.fixture
def encode(home: Path, models: dict[str, str], tmp_path: Path) -> Encode:
    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(Path("server.py").absolute()), "hyperlora", "encode", *words]
        done = subprocess.run(
            command, env=os.environ | models | environment, capture_output=True, text=True, timeout=100, cwd=tmp_path
        )
        assert "Traceback" not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def invoke(
    kept_pool: LocalPool, emptied_home: Path, models: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Invoke:
    """The command within this process, with one worker for all that it is asked."""
    monkeypatch.setattr("agent.encoding.open_local_pool", lambda settings: kept_pool)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Result:
        done = CliRunner(env=models).invoke(app, ["hyperlora", "encode", *words])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    """Two of one person, of different sizes."""
    for name, side in (("one.png", 256), ("two.png", 320)):
        image = draw_face(plain_photo(side, 256), Box(80, 80, 96, 96), person=3)
        (tmp_path / name).write_bytes(media.png_bytes(image))
    return ["one.png", "two.png"]


def read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    with safe_open(path, framework="pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118 - it is no mapping


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_photos_become_a_lora_that_any_sdxl_pipeline_loads(
    invoke: Invoke, photos: list[str], tiny_sdxl_folder: Path, tmp_path: Path
) -> None:
    both, one = invoke(*photos, "-o", "both.safetensors"), invoke(photos[0], "-o", "one.safetensors")
    assert (both.exit_code, one.exit_code) == (0, 0), both.stderr + one.stderr
    name, usage = both.stdout.splitlines()
    assert name == "both.safetensors"
    for said in ("fcsks fxhks fhyks", "0.75 to 0.85", "CC BY-NC 4.0"):
        assert said in usage
    weights, facts = read(tmp_path / "both.safetensors")
    assert facts["modelspec.trigger_phrase"] == "fcsks fxhks fhyks"
    assert "CC BY-NC 4.0" in facts["licence"]
    of_one, _ = read(tmp_path / "one.safetensors")
    assert weights.keys() == of_one.keys()
    assert any(not torch.equal(weights[key], of_one[key]) for key in weights)
    pipe = sdxl.load(tiny_sdxl_folder, torch.device("cpu")).pipe
    pipe.load_lora_weights(tmp_path, weight_name="both.safetensors", adapter_name="me")
    assert pipe.get_active_adapters() == ["me"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("one.png", "-o", "me.pt"), "me.pt must end in .safetensors"),
        (("one.png", "-o", "nowhere/me.safetensors"), "There is no folder nowhere; make it"),
        (("none.png", "-o", "me.safetensors"), "none.png"),
    ],
)
def test_what_cannot_work_is_refused_in_one_sentence(
    invoke: Invoke, photos: list[str], words: tuple[str, ...], said: str
) -> None:
    refused = invoke(*words)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert said in refused.stderr


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_missing_weights_are_told_with_the_command_and_the_licence(
    encode: Encode, photos: list[str], tmp_path: Path
) -> None:
    missing = encode(photos[0], "-o", "me.safetensors", STEADFACE_HYPERLORA=str(tmp_path / "none"))
    assert missing.returncode == 1
    assert "steadface models pull hyperlora" in missing.stderr
    assert "CC BY-NC 4.0" in missing.stderr
    assert not (tmp_path / "me.safetensors").exists()
