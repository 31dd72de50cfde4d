from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import pytest
from issuer import Issuer
from mcp import Client
from served import SERVE_HTTP, HttpServer, housed, inside, start, stdio
from studio import PHOTO, Studio, beside, data_uri, photo_in

if TYPE_CHECKING:
    from agent.jobs import JobEngine

Transport = Literal["stdio", "http"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def photo(instant: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photo in the folder that servers work in; the instant recogniser finds the person in it."""
    monkeypatch.chdir(tmp_path)
    return photo_in(tmp_path)


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
    """How to connect a new client, how it names the photo, and the server's working folder and home."""

    transport: Transport
    open: Callable[..., AbstractAsyncContextManager[Client]]
    reference: str
    folder: Path
    home: Path


@pytest.fixture(params=["stdio-auto", "stdio-legacy", "http-auto", "http-legacy"])
def connection(request: pytest.FixtureRequest, instant: ModuleType) -> Connection:
    """Both transports, in both eras of the protocol, to a server process that has the instant backends.

    The processes outlive a test, and on stdio so does the client; the test finds an empty home.
    """
    transport, era = request.param.split("-")
    if transport == "stdio":
        client, studio = request.getfixturevalue(f"stdio_{era}")
        _leave_its_loop()
        studio.empty()
        return Connection("stdio", lambda: nullcontext(client), studio.photo.name, studio.folder, studio.home)
    url, studio = request.getfixturevalue("over_http")
    photo = data_uri(studio.photo)
    return Connection("http", lambda **options: Client(url, mode=era, **options), photo, studio.folder, studio.home)


@pytest.fixture
def over_http(request: pytest.FixtureRequest, instant: ModuleType) -> tuple[str, Studio]:
    """The address of a server process on loopback that outlives the test; the test finds an empty home."""
    server, studio = request.getfixturevalue("http_server")
    studio.empty()
    return server.url, studio


def _leave_its_loop() -> None:
    """The loop of a client that lives on is not running between tests, where anyio would take it for running."""
    with suppress(ModuleNotFoundError):
        from sniffio import current_async_library_cvar

        current_async_library_cvar.set(None)


# What tests share is asked for by name, in a test that has ``instant``: it starts with the environment of that moment.


@pytest.fixture(scope="session")
async def stdio_auto(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Client, Studio]]:
    studio = Studio(tmp_path_factory.mktemp("stdio-auto"))
    async with Client(stdio(housed(studio.folder), studio.folder)) as client:
        yield client, studio


@pytest.fixture(scope="session")
async def stdio_legacy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Client, Studio]]:
    studio = Studio(tmp_path_factory.mktemp("stdio-legacy"))
    async with Client(stdio(housed(studio.folder), studio.folder), mode="legacy") as client:
        yield client, studio


@pytest.fixture(scope="session")
def http_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HttpServer, Studio]]:
    """One server process on loopback for clients of both eras."""
    studio = Studio(tmp_path_factory.mktemp("http"))
    server = start(SERVE_HTTP, studio.folder / "server.log", housed(studio.folder), studio.folder)
    yield server, studio
    server.stop()


@pytest.fixture(scope="session")
def engine_inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[JobEngine, Studio]]:
    """An engine of this process, for servers that come and go before it."""
    from agent.jobs import JobEngine
    from agent.settings import load_settings

    studio = Studio(tmp_path_factory.mktemp("inside"))
    with pytest.MonkeyPatch.context() as patched:
        studio.move_in(patched)
        settings = load_settings()
    with JobEngine(settings) as engine:
        yield engine, studio


@pytest.fixture
def process(photo: Path, home: Path) -> Connection:
    """Server processes on stdio, each with one client of the newest era."""
    return Connection("stdio", lambda **options: Client(stdio(), **options), photo.name, photo.parent, home)


@pytest.fixture
def local(request: pytest.FixtureRequest, photo: Path, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """Servers in this process, each with one client of the newest era, where the transport does not matter.

    They share an engine that outlives the test and has the usual settings; the test finds an empty home.
    """
    engine, studio = request.getfixturevalue("engine_inside")
    studio.empty()
    studio.move_in(monkeypatch)
    return Connection(
        "stdio", lambda **options: Client(beside(engine), **options), photo.name, photo.parent, studio.home
    )


@pytest.fixture
def alone(photo: Path, home: Path) -> Connection:
    """As ``local``, but each server has an engine of its own, with the settings of that moment and the test's home."""
    return Connection("stdio", lambda **options: Client(inside(), **options), photo.name, photo.parent, home)


@pytest.fixture
def photo_data(photo: Path) -> str:
    return data_uri(photo)


@pytest.fixture
def ask() -> Callable[..., dict[str, Any]]:
    """Arguments of a call of ``generate_identity_video``, with the photo that lies in the server's working folder."""

    def arguments(prompt: str, **others: Any) -> dict[str, Any]:
        return {"reference": PHOTO, "prompt": prompt, "consent": "synthetic", "seed": 7, **others}

    return arguments


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An OAuth issuer on loopback."""
    with Issuer() as running:
        yield running
