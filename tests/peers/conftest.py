from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image
from served import SERVE_HTTP, HttpServer, housed
from served import start as start_server

HERE = Path(__file__).parent
PACKAGES = HERE / "node_modules"
SERVERS = {"steadface": SERVE_HTTP, "fixture": (sys.executable, str(HERE / "fixture_server.py"))}

Start = Callable[[str], str]
Peer = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def photo(instant: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photo in the folder that servers work in."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "photo.png"
    Image.new("RGB", (320, 240), "tan").save(path)
    return path


@pytest.fixture(scope="session")
def running() -> Iterator[dict[str, HttpServer]]:
    """Servers by their name, which outlive a test."""
    servers: dict[str, HttpServer] = {}
    yield servers
    for server in servers.values():
        server.stop()


@pytest.fixture
def start(photo: Path, running: dict[str, HttpServer], tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Start servers on free ports, by their name, where no earlier test did; the address comes back."""

    def started(name: str) -> str:
        if name not in running:
            folder = tmp_path_factory.mktemp(name)
            running[name] = start_server(SERVERS[name], folder / "server.log", housed(folder), folder)
        return running[name].url

    return started


@pytest.fixture(scope="session")
def node() -> str:
    """Node 22.19 or newer: the one that was installed beside the peers, else this machine's own."""
    if not PACKAGES.is_dir():
        pytest.skip("the peers are not installed: make node does that, and needs npm")
    found = [*map(str, PACKAGES.glob("node-*/bin/node")), shutil.which("node")]
    for path in filter(None, found):
        version = subprocess.run([path, "--version"], capture_output=True, text=True).stdout.strip()
        if tuple(map(int, version.lstrip("v").split(".")[:2])) >= (22, 19):
            return path
    pytest.skip("the peers need Node 22.19 or newer")


@pytest.fixture
def peer(node: str, tmp_path: Path) -> Peer:
    """Run a script of a peer's package, with arguments, in the test's own folder."""

    def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [node, str(PACKAGES / "@modelcontextprotocol" / script), *arguments]
        environment = {**os.environ, "NO_COLOR": "1", "MCP_STORAGE_DIR": str(tmp_path / "inspector")}
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=55)

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What ran against the peers, as a table that people read."""
    told = [
        str(value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name == "conformance"
    ]
    if told:
        terminalreporter.section("conformance")
        terminalreporter.write_line("\n".join(told))
