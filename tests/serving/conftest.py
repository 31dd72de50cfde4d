from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pytest
from issuer import Issuer
from mcp import Client
from PIL import Image
from served import SERVE_HTTP, HttpServer, inside, start, stdio

Transport = Literal["stdio", "http"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def photo(instant: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photo in the folder that servers work in; the instant recogniser finds the person in it."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "photo.png"
    Image.new("RGB", (320, 240), "tan").save(path)
    return path


@pytest.fixture
def start_http(photo: Path, tmp_path: Path) -> Iterator[Callable[..., HttpServer]]:
    """Start servers on free ports, with further arguments of the command; they end with the test."""
    running: list[HttpServer] = []

    def started(*arguments: str) -> HttpServer:
        running.append(start([*SERVE_HTTP, *arguments], tmp_path / f"server-{len(running)}.log"))
        return running[-1]

    yield started
    for server in running:
        server.stop()


@dataclass
class Connection:
    """How to connect a new client, and how it names the photo."""

    transport: Transport
    open: Callable[[], AbstractAsyncContextManager[Client]]
    reference: str


@pytest.fixture(params=["stdio-auto", "stdio-legacy", "http-auto", "http-legacy"])
def connection(request: pytest.FixtureRequest, photo: Path) -> Connection:
    """Both transports, in both eras of the protocol, to a server process that has the instant backends."""
    transport, era = request.param.split("-")
    if transport == "stdio":
        return Connection("stdio", lambda: Client(stdio(), mode=era), photo.name)
    url = request.getfixturevalue("start_http")().url
    return Connection("http", lambda: Client(url, mode=era), data_uri(photo))


@pytest.fixture
def process(photo: Path) -> Connection:
    """Server processes on stdio, each with one client of the newest era."""
    return Connection("stdio", lambda: Client(stdio()), photo.name)


@pytest.fixture
def local(photo: Path) -> Connection:
    """Servers in this process, each with one client of the newest era, where the transport does not matter."""
    return Connection("stdio", lambda: Client(inside()), photo.name)


def data_uri(photo: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(photo.read_bytes()).decode()}"


@pytest.fixture
def photo_data(photo: Path) -> str:
    return data_uri(photo)


@pytest.fixture
def ask(photo: Path) -> Callable[..., dict[str, Any]]:
    """Arguments of a call of ``generate_identity_video``."""

    def arguments(prompt: str, **others: Any) -> dict[str, Any]:
        return {"reference": photo.name, "prompt": prompt, "consent": "synthetic", "seed": 7, **others}

    return arguments


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An OAuth issuer on loopback."""
    with Issuer() as running:
        yield running
