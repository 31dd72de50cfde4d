"""Seconds from starting a server to its answer to tools/list: Steadface beside a bare SDK server with one tool.

    python bench/startup.py [runs]

Both speak stdio to the same few lines of client, in turn, so that a busy machine slows both alike; the processor's own
seconds beside the clock's tell how far it did.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARE = """
from mcp.server import MCPServer
server = MCPServer("bare", version="0", log_level="WARNING")
@server.tool()
def add(a: int, b: int) -> int:
    "Add."
    return a + b
server.run("stdio")
"""

SERVERS = {
    "bare SDK server": [sys.executable, "-c", BARE],
    "steadface serve": [str(Path(sys.executable).with_name("steadface")), "serve"],
}

HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "startup", "version": "0"},
}
MESSAGES = (
    {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO},
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
)


def seconds_to_tools(command: list[str], environment: dict[str, str]) -> float:
    begun = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write("".join(json.dumps(message) + "\n" for message in MESSAGES))
        process.stdin.flush()
        while True:
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"{command} ended without an answer")
            if json.loads(line).get("id") == 2:
                seconds = time.perf_counter() - begun
                process.kill()
                return seconds


def processor_seconds() -> float:
    """Of all servers that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as home:
        # The first run of each, which does not count, leaves compiled code, as installing it would.
        environment = os.environ | {"STEADFACE_HOME": home, "PYTHONDONTWRITEBYTECODE": ""}
        for command in SERVERS.values():
            seconds_to_tools(command, environment)
        clock: dict[str, list[float]] = {name: [] for name in SERVERS}
        processor: dict[str, list[float]] = {name: [] for name in SERVERS}
        for _ in range(runs):
            for name, command in SERVERS.items():
                before = processor_seconds()
                clock[name].append(seconds_to_tools(command, environment))
                processor[name].append(processor_seconds() - before)
    for what, taken in (("clock", clock), ("processor", processor)):
        medians = {name: statistics.median(times) for name, times in taken.items()}
        for name, median in medians.items():
            lowest, highest = min(taken[name]), max(taken[name])
            print(f"{name}  {what} median {median:.2f} s  ({lowest:.2f} to {highest:.2f}, {runs} runs)")
        bare, ours = medians.values()
        print(f"{what} ratio  {ours / bare:.2f}")


if __name__ == "__main__":
    main()
