"""Many MCP clients on one HTTP server: each submits, polls and lists for some minutes, on instant backends.

    python bench/load.py --clients 200 --minutes 3

Every client asks for a video, looks at it until it has ended, lists the newest jobs now and then, and asks again. At
the end every job that was promised must have ended once, with results of its own. The backends are those of
``tests/instant``, so the figures are the server's, the queue's and the store's, and nothing of any model.
"""

from __future__ import annotations

import argparse
import base64
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import anyio
import psutil
from mcp import Client, MCPError
from PIL import Image

ROOT = Path(__file__).parents[1]
INSTANT = ROOT / "tests" / "instant"
CAPABILITIES = ("PLANNER", "FACES", "MATTING", "FIRST_FRAME", "FACE_DETAIL", "VIDEO")
SMALL = {"WIDTH": "256", "HEIGHT": "144", "FRAMES": "5", "CANDIDATES": "1", "DETAIL_STRENGTH": "0"}
POLL = 2.0
"""Seconds between two looks of a client: what a program would leave; a model leaves more."""


@dataclass
class Measured:
    """Seconds of every call by its tool, jobs as they were promised, and how they ended."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    promised: list[str] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)
    folders: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)


async def client(number: int, url: str, photo: str, until: float, measured: Measured) -> None:
    chance = random.Random(number)
    await anyio.sleep(chance.uniform(0, POLL))
    async with Client(url) as mcp:

        async def call(tool: str, **arguments: Any) -> dict[str, Any] | None:  # noqa: ANN401 - JSON
            begun = time.perf_counter()
            answer = await mcp.call_tool(tool, arguments)
            measured.seconds.setdefault(tool, []).append(time.perf_counter() - begun)
            if answer.structured_content is None:
                measured.refused[answer.content[0].text] += 1  # type: ignore[union-attr] # errors are text
            return answer.structured_content

        turn = 0
        while time.monotonic() < until:
            turn += 1
            words = f"similarity=0.9 client {number} turn {turn}"
            job = await call(
                "generate_identity_video", reference=photo, prompt=words, consent="synthetic", wait_seconds=0
            )
            if job is None:
                await anyio.sleep(POLL)
                continue
            job_id = job["job_id"]
            measured.promised.append(job_id)
            while job is None or job["status"] not in ("completed", "failed", "cancelled"):
                await anyio.sleep(chance.uniform(0.5, 1.5) * POLL)
                if chance.random() < 0.1:
                    await call("list_video_jobs", limit=20)
                job = await call("get_video_job", job_id=job_id) or job
            measured.ended[job["status"]] += 1
            if job["result"]:
                measured.folders.add(job["result"]["folder"])


async def watch_memory(server: psutil.Process, measured: Measured) -> None:
    while True:
        measured.memory.append(server.memory_info().rss / 2**20)
        await anyio.sleep(5)


async def load(url: str, pid: int, clients: int, minutes: float) -> Measured:
    picture = BytesIO()
    Image.new("RGB", (320, 240), "tan").save(picture, "PNG")
    photo = f"data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}"
    async with Client(url) as mcp:
        await mcp.call_tool("list_video_jobs", {})  # once the engine is up: clients of a running server are measured
    measured, until = Measured(), time.monotonic() + 60 * minutes
    async with anyio.create_task_group() as watching:
        watching.start_soon(watch_memory, psutil.Process(pid), measured)
        async with anyio.create_task_group() as all_clients:
            for number in range(clients):
                all_clients.start_soon(client, number, url, photo, until, measured)
        watching.cancel_scope.cancel()
    return measured


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def tell(measured: Measured, clients: int, seconds: float) -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in ("mcp", "sqlalchemy", "langgraph"))
    print(f"{clients} clients, {seconds:.0f} s, {os.cpu_count()} cores; {packages}")
    promised, ended = len(measured.promised), sum(measured.ended.values())
    print(f"jobs promised {promised}, ended {ended}: {dict(measured.ended)}, {ended / seconds:.1f} a second")
    twice = promised - len(set(measured.promised))
    print(f"promised twice {twice}, results folders {len(measured.folders)}")
    for tool, taken in sorted(measured.seconds.items()):
        p50, p90, p99 = (percentile(taken, share) * 1000 for share in (0.5, 0.9, 0.99))
        print(f"{tool:<24} {len(taken):>7} calls, p50 {p50:.0f} ms, p90 {p90:.0f} ms, p99 {p99:.0f} ms")
    first, half, last = (measured.memory[place] for place in (0, len(measured.memory) // 2, -1))
    print(f"server's memory: {first:.0f} MiB at first, {half:.0f} half-way, {last:.0f} at the end")
    for sentence, count in measured.refused.most_common(5):
        print(f"refused {count} times: {sentence}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=3.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {f"STEADFACE_{name}": "instant" for name in CAPABILITIES}
        environment |= {f"STEADFACE_{name}": value for name, value in SMALL.items()}
        environment |= {
            "PYTHONPATH": os.pathsep.join(filter(None, (str(INSTANT), os.environ.get("PYTHONPATH")))),
            "STEADFACE_HOME": f"{folder}/home",
            "STEADFACE_VIDEOS": f"{folder}/videos",
            "INSTANT_MEMORY": folder,
        }
        command = [sys.executable, "-m", "server", "serve", "--http", "--port", "0"]
        with subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr
            line = server.stderr.readline()
            if "listens on" not in line:
                raise SystemExit(line + server.stderr.read())
            begun = time.monotonic()
            try:
                measured = anyio.run(load, line.split()[-1], server.pid, options.clients, options.minutes)
            except* MCPError as errors:
                raise SystemExit(f"A client was let down: {errors.exceptions[0]}") from None
            finally:
                server.terminate()
            tell(measured, options.clients, time.monotonic() - begun)
    lost = len(measured.promised) - sum(measured.ended.values())
    if lost or measured.ended.keys() - {"completed"} or len(measured.folders) != len(measured.promised):
        raise SystemExit("Not every job ended once, completed, with results of its own.")


if __name__ == "__main__":
    main()
