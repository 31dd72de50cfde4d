from __future__ import annotations

import threading

import anyio
import anyio.to_thread
import pytest

from agent.serving.threads import run_long


@pytest.mark.anyio
async def test_however_many_calls_take_long_one_that_only_looks_is_answered() -> None:
    release = threading.Event()
    async with anyio.create_task_group() as calls:
        for _ in range(100):
            calls.start_soon(run_long, release.wait)
        await anyio.wait_all_tasks_blocked()
        try:
            with anyio.fail_after(20):
                assert await anyio.to_thread.run_sync(lambda: "seen") == "seen"
        finally:
            release.set()
