"""Where tools run: the pool that the agent calls, and the workers behind it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Protocol

from tools.contracts import Progress
from tools.logs import request_id
from tools.pools.calls import Message, Request
from tools.pools.usage import Usage


@dataclass(frozen=True)
class CallKey:
    """What makes a call the same call again after a restart; a call with a receipt is not run a second time.

    ``request_id`` tells in logs what the call is made for, and does not make it another call.
    """

    job_id: str
    task_id: str
    number: int
    request_id: str | None = field(default_factory=request_id.get, compare=False)


@dataclass(frozen=True)
class Done:
    """``seconds`` spent waiting for the worker; ``notes`` are sentences for the report, such as a replaced worker.

    ``retries`` counts how often it was run again because its worker died or was lost; ``usage`` is of the last run.
    """

    reply: Message
    seconds: float
    notes: tuple[str, ...] = ()
    retries: int = 0
    usage: Usage = field(default_factory=Usage)


class Closed(Exception):  # noqa: N818 - not an error
    """The pool was closed during the call. It says nothing about the job, which a restart goes on with."""


class Pool(Protocol):
    def call(self, request: Request, key: CallKey, report: Progress, cancelled: threading.Event) -> Done:
        """Run one operation and wait for it.

        ``report`` is called on this thread. When ``cancelled`` is set the call raises ``Cancelled`` at once;
        the worker stops at its next report, and is killed after the grace. A worker that dies is replaced and
        its call run again, once.
        """
        ...

    def busy(self) -> bool:
        """Whether a worker is still on a call, a cancelled one included."""
        ...

    def close(self) -> None:
        """End the workers."""
        ...
