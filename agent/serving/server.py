"""The MCP server: its tools and resources, and the engine that lives as long as it does."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import metadata

import anyio
import anyio.to_thread
from mcp.server import MCPServer

from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.resources import add_resources
from agent.serving.tools import VideoTools
from tools.errors import SteadfaceError

log = logging.getLogger(__name__)

INSTRUCTIONS = """\
Steadface makes a short video of one real person from one photo and one sentence, and measures that it is still them.
1. Call generate_identity_video with reference (the photo's path), prompt and consent. Ask the user for the consent
   basis; never guess it.
2. A job takes from seconds to minutes. When the answer has status "running", make the call in next_step
   (get_video_job with wait_seconds=45) until the status is completed, failed or cancelled. Never submit it again.
3. Look at the contact sheet, and tell the user the video's path, the similarity with its recogniser, and every warning.
4. The preset preview, the default, makes an animatic: a moving sketch cut from paper. Call it that.
A dropped call never stops a job; only cancel_video_job does. server_info says which presets can run here.
Similarities of different recognisers cannot be compared."""

_HEAD_START = 1.0
"""Seconds that clients get to ask for the tools before the engine's imports compete for the processor."""


def build_server(engine: LateEngine, reach: Reach) -> MCPServer[None]:
    @asynccontextmanager
    async def lifespan(_: MCPServer[None]) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_resume_jobs, engine)
            try:
                yield
            finally:
                tasks.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(engine.close)

    server = MCPServer(
        "steadface",
        title="Steadface",
        instructions=INSTRUCTIONS,
        version=metadata.version("steadface"),
        lifespan=lifespan,
        log_level="WARNING",
    )
    VideoTools(engine, reach).add_to(server)
    add_resources(server, engine, reach)
    return server


async def _resume_jobs(engine: LateEngine) -> None:
    """Start the engine without being asked, so that the jobs of an earlier process go on."""
    await anyio.sleep(_HEAD_START)
    try:
        await anyio.to_thread.run_sync(engine.get, abandon_on_cancel=True)
    except SteadfaceError as error:
        log.warning("The engine did not start, and the next call tries again: %s", error)
    except Exception:
        log.exception("The engine did not start, and the next call tries again.")
