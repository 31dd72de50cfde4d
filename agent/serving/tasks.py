"""The Tasks extension (SEP-2663): jobs as tasks of the protocol, for clients that declare it.

A task and its job are one thing under one id: ``tasks/get`` inlines the result that ``get_video_job`` gives.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import require_client_extension
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp.types import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    RequestParams,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.results import plainly, result_of
from agent.status import ENDED, Status
from tools.errors import SteadfaceError

if TYPE_CHECKING:
    from agent.store import JobRow

log = logging.getLogger(__name__)

TASKS = "io.modelcontextprotocol/tasks"
TOOLS = frozenset({"generate_identity_video", "refine_identity_video", "generate_first_frame", "animate_first_frame"})
"""The tools that begin a job; each has an argument ``wait_seconds``."""

_VERSIONS = frozenset(MODERN_PROTOCOL_VERSIONS)
_POLL = 2000
"""Milliseconds that a client may let pass between two looks."""

_STATUS: dict[Status, str] = {
    "queued": "working",
    "running": "working",
    "completed": "completed",
    "failed": "completed",  # its result is an error of the tool; a task that is "failed" has no result at all
    "cancelled": "cancelled",
}

Request = ServerRequestContext[Any, Any]


class TaskParams(RequestParams):
    task_id: str


class TaskUpdateParams(TaskParams):
    input_responses: dict[str, Any]


class Tasks(Extension):
    """Answers the calls of ``TOOLS`` with a task at once, where the client declares the extension."""

    identifier = TASKS

    def __init__(self, engine: LateEngine, reach: Reach) -> None:
        self._engine = engine
        self._reach = reach

    def methods(self) -> Sequence[MethodBinding]:
        return [
            MethodBinding("tasks/get", TaskParams, self._get, _VERSIONS),
            MethodBinding("tasks/update", TaskUpdateParams, self._update, _VERSIONS),
            MethodBinding("tasks/cancel", TaskParams, self._cancel, _VERSIONS),
        ]

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        if params.name not in TOOLS or not _declares_tasks(ctx):
            return await call_next(ctx)
        params.arguments = {**(params.arguments or {}), "wait_seconds": 0}
        answer = await call_next(ctx)
        job = _begun(answer)
        if job is None:
            return answer
        return {**_task(await self._row(job["job_id"])), "resultType": "task", "statusMessage": job["message"]}

    async def _get(self, ctx: Request, params: TaskParams) -> HandlerResult:
        row = await self._asked_for(ctx, params)
        return {**await anyio.to_thread.run_sync(self._detailed, row), "resultType": "complete"}

    async def _update(self, ctx: Request, params: TaskUpdateParams) -> HandlerResult:
        """A job asks for nothing while it runs, so there is nothing that a response could answer."""
        await self._asked_for(ctx, params)
        return {"resultType": "complete"}

    async def _cancel(self, ctx: Request, params: TaskParams) -> HandlerResult:
        row = await self._asked_for(ctx, params)
        await anyio.to_thread.run_sync(self._engine.get().cancel, row.id)
        return {"resultType": "complete"}

    async def _asked_for(self, ctx: Request, params: TaskParams) -> JobRow:
        require_client_extension(ctx, TASKS)
        _check_name(ctx, params.task_id)
        return await self._row(params.task_id)

    async def _row(self, task_id: str) -> JobRow:
        def look() -> JobRow | None:
            return self._engine.get().store.get(task_id)

        try:
            row = await anyio.to_thread.run_sync(look)
        except SteadfaceError as error:
            sentence = plainly(str(error), self._engine, self._reach)
            raise MCPError(INTERNAL_ERROR, sentence) from None
        if row is None:
            raise MCPError(INVALID_PARAMS, f"There is no task {task_id!r}.")
        return row

    def _detailed(self, row: JobRow) -> dict[str, Any]:
        """The task with what it came to. One whose record cannot be told is failed, lest it be asked for for ever."""
        try:
            view = self._engine.get().view(row.id)
            task = {**_task(row), "status": _STATUS[view.status], "statusMessage": view.line}
            if task["status"] == "completed":
                result = result_of(view, self._engine, self._reach)
                task["result"] = result.model_dump(by_alias=True, mode="json", exclude_none=True)
        except Exception:
            log.exception("job %s cannot be told", row.id)
            error = {"code": INTERNAL_ERROR, "message": f"Job {row.id} cannot be told; the server's log says why."}
            return {**_task(row), "status": "failed", "error": error}
        return task


def _declares_tasks(ctx: Request) -> bool:
    declared = ctx.session.client_capabilities
    return ctx.protocol_version in _VERSIONS and TASKS in ((declared and declared.extensions) or {})


def _check_name(ctx: Request, task_id: str) -> None:
    """On HTTP the header ``Mcp-Name`` repeats the id for routers; clients that leave it out are let through."""
    named = getattr(ctx.request, "headers", {}).get(MCP_NAME_HEADER)
    if named is not None and decode_header_value(named) != task_id:
        raise MCPError(HEADER_MISMATCH, "The header Mcp-Name names another task than taskId.")


def _begun(answer: HandlerResult) -> dict[str, Any] | None:
    """The job that a call began and that goes on; ``None`` where the answer is all there is to it."""
    job: dict[str, Any] | None = answer.structured_content if isinstance(answer, CallToolResult) else None
    if not job or job["status"] in ENDED or job["question"]:
        return None
    return job


def _task(row: JobRow) -> dict[str, Any]:
    """Jobs are kept for good, so a task has no time to live."""
    return {
        "taskId": row.id,
        "status": _STATUS[row.status],
        "createdAt": _iso(row.created),
        "lastUpdatedAt": _iso(row.finished or row.started or row.created),
        "ttlMs": None,
        "pollIntervalMs": _POLL,
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
