"""The job engine behind the server, which belongs to the server and never to a request."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from agent.serving.access import current_client
from agent.settings import Settings
from tools.errors import SteadfaceError

if TYPE_CHECKING:
    from agent.jobs import JobEngine

DRAINING = 10.0
"""Seconds that a running call gets after SIGTERM."""


class LateEngine:
    """Imports and starts the engine at its first use: LangGraph and SQLAlchemy take longer than a client waits for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._starting = threading.Lock()
        self._engine: JobEngine | None = None
        self._closed = False

    def get(self) -> JobEngine:
        """The engine as the current client sees it: with its own jobs alone. Blocks while it starts.

        It goes on with jobs that an earlier process left.
        """
        with self._starting:
            if self._engine is None and not self._closed:
                from agent.jobs import JobEngine

                self._engine = JobEngine(self.settings).__enter__()
            if self._engine is None or self._closed:
                self.close()
                raise SteadfaceError("The server is stopping; ask again once it is back.")
            return self._engine.seen_by(current_client())

    def drain(self) -> None:
        """Begin nothing more; a call that runs gets a while to end before ``close`` ends it."""
        if self._engine is not None:
            self._engine.drain(DRAINING)

    def close(self) -> None:
        """End the engine and its workers; a running job goes back to its place in the queue."""
        self._closed = True
        if self._engine is not None:
            self._engine.close()
