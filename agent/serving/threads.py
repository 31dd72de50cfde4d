"""Threads for calls that read photos or wait for a worker.

They are fewer than there are in all, so that one is free for every client that only asks how its job is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import anyio.to_thread
from anyio.lowlevel import RunVar

AT_ONCE = 16
"""Of the 40 that AnyIO has by default."""

_threads: RunVar[anyio.CapacityLimiter] = RunVar("steadface_long_calls")

Result = TypeVar("Result")
Given = TypeVarTuple("Given")


async def run_long(work: Callable[[*Given], Result], *given: *Given) -> Result:
    threads = _threads.get(None)
    if threads is None:
        _threads.set(threads := anyio.CapacityLimiter(AT_ONCE))
    return await anyio.to_thread.run_sync(work, *given, limiter=threads)
