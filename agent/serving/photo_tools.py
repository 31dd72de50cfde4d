"""The MCP tool that shows which photos there are to choose from."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ContentBlock, ImageContent, TextContent
from pydantic import BaseModel, Field

from agent.serving.effects import LOOKS
from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.results import in_one_sentence
from agent.serving.threads import run_long


class ReferencePhoto(BaseModel):
    number: int = Field(description="its number under the thumbnail")
    reference: str = Field(description="what to give as reference: the photo's path")
    fault: str | None = Field(None, description="why it cannot be used, where it cannot")


class References(BaseModel):
    inbox: str = Field(description="folder to put photos into")
    photos: list[ReferencePhoto] = Field(description="the newest first")


class PhotoTools:
    def __init__(self, engine: LateEngine, reach: Reach) -> None:
        self._engine = engine
        self._reach = reach

    def tools(self) -> list[Tool]:
        """None for callers of whom this server takes no paths."""
        if not self._reach.takes_paths:
            return []
        return [Tool.from_function(self.list_references, title="List photos to choose from", annotations=LOOKS)]

    async def list_references(
        self, limit: Annotated[int, Field(ge=1, le=40, description="Photos at the most.")] = 12
    ) -> Annotated[CallToolResult, References]:
        """List the photos in the inbox, the newest first, with thumbnails, so that the user can say which one is meant.

        Use it when the user attached a photo in the chat (it does not reach this server; ask them to put the file into
        the inbox), or says "my photo" without a path. Give the chosen reference to generate_identity_video.
        """
        with in_one_sentence(self._engine, self._reach):
            return await run_long(self._listed, limit)

    def _listed(self, limit: int) -> CallToolResult:
        from agent.serving.inbox import inbox_of, photos_in, sheet_of

        inbox = inbox_of(self._engine.settings)
        photos = photos_in(inbox, limit)
        sheet = sheet_of(photos)
        found = References(
            inbox=str(inbox),
            photos=[
                ReferencePhoto(number=number, reference=str(photo.path), fault=photo.fault)
                for number, photo in enumerate(photos, 1)
            ],
        )
        lines = [f"{photo.number}. {photo.fault or photo.reference}" for photo in found.photos]
        text = "\n".join([f"Photos in the inbox {inbox}:", *lines] if lines else [_empty(found.inbox)])
        content: list[ContentBlock] = [TextContent(type="text", text=text)]
        if sheet is not None:
            content.append(ImageContent(type="image", data=sheet, mime_type="image/jpeg"))
        return CallToolResult(content=content, structured_content=found.model_dump(mode="json"))


def _empty(inbox: str) -> str:
    return f"The inbox {inbox} is empty; ask the user to put a photo of the person into it, then list it again."
