"""Waiting for a job inside a call: news for the client, and never longer than it agreed to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from mcp.server.mcpserver import Context

if TYPE_CHECKING:
    from agent.jobs import JobEngine
    from agent.views import JobView

_GLANCE = 0.25
"""Seconds between two looks at the job."""

_AT_MOST_EVERY = 0.5
_AT_LEAST_EVERY = 5.0
"""Seconds between two messages of progress. Some clients give up on a call that is silent for 10."""


class Vigil:
    """One call's wait. Progress is the seconds since the call began, so it always rises; its message is the news."""

    def __init__(self, ctx: Context[Any], seconds: float) -> None:
        self._ctx = ctx
        self._seconds = seconds
        self._begun = anyio.current_time()
        self._said = ""
        self._said_at = -math.inf

    async def tell(self, line: str) -> None:
        """Tell the client, unless it has just heard, or heard the same not long ago."""
        now = self._elapsed()
        silent = now - self._said_at
        if silent >= _AT_LEAST_EVERY or (line != self._said and silent >= _AT_MOST_EVERY):
            await self._ctx.report_progress(round(now, 2), message=line)
            self._said, self._said_at = line, now

    async def keep(self, engine: JobEngine, job_id: str) -> JobView:
        """The job once it has ended, or as it stands when the time is over. A dropped call leaves it running."""
        while True:
            view = await anyio.to_thread.run_sync(engine.view, job_id, abandon_on_cancel=True)
            left = self._seconds - self._elapsed()
            if view.ended or left <= 0:
                return view
            await self.tell(view.line)
            await anyio.sleep(min(_GLANCE, left))

    def _elapsed(self) -> float:
        return anyio.current_time() - self._begun
