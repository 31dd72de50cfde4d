"""What a client may rely on while jobs take their time: news, one queue for all its servers, a list that lasts."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from served import workers_of

pytestmark = pytest.mark.anyio

Ask = Callable[..., dict[str, Any]]


async def test_news_names_the_stage_the_attempt_and_how_near_it_came(local: Any, ask: Ask) -> None:
    news: list[str] = []

    async def progress(value: float, total: float | None, message: str | None) -> None:
        news.append(message or "")

    prompt = "similarity=0.3 then similarity=0.9 paint=1.5 video=1.5"
    async with local.open() as client:
        await client.call_tool("generate_identity_video", ask(prompt), progress_callback=progress)
    assert "Taking the photo in" in news
    assert any("attempt 3 of 3 (best similarity 0.30 so far" in line for line in news)
    assert any(line.startswith("Animating") for line in news)


async def test_the_list_outlives_the_server(process: Any, ask: Ask) -> None:
    async with process.open() as client:
        made = await client.call_tool("generate_identity_video", ask("waves"))
        before = (await client.call_tool("list_video_jobs", {})).structured_content
    async with process.open() as client:
        after = (await client.call_tool("list_video_jobs", {})).structured_content
    assert after == before
    assert after["jobs"][0]["result"] == made.structured_content["result"]


async def test_two_servers_of_one_client_drive_the_device_in_turn(process: Any, ask: Ask, home: Path) -> None:
    async with process.open() as one, process.open() as other:
        first = (await one.call_tool("generate_identity_video", ask("video=60", wait_seconds=0))).structured_content
        while first["stage"] != "animate":
            await anyio.sleep(0.1)
            first = (await one.call_tool("get_video_job", {"job_id": first["job_id"]})).structured_content
        second = (await other.call_tool("generate_identity_video", ask("waves", wait_seconds=1))).structured_content
        owners = {worker.ppid() for worker in workers_of(home)}
        cancelled = await other.call_tool("cancel_video_job", {"job_id": first["job_id"]})
        ended = await other.call_tool("get_video_job", {"job_id": second["job_id"], "wait_seconds": 45})
    assert second["status"] == "queued"
    assert second["message"].startswith("Waiting for 1 earlier job")
    assert len(owners) == 1
    assert cancelled.structured_content["status"] == "cancelled"
    assert ended.structured_content["status"] == "completed"


def test_the_log_is_lines_that_a_client_can_keep_in_a_file() -> None:
    script = """
import logging, sys
from agent.serving import serve
serve._log_in_lines()
from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.server import build_server
build_server(LateEngine(), Reach.STDIO)
assert "rich" not in sys.modules
logging.getLogger("steadface").warning("something to know")
"""
    done = subprocess.run([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, check=True)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d [\d:,]+ \d+ WARNING steadface: something to know\n", done.stderr)
