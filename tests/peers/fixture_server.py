"""The real server with the tools besides that the official ``tasks-*`` scenarios ask for, each a job of our engine.

``steadface serve --http --port 0`` in every other way: its transport, its Tasks extension, its engine and its results.
"""

from __future__ import annotations

import base64
import sqlite3
import threading
from contextlib import closing
from io import BytesIO
from typing import Annotated, Any

import instant
from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Elicit, Resolve, require_client_extension
from mcp.types import CallToolResult
from PIL import Image
from pydantic import BaseModel

from agent.serving import serve, server, tasks
from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.tools import VideoTools

build_real_server = server.build_server


class Name(BaseModel):
    name: str


def ask_name() -> Elicit[Name]:
    return Elicit("Who is in the photo?", Name)


def build_server(engine: LateEngine, reach: Reach) -> MCPServer[None]:
    built = build_real_server(engine, reach)
    video = VideoTools(engine, reach)

    async def job(ctx: Context[Any], prompt: str, wait_seconds: float, faces: int = 1) -> CallToolResult:
        return await video.generate_identity_video(
            ctx, photo_of(faces), prompt, consent="synthetic", again=True, wait_seconds=wait_seconds, stated=None
        )

    @built.tool()
    def greet(name: str) -> str:
        """No job."""
        return f"Hello, {name}!"

    @built.tool()
    async def slow_compute(ctx: Context[Any], seconds: float, label: str, wait_seconds: float = 45) -> CallToolResult:
        """A job whose video takes that long."""
        return await job(ctx, f"{label} video={seconds}", wait_seconds)

    @built.tool()
    async def failing_job(ctx: Context[Any], wait_seconds: float = 45) -> CallToolResult:
        """A job that fails: there are three people in its photo. Only for clients that declare tasks."""
        require_client_extension(ctx.request_context, tasks.TASKS)
        return await job(ctx, "waves", wait_seconds, faces=3)

    @built.tool()
    async def protocol_error_job(ctx: Context[Any], wait_seconds: float = 45) -> CallToolResult:
        """A job whose record is damaged soon after it began, so that nobody can tell what became of it."""
        begun = await job(ctx, "waves video=0.5", wait_seconds)
        assert begun.structured_content
        threading.Timer(0.3, damage, [engine, begun.structured_content["job_id"]]).start()
        return begun

    @built.tool()
    async def confirm_delete(ctx: Context[Any], filename: str, wait_seconds: float = 45) -> CallToolResult:
        """A job that asks for nothing: what ``tasks/update`` brings is accepted and changes nothing."""
        return await job(ctx, filename, wait_seconds)

    @built.tool()
    async def test_tool_with_task(
        ctx: Context[Any], who: Annotated[Name, Resolve(ask_name)], wait_seconds: float = 45
    ) -> CallToolResult:
        """A job that begins only once its question is answered; its video is named by the answer."""
        return await job(ctx, f"{who.name} waves", wait_seconds)

    return built


def photo_of(faces: int) -> str:
    out = BytesIO()
    Image.fromarray(instant.picture(instant.Mark(similarity=1.0, faces=faces))).save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"


def damage(engine: LateEngine, job_id: str) -> None:
    with closing(sqlite3.connect(engine.settings.home / "jobs.sqlite", timeout=30)) as db, db:
        db.execute("UPDATE jobs SET request = '{}' WHERE id = ?", [job_id])


if __name__ == "__main__":
    server.build_server = build_server
    tasks.TOOLS |= {"slow_compute", "failing_job", "protocol_error_job", "confirm_delete", "test_tool_with_task"}
    serve.main(["--http", "--port", "0"])
