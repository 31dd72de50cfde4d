"""The job engine behind the server, which belongs to the server and never to a request."""

from __future__ import annotations

import os
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

from agent.serving.access import current_client
from tools.errors import InputError, SteadfaceError

if TYPE_CHECKING:
    from agent.jobs import JobEngine
    from agent.settings import Settings

DRAINING = 10.0
"""Seconds that a running call gets after SIGTERM."""


class LateEngine:
    """Reads the settings and starts the engine at their first use: what they import takes longer than clients wait for.

    ``given`` are settings above those of the environment.
    """

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - any field of Settings
        self._given = given
        self._starting = threading.Lock()
        self._engine: JobEngine | None = None
        self._closed = False

    @cached_property
    def settings(self) -> Settings:
        """Raises ``InputError`` for a setting that cannot be."""
        return self.settings_with()

    def settings_with(self, **given: Any) -> Settings:  # noqa: ANN401 - any field of Settings
        """With what a call gives, above all else; None counts as not given."""
        from agent.settings import load_settings

        return load_settings(**{**self._given, **given})

    @property
    def consent_stands(self) -> bool:
        """Whether callers need to state no basis. Settings that name none are not read for it."""
        named = any(name.upper() == "STEADFACE_CONSENT" for name in os.environ)
        try:
            return named and self.settings.consent is not None
        except InputError:  # which every call tells
            return False

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
