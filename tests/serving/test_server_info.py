"""What ``server_info`` says of the machine; ``nvidia-smi`` is the test's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("gpu", "better"), [("81559, 81000", "paper"), ("8192, 8000", None), ("", None)])
async def test_the_server_names_the_better_preset_that_would_fit(
    alone: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: str, better: str | None
) -> None:
    for capability in ("PLANNER", "FIRST_FRAME", "FACE_DETAIL", "VIDEO"):
        monkeypatch.delenv(f"STEADFACE_{capability}")
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '{gpu}'; test -n '{gpu}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    async with alone.open() as client:
        info = await client.call_tool("server_info", {})
    assert info.structured_content["better_preset"] == better
    assert ("The preset paper would fit on the GPU" in info.content[0].text) == (better == "paper")
