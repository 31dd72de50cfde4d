"""Servers as tests start them: processes on stdio or HTTP, or one within the process of the test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from mcp import StdioServerParameters
from mcp.server.mcpserver import MCPServer

from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.server import build_server

SERVE = (sys.executable, "-m", "server", "serve")
SERVE_HTTP = (*SERVE, "--http", "--port", "0")


def inside() -> MCPServer[Any]:
    """What ``steadface serve`` serves on stdio, with the settings of this moment, for a client in this process."""
    return build_server(LateEngine(), Reach.STDIO)


def housed(folder: Path) -> dict[str, str]:
    """The environment of this moment for a server that outlives a test: what it keeps is kept in this folder."""
    kept = {
        "STEADFACE_HOME": folder / "home",
        "STEADFACE_VIDEOS": folder / "videos",
        "STEADFACE_INBOX": folder / "inbox",
        "INSTANT_MEMORY": folder,
    }
    return {**os.environ, **{name: str(path) for name, path in kept.items()}}


def stdio(environment: Mapping[str, str] | None = None, folder: Path | None = None) -> StdioServerParameters:
    """A process for one client, with the environment and the working folder of this moment where none are given."""
    return StdioServerParameters(command=SERVE[0], args=[*SERVE[1:]], env=dict(environment or os.environ), cwd=folder)


def workers_of(home: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter(["cmdline"]) if str(home) in (process.info["cmdline"] or [])]


@dataclass
class HttpServer:
    process: subprocess.Popen[bytes]
    url: str

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)  # does nothing where it has ended
        self.process.wait(timeout=20)


def start(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> HttpServer:
    """Start a server that says where it listens. What it says goes into a file: a full pipe would stop it."""
    with log.open("wb") as said:
        process = subprocess.Popen(
            command, stderr=said, stdout=said, stdin=subprocess.DEVNULL, env=environment, cwd=folder
        )
    while "listens on" not in log.read_text():
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    line = next(line for line in log.read_text().splitlines() if "listens on" in line)
    return HttpServer(process, line.split()[-1])
