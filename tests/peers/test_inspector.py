"""The MCP Inspector, an independent client, on the command line: over stdio and over HTTP."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

INSPECTOR = "inspector/clients/launcher/build/index.js"
TOOL_FAILED = 5
"""The Inspector's exit code for a tool that answered with an error."""


@dataclass
class Inspected:
    """A server as the Inspector reaches it, and how a client of its transport gives the photo."""

    ask: Callable[..., subprocess.CompletedProcess[str]]
    reference: str

    def call(self, tool: str, **arguments: Any) -> subprocess.CompletedProcess[str]:
        return self.ask("tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments))


@pytest.fixture(params=["stdio", "http"])
def inspected(request: pytest.FixtureRequest, photo: Path, peer: Any, start: Any, tmp_path: Path) -> Inspected:
    if request.param == "http":
        where = [start("steadface"), "--transport", "http"]
        reference = f"data:image/png;base64,{base64.b64encode(photo.read_bytes()).decode()}"
    else:
        server = {"command": sys.executable, "args": ["-m", "server", "serve"], "env": dict(os.environ)}
        config = tmp_path / "mcp.json"
        config.write_text(json.dumps({"mcpServers": {"steadface": server}}))
        where, reference = ["--config", str(config), "--server", "steadface"], photo.name

    def ask(method: str, *options: str) -> subprocess.CompletedProcess[str]:
        answered: subprocess.CompletedProcess[str] = peer(
            INSPECTOR, "--cli", *where, "--method", method, *options, "--format", "json"
        )
        return answered

    return Inspected(ask, reference)


def test_it_lists_tools_whose_schemas_work_everywhere(inspected: Inspected) -> None:
    """``--strict`` exits with 6 where a schema holds what some client or model cannot read."""
    listed = inspected.ask("tools/list", "--strict")
    assert listed.returncode == 0, listed.stderr
    assert "generate_identity_video" in {tool["name"] for tool in json.loads(listed.stdout)["result"]["tools"]}


def test_it_makes_a_video(inspected: Inspected) -> None:
    made = inspected.call(
        "generate_identity_video", reference=inspected.reference, prompt="similarity=0.8 waves", consent="synthetic"
    )
    assert made.returncode == 0, made.stderr
    result = json.loads(made.stdout)["result"]
    job = result["structuredContent"]
    assert job["status"] == "completed"
    assert Path(job["result"]["video"]).is_file()
    assert {block["type"] for block in result["content"]} == {"text", "image", "resource_link"}


def test_it_finds_the_player(inspected: Inspected) -> None:
    told = inspected.ask("tools/list", "--app-info")
    assert told.returncode == 0, told.stderr
    apps = {app["toolName"]: app for app in map(json.loads, told.stdout.splitlines())}
    assert apps["generate_identity_video"]["resourceUri"].startswith("ui://")
    assert apps["generate_identity_video"]["resourceMimeType"] == "text/html;profile=mcp-app"
    assert not apps["server_info"]["hasApp"]


def test_a_call_that_fails_exits_with_its_code(inspected: Inspected) -> None:
    failed = inspected.call("get_video_job", job_id="nothing")
    assert failed.returncode == TOOL_FAILED
    assert "There is no job 'nothing'" in failed.stdout
