"""Who can call the server; what they may give and be told hangs on it."""

from __future__ import annotations

from enum import Enum


class Reach(Enum):
    STDIO = "the program that started the server"
    LOOPBACK = "programs on this machine"
    NETWORK = "whoever holds the token"

    @property
    def takes_paths(self) -> bool:
        """A path is one of the caller's files only where the caller started the server."""
        return self is Reach.STDIO

    @property
    def shows_paths(self) -> bool:
        """A path helps a caller on this machine; to others it only tells how the machine is laid out."""
        return self is not Reach.NETWORK
