"""The MCP tools for the queue: pausing it, going on, and having one job run before others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import anyio.to_thread
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent
from pydantic import Field

from agent.queue import PRIORITIES, Queue
from agent.serving.answering import answering
from agent.serving.arguments import JobId
from agent.serving.effects import CHANGES
from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.results import in_one_sentence

if TYPE_CHECKING:
    from agent.queue import JobQueue

Priority = Annotated[
    int | None,
    Field(
        ge=PRIORITIES[0],
        le=PRIORITIES[-1],
        description="The highest runs first, and jobs have 0; leave it out to have this one run next.",
    ),
]


class QueueTools:
    def __init__(self, engine: LateEngine, reach: Reach) -> None:
        self._engine = engine
        self._reach = reach

    def tools(self) -> list[Tool]:
        return [
            answering(Queue, self.pause_queue, title="Begin no more jobs for now", annotations=CHANGES),
            answering(Queue, self.resume_queue, title="Go on with the jobs that wait", annotations=CHANGES),
            answering(Queue, self.prioritise_job, title="Have a waiting job run sooner or later", annotations=CHANGES),
        ]

    async def pause_queue(self) -> Annotated[CallToolResult, Queue]:
        """Begin no waiting job until resume_queue, for instance while the user needs the GPU; a running one goes on."""
        return await self._told(lambda queue: queue.pause())

    async def resume_queue(self) -> Annotated[CallToolResult, Queue]:
        """Go on with the jobs that wait, after pause_queue or when a job says that the queue is paused."""
        return await self._told(lambda queue: queue.resume())

    async def prioritise_job(self, job_id: JobId, priority: Priority = None) -> Annotated[CallToolResult, Queue]:
        """Have a job that waits run next, or give it a priority; the answer lists the queue in its new order."""

        def move(queue: JobQueue) -> None:
            if priority is None:
                queue.put_first(job_id)
            else:
                queue.set_priority(job_id, priority)

        return await self._told(move)

    async def _told(self, change: Callable[[JobQueue], None]) -> CallToolResult:
        """The queue after the change."""

        def changed() -> Queue:
            queue = self._engine.get().queue
            change(queue)
            return queue.show()

        with in_one_sentence(self._engine, self._reach):
            now = await anyio.to_thread.run_sync(changed)
        return CallToolResult(
            content=[TextContent(type="text", text="\n".join(now.lines))],
            structured_content=now.model_dump(mode="json"),
        )
