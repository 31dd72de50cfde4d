"""The player as an MCP App of the server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.extension import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID

import agent.serving.player as app

pytestmark = pytest.mark.anyio

BUILT = Path(app.__file__).parent / "app" / "player.html"


async def test_tools_that_answer_with_a_job_are_shown_in_the_player(connection: Any) -> None:
    async with connection.open() as client:
        tools = (await client.list_tools()).tools
        read = (await client.read_resource("ui://steadface/player.html")).contents[0]
    shown = {tool.name for tool in tools if (tool.meta or {}).get("ui", {}).get("resourceUri") == read.uri}
    assert shown == {*app.SHOWN, "open_studio"}
    assert read.mime_type == "text/html;profile=mcp-app"
    assert read.text == BUILT.read_text(encoding="utf-8")


async def test_a_client_without_apps_is_told_the_other_ways(local: Any) -> None:
    async with local.open() as client:
        told = await client.call_tool("open_studio", {})
    assert "shows no player. Call request_photo" in told.content[0].text
    assert "list_references" in told.content[0].text


async def test_a_client_with_apps_is_told_that_the_user_goes_on(over_http: Any) -> None:
    apps = advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})
    async with Client(over_http[0], extensions=[apps]) as client:
        told = await client.call_tool("open_studio", {})
    assert "The player is open" in told.content[0].text
