from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from agent.cli import app

SERVER = Path(__file__).parents[2] / "server.py"


@pytest.fixture
def home(emptied_home: Path) -> Path:
    return emptied_home


@pytest.fixture
def photo(instant: ModuleType, tmp_path: Path) -> Path:
    """A photo beside the manifest; the instant recogniser finds the person in it."""
    path = tmp_path / "photo.png"
    Image.new("RGB", (320, 240), "tan").save(path)
    return path


@pytest.fixture
def manifest(photo: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write a manifest of prompts by their ids; a dict instead of a prompt is further fields of the row."""

    def write(name: str = "manifest.jsonl", **rows: str | dict[str, Any]) -> Path:
        lines = [
            {"custom_id": custom_id, "reference": photo.name} | ({"prompt": row} if isinstance(row, str) else row)
            for custom_id, row in rows.items()
        ]
        path = tmp_path / name
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    return write


@pytest.fixture
def batch(instant: ModuleType, kept_workers: None, tmp_path: Path) -> Callable[..., Result]:
    """``steadface batch run`` into ``out``; every outcome is free of stack traces."""

    def run(manifest: Path, *words: object, consent: str | None = "synthetic") -> Result:
        done = CliRunner().invoke(app, command(manifest, tmp_path / "out", *words, consent=consent))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert "Traceback" not in done.output
        return done

    return run


def command(manifest: Path, out: Path, *words: object, consent: str | None = "synthetic") -> list[str]:
    stated = [] if consent is None else ["--consent", consent]
    return ["batch", "run", str(manifest), "--out", str(out), *stated, *map(str, words)]


@pytest.fixture
def begin(instant: ModuleType, tmp_path: Path) -> Any:
    """Start ``steadface batch run`` and go on; what still runs is killed at the end of the test."""
    running: list[subprocess.Popen[str]] = []

    def start(manifest: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(SERVER), *command(manifest, tmp_path / "out")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def lines(tmp_path: Path) -> Callable[[str], dict[str, dict[str, Any]]]:
    """The lines of ``results`` or ``errors`` by their ids; the last of each."""

    def read(name: str) -> dict[str, dict[str, Any]]:
        file = tmp_path / "out" / f"{name}.jsonl"
        return {line["custom_id"]: line for line in map(json.loads, file.read_text().splitlines())}

    return read
