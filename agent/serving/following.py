"""What the tools that make jobs have in common: submitting one for the client that calls, and following it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio.to_thread
from mcp.types import CallToolResult

from agent.serving.access import current_client
from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.results import result_of
from agent.serving.waiting import Vigil

if TYPE_CHECKING:
    from agent.jobs import JobEngine
    from agent.requests import JobRequest
    from agent.settings import Recipe


def submitted(engine: JobEngine, request: JobRequest, recipe: Recipe, *, again: bool) -> tuple[str, bool]:
    """The id of the job, and whether an earlier call of this client's, word for word the same, made it.

    That one is found while it is unfinished; ``again`` makes another.
    """
    from agent.requests import call_of

    client = current_client()
    if again:
        return engine.submit(request, recipe, client), False
    drawn = {"seed"} if request.seed_drawn else set()
    call = call_of(request.model_dump(mode="json", exclude={"consent", *drawn}), recipe.model_dump(mode="json"))
    return engine.submit_once(request, recipe, call, client)


async def followed(
    vigil: Vigil, engine: LateEngine, reach: Reach, job_id: str, *, repeated: bool = False, told: str | None = None
) -> CallToolResult:
    """The job's result once it has ended, or how it stands when the call's wait is over.

    ``repeated``: an earlier call made the job. ``told``: what was understood of the follow-up that led to it.
    """
    running = await anyio.to_thread.run_sync(engine.get, abandon_on_cancel=True)
    view = await vigil.keep(running, job_id)
    if told is not None:  # an undo leads to a job that knows nothing of it
        view = view.model_copy(update={"understood": told})
    return await anyio.to_thread.run_sync(result_of, view, engine, reach, repeated)
