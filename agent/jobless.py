"""Calls to workers that belong to no job."""

from __future__ import annotations

import threading
from secrets import token_hex

from agent.planner.desk import Caller, Reply
from tools.contracts import Progress
from tools.pools import CallKey, Pool
from tools.pools.calls import Request


def caller(pool: Pool, owner: str, observe: Progress = lambda done, total, message: None) -> Caller:
    """Runs one operation at a time; ``owner`` stands where the job's name would."""

    def call(request: Request, reply: type[Reply]) -> Reply:
        done = pool.call(request, CallKey(owner, token_hex(8), 0), observe, threading.Event())
        assert isinstance(done.reply, reply)
        return done.reply

    return call
