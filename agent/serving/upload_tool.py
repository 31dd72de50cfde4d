"""The MCP tool that gets a photo from the user: a link to a page, since a photo in a chat does not reach a server."""

from __future__ import annotations

from typing import Annotated, Any

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, Field
from starlette.requests import Request

from agent.serving.access import current_client
from agent.serving.arguments import WaitSeconds
from agent.serving.effects import BEGINS
from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.results import WAIT, in_one_sentence
from agent.serving.upload_pages import LoopbackPages, upload_path, upload_routes
from agent.serving.uploads import LINK_SECONDS, Link, Uploads
from agent.serving.waiting import Vigil
from tools.errors import InputError

_GLANCE = 0.25
"""Seconds between two looks."""


class PhotoRequest(BaseModel):
    link: str = Field(description="page for the user to open in a browser; it takes one photo")
    reference: str | None = Field(None, description="what to give as reference, once the photo is in")
    seconds_left: int = Field(description="until the link ends")
    next_step: str = Field(description="what to do next")


class UploadTool:
    def __init__(self, engine: LateEngine, reach: Reach) -> None:
        self._engine = engine
        self._reach = reach
        self._uploads = Uploads(engine, reach)
        self._loopback = LoopbackPages(self._uploads)

    def tools(self) -> list[Tool]:
        return [Tool.from_function(self.request_photo, title="Get a photo from the user", annotations=BEGINS)]

    def add_page(self, server: MCPServer[None]) -> None:
        """Have a server on HTTP answer the links itself; on stdio a server of their own does."""
        if self._reach is not Reach.STDIO:
            for route in upload_routes(self._uploads):
                server.custom_route(route.path, methods=sorted(route.methods or ()))(route.endpoint)

    async def request_photo(
        self,
        ctx: Context[Any],
        link: Annotated[
            str | None, Field(description="The link of an earlier call, to wait for its photo; a new one if left out.")
        ] = None,
        wait_seconds: WaitSeconds = 0,
    ) -> Annotated[CallToolResult, PhotoRequest]:
        """Get a photo from the user: a link to a page where they choose the file, valid once and for 15 minutes.

        Use it when the user attached a photo in the chat, which does not reach this server, or does not know the path.
        Show them the link, then call again with that link and wait_seconds=45; the answer has the reference to give to
        generate_identity_video.
        """
        with in_one_sentence(self._engine, self._reach):
            if link is None:
                opened = self._uploads.open()
                return _told(opened, await self._address(ctx) + upload_path(opened))
            waited = self._known(link)
            await _arrival(waited, Vigil(ctx, wait_seconds), wait_seconds)
            return _told(waited, link)

    async def _address(self, ctx: Context[Any]) -> str:
        request = ctx.request_context.request
        if isinstance(request, Request):  # by the name that the caller has for this server, which the gate knows
            return str(request.base_url).rstrip("/")
        return await anyio.to_thread.run_sync(self._loopback.address)

    def _known(self, link: str) -> Link:
        found = self._uploads.found(link.rpartition("/")[2])
        if found is None or found.client != current_client():
            raise InputError("This link has ended or is none of this server's; call request_photo for a new one.")
        return found


async def _arrival(link: Link, vigil: Vigil, seconds: float) -> None:
    with anyio.move_on_after(seconds):
        while link.reference is None and link.seconds_left:
            await vigil.tell("Waiting for the photo")
            await anyio.sleep(_GLANCE)


def _told(link: Link, address: str) -> CallToolResult:
    if link.reference is not None:
        step = f'give reference="{link.reference}" to generate_identity_video'
        text = f"The photo is in. Next: {step}."
    else:
        step = f'show the user the link, then call request_photo(link="{address}", wait_seconds={WAIT})'
        text = (
            f"The user opens {address} in a browser and chooses the photo there; the link takes one photo within "
            f"{LINK_SECONDS // 60} minutes.\nNext: {step}."
        )
    told = PhotoRequest(link=address, reference=link.reference, seconds_left=link.seconds_left, next_step=step)
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=told.model_dump(mode="json")
    )
