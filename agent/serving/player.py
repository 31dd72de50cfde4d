"""The player as an MCP App: the page that hosts show beside a job, and the tool that opens it for a photo."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import Any

from mcp.server.apps import APP_MIME_TYPE, Apps, client_supports_apps
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resources import FunctionResource
from mcp.server.mcpserver.tools import Tool

from agent.serving.effects import LOOKS

PLAYER = "ui://steadface/player.html"

SHOWN = frozenset(
    {
        "generate_identity_video",
        "generate_first_frame",
        "animate_first_frame",
        "refine_identity_video",
        "get_video_job",
    }
)
"""The tools whose job the player shows."""


def in_player(tools: Sequence[Tool]) -> list[Tool]:
    """The tools, those of ``SHOWN`` with the player as their app."""
    for tool in tools:
        if tool.name in SHOWN:
            tool.meta = {**(tool.meta or {}), "ui": {"resourceUri": PLAYER}}
    return list(tools)


def player() -> Apps:
    """The page, and the tool that opens it with no job."""
    apps = Apps()
    apps.add_resource(
        FunctionResource(
            uri=PLAYER,
            name="player",
            title="Player",
            description="A job with its video, its evidence and its candidates, and where to say what shall change.",
            mime_type=APP_MIME_TYPE,
            meta={"ui": {"prefersBorder": True}},
            fn=page,
        )
    )
    apps.tool(resource_uri=PLAYER, title="Let the user choose a photo in the player", annotations=LOOKS)(open_studio)
    return apps


def page() -> str:
    """The page, read when it is asked for: nobody needs it to list the tools."""
    return (resources.files("agent.serving") / "app" / "player.html").read_text(encoding="utf-8")


def open_studio(ctx: Context[Any]) -> str:
    """Open the player so that the user can choose a photo.

    Use it when the user has a photo on their device and no path to it: in the player they choose it, say what happens
    and on what basis they use the likeness, and start the video themselves.
    """
    if client_supports_apps(ctx):
        return (
            "The player is open. The user chooses the photo there and starts the video; do not start another. "
            "list_video_jobs shows it once it has begun."
        )
    return (
        "This client shows no player. Call request_photo for a page on which the user chooses the photo, or ask them "
        "for its full path or for one that list_references shows, and call generate_identity_video with it."
    )
