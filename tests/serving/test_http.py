"""Over HTTP: who may call, by which names, and what they learn about the machine."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import psutil
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from studio import Studio

from agent.serving.access import Access, access_of
from agent.serving.http import listen, reach_of
from agent.serving.reach import Reach
from agent.settings import load_settings
from tools.errors import InputError

pytestmark = pytest.mark.anyio

TOKEN = "a-token-of-the-test"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "gpu-box"])
def test_nobody_listens_to_the_network_without_a_token(host: str) -> None:
    with pytest.raises(InputError, match="STEADFACE_TOKEN"):
        reach_of(host, Access())
    assert reach_of(host, Access(TOKEN)) is Reach.NETWORK


def test_no_answer_waits_for_a_client_to_acknowledge_the_part_before() -> None:
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_token_that_is_soon_guessed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFACE_TOKEN", "letmein")
    with pytest.raises(InputError, match="shorter than 16 characters") as told:
        access_of(load_settings())
    assert "letmein" not in str(told.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_this_machine_needs_no_token_and_counts_as_the_network_with_one(host: str) -> None:
    assert reach_of(host, Access()) is Reach.LOOPBACK
    assert reach_of(host, Access(TOKEN)) is Reach.NETWORK


def test_a_port_without_http_is_refused_where_a_server_on_stdio_would_wait_for_ever() -> None:
    command = [sys.executable, "-m", "server", "serve", "--port", "8001"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "give --http too" in done.stderr


def test_an_open_bind_is_refused_in_one_sentence_with_exit_code_2() -> None:
    command = [sys.executable, "-m", "server", "serve", "--http", "--host", "0.0.0.0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("steadface: Without a token anyone on the network")
    assert done.stderr.count("\n") == 1


def test_a_taken_port_is_told_in_one_sentence(over_http: tuple[str, Studio]) -> None:
    port = over_http[0].split(":")[-1].split("/")[0]
    command = [sys.executable, "-m", "server", "serve", "--http", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"port {port}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_page_under_another_name_is_turned_away(start_http: Callable[..., Any]) -> None:
    url = start_http("--allow-host", "gpu.example").url
    body = {"jsonrpc": "2.0", "id": 1, "method": "ping"}

    def status(**headers: str) -> int:
        accept = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        return httpx2.post(url, content=json.dumps(body), headers=accept | headers).status_code

    assert status(host="evil.example") == 421
    assert status(origin="http://evil.example") == 403
    assert status() not in (403, 421)
    assert status(host="gpu.example", origin="https://gpu.example") not in (403, 421)


async def test_with_a_token_nothing_but_health_answers_without_it(
    start_http: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFACE_TOKEN", TOKEN)
    url = start_http().url
    root = url.removesuffix("/mcp")
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Bearer {TOKEN}x"}):
        refused = httpx2.post(url, content="{}", headers=headers)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
    assert httpx2.get(f"{root}/health").json() == {"status": "ok"}
    async with _with_token(url) as client:
        assert (await client.list_tools()).tools


async def test_callers_from_the_network_see_no_folder_and_name_no_path(
    start_http: Callable[..., Any],
    ask: Callable[..., dict[str, Any]],
    photo: Path,
    photo_data: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STEADFACE_TOKEN", TOKEN)
    async with _with_token(start_http().url) as client:
        refused = await client.call_tool("generate_identity_video", ask("waves", reference=str(photo)))
        made = await client.call_tool("generate_identity_video", ask("waves", reference=photo_data))
        failed = await client.call_tool(
            "generate_identity_video", ask("similarity=0.1", reference=photo_data, on_gate_failure="fail")
        )
        listed = await client.call_tool("list_video_jobs", {})
        info = await client.call_tool("server_info", {})
        resource = await client.read_resource(made.structured_content["video_uri"])
    assert "data: URI" in refused.content[0].text
    assert made.structured_content["result"]["video"] == "video.mp4"
    assert failed.structured_content["error"]["kind"] == "GateError"
    assert failed.structured_content["error"]["attachments"]
    for answer in (refused, made, failed, listed, info):
        assert str(home.parent) not in answer.model_dump_json()
    assert resource.contents[0].blob


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_server_and_its_workers(
    start_http: Callable[..., Any], ask: Callable[..., dict[str, Any]], photo_data: str, number: int
) -> None:
    server = start_http()
    async with Client(server.url) as client:
        begun = await client.call_tool("generate_identity_video", ask("video=60", reference=photo_data, wait_seconds=0))
        job = begun.structured_content
        while job["stage"] != "animate":
            assert job["status"] in ("queued", "running")
            await anyio.sleep(0.1)
            job = (await client.call_tool("get_video_job", {"job_id": job["job_id"]})).structured_content
        workers = psutil.Process(server.process.pid).children()
        server.stop(number)
    assert workers
    assert psutil.wait_procs(workers, timeout=2)[1] == []


@asynccontextmanager
async def _with_token(url: str) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers={"authorization": f"Bearer {TOKEN}"}, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client
