"""The MCP server: its tools and resources, and the engine that lives as long as it does."""

from __future__ import annotations

import inspect
import logging
import reprlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.to_thread
from mcp import MCPError
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import INVALID_PARAMS, CallToolResult, GetPromptResult, InputRequiredResult, Resource
from pydantic import ValidationError

from agent import VERSION
from agent.serving.batch_tools import BatchTools
from agent.serving.completion import add_completion
from agent.serving.consenting import Consenting
from agent.serving.engine import LateEngine
from agent.serving.first_frame_tools import FirstFrameTools
from agent.serving.mcp_prompts import add_prompts
from agent.serving.people_tools import PeopleTools
from agent.serving.photo_tools import PhotoTools
from agent.serving.player import in_player, player
from agent.serving.queue_tools import QueueTools
from agent.serving.reach import Reach
from agent.serving.resources import add_resources, newest_videos
from agent.serving.score_tool import ScoreTool
from agent.serving.stage_tools import StageTools
from agent.serving.tasks import Tasks
from agent.serving.tools import VideoTools
from agent.serving.upload_tool import UploadTool
from agent.telemetry import new_request_id
from tools.errors import SteadfaceError
from tools.logs import logged_as

log = logging.getLogger(__name__)

INSTRUCTIONS = """\
Steadface makes a short video of one real person from one photo and one sentence, and measures that it is still them.
1. Call generate_identity_video with reference (the photo's path), prompt and consent. Ask the user for the consent
   basis; never guess it. A photo attached in the chat does not reach this server: list_references shows the inbox that
   the user can put it into, and request_photo gives a link to a page on which they choose it.
2. A job takes from seconds to minutes. When the answer has status "running", make the call in next_step
   (get_video_job with wait_seconds=45) until the status is completed, failed or cancelled. Never submit it again.
3. Look at the contact sheet, and tell the user the video's path, the similarity with its recogniser, and every warning.
4. When the user wants it different ("slower", "at night", "undo that"), call refine_identity_video with the job_id and
   their words; it keeps what they did not change. If it answers with a question, pass that on.
5. When the user wants to choose how the person looks before the video is made, give stop_after="first_frame", show
   the numbered candidates, and call animate_first_frame with the one they choose.
6. The preset preview, the default, makes an animatic: a moving sketch cut from paper. Call it that.
7. Whoever is filmed more than once gets a name: save_identity keeps several photos of a person, and @name is the
   reference from then on, with the consent that was saved.
8. For many videos at once call run_batch, and get_batch until it has ended.
A dropped call never stops a job; only cancel_video_job does. server_info says which presets can run here.
Similarities of different recognisers cannot be compared."""

_HEAD_START = 1.0
"""Seconds that clients get to ask for the tools before the engine's imports compete for the processor."""


class PlainServer(MCPServer[Any]):
    """Answers a call that cannot work with one sentence, where the SDK puts the tool's name or pydantic's report.

    Of resources it lists those made last too.
    """

    def __init__(self, name: str, *, engine: LateEngine, **options: Any) -> None:  # noqa: ANN401 - MCPServer's
        super().__init__(name, **options)
        for tool in self._tool_manager.list_tools():
            tool.description = inspect.cleandoc(tool.description)  # Python 3.11 leaves the indent of docstrings in
        self.head_start_over = anyio.Event()
        self._jobs = engine

    async def list_resources(self) -> list[Resource]:
        await self.head_start_over.wait()
        return [*await super().list_resources(), *await newest_videos(self._jobs)]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        self._expect_known(name, arguments)
        try:
            with logged_as(request=new_request_id()):
                return await super().call_tool(name, arguments, context)
        except ToolError as error:
            match error.__cause__:
                case ToolError() as ours:
                    raise ours from None
                case ValidationError() as rejected:
                    raise ToolError(_sentence(rejected)) from None
            raise

    def _expect_known(self, name: str, arguments: dict[str, Any]) -> None:
        """An argument that a tool does not have would be dropped, and a client told nothing of it."""
        tool = self._tool_manager.get_tool(name)
        if tool is None:
            return
        taken = tool.parameters["properties"]
        for unknown in arguments.keys() - taken.keys():
            takes = f"it takes {', '.join(taken)}" if taken else "it takes none"
            raise ToolError(f"{name} has no argument {reprlib.repr(unknown)}; {takes}.")

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, context: Context[Any, Any] | None = None
    ) -> GetPromptResult | InputRequiredResult:
        try:
            return await super().get_prompt(name, arguments, context)
        except ValueError as error:  # an unknown name, or an argument that is missing
            raise MCPError(INVALID_PARAMS, f"{error}.") from None


def _sentence(rejected: ValidationError) -> str:
    """What is wrong with the first of the arguments that are."""
    first = rejected.errors()[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        return f"The argument {name} is missing."
    wrong = first["msg"].replace("Input should", "it should", 1)
    return f"The argument {name} cannot be {reprlib.repr(first['input'])}: {wrong}."


def build_server(engine: LateEngine, reach: Reach) -> MCPServer[None]:
    uploads, batches = UploadTool(engine, reach), BatchTools(engine, reach)

    @asynccontextmanager
    async def lifespan(_: MCPServer[Consenting]) -> AsyncIterator[Consenting]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_resume_jobs, batches, server.head_start_over)
            try:
                yield Consenting(engine, reach)
            finally:
                tasks.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(batches.close)
                    await anyio.to_thread.run_sync(engine.close)

    server = PlainServer(
        "steadface",
        engine=engine,
        title="Steadface",
        instructions=INSTRUCTIONS,
        version=VERSION,
        lifespan=lifespan,
        tools=in_player(
            [
                *VideoTools(engine, reach).tools(),
                *FirstFrameTools(engine, reach).tools(),
                *StageTools(engine, reach).tools(),
                *ScoreTool(engine, reach).tools(),
                *PhotoTools(engine, reach).tools(),
                *PeopleTools(engine, reach).tools(),
                *QueueTools(engine, reach).tools(),
                *batches.tools(),
                *uploads.tools(),
            ]
        ),
        extensions=[Tasks(engine, reach), player()],
        log_level="WARNING",
    )
    add_resources(server, engine, reach)
    add_prompts(server)
    add_completion(server, engine, reach)
    uploads.add_page(server)
    return server


async def _resume_jobs(batches: BatchTools, head_start_over: anyio.Event) -> None:
    """Start the engine without being asked, so that the jobs and batches of an earlier process go on."""
    await anyio.sleep(_HEAD_START)
    head_start_over.set()
    try:
        await anyio.to_thread.run_sync(batches.resume, abandon_on_cancel=True)
    except SteadfaceError as error:
        log.warning("The engine did not start, and the next call tries again: %s", error)
    except Exception:
        log.exception("The engine did not start, and the next call tries again.")
