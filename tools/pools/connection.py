"""A worker as the pool speaks to it, wherever it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tools.pools.calls import Message


class Died(Exception):  # noqa: N818 - the pool retries it
    """The worker has ended; the text says how, such as ``signal 9``."""


class Lost(Died):
    """The worker went with the machine that it ran on, which says nothing about its call."""


class Connection(Protocol):
    @property
    def log(self) -> Path:
        """Where the worker writes what went wrong."""
        ...

    @property
    def alive(self) -> bool:
        """``False`` once it is known to have ended."""
        ...

    def ready(self) -> bool:
        """Whether it has started; raises ``Unavailable`` where it never will."""
        ...

    def say(self, message: Message) -> None:
        """Send a message; that the worker is gone is for ``hear`` to tell."""
        ...

    def hear(self, seconds: float) -> Message | None:
        """The next message, or ``None`` if there is none in that time; ``Died`` once the worker has ended."""
        ...

    def end(self) -> None:
        """Let it end by itself, but not for long."""
        ...

    def kill(self) -> None:
        """End it now."""
        ...
