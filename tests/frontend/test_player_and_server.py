"""The player, a host, and a real server process behind it: from a photo to a video that was changed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.extension import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from playwright.sync_api import expect

pytestmark = pytest.mark.chromium


class Relay:
    """Passes what the app asks on to a server, as a host does."""

    def __init__(self, portal: BlockingPortal, client: Client) -> None:
        self._portal = portal
        self._client = client

    def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return self._told(self._client.call_tool, tool, arguments)

    def read(self, uri: str) -> dict[str, Any]:
        return self._told(self._client.read_resource, uri)

    def _told(self, *call: Any) -> dict[str, Any]:
        try:
            result = self._portal.call(*call)
        except MCPError as error:
            return {"error": {"code": error.code, "message": error.message}}
        return {"result": result.model_dump(mode="json", by_alias=True, exclude_none=True)}


@pytest.fixture
def relay(instant: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-m", "server", "serve"]
    server = StdioServerParameters(command=command[0], args=command[1:], env=dict(os.environ))
    apps = advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(Client(server, extensions=[apps])) as client,
    ):
        yield Relay(portal, client)


def test_a_photo_becomes_first_frames_a_video_and_another_by_a_follow_up(
    host: Any, relay: Relay, picture: Any, tmp_path: Path
) -> None:
    photo = tmp_path / "me.png"
    photo.write_bytes(picture(90, (400, 300), "PNG"))
    host.call, host.read = relay.call, relay.read
    app = host.open(result=relay.call("open_studio", {})["result"])
    app.get_by_label("Photo of the person").set_input_files(photo)
    app.get_by_role("textbox", name="What do they do, and where?").fill("similarity=0.8 waves")
    app.get_by_role("radio", name="It is me").check()
    app.get_by_role("checkbox", name="Show me the first frames").check()
    expect(app.get_by_text("Still missing")).to_have_count(0)
    app.get_by_role("button", name="Make the video").click()

    second = app.get_by_role("button", name="Make the video from candidate 2: similarity 0.80, passed")
    expect(app.get_by_text("Choose the one")).to_be_visible(timeout=30_000)
    second.locator("img").wait_for()
    second.click()
    video = app.locator("video")
    video.wait_for(timeout=30_000)
    host.visit.until(lambda: video.evaluate("video => video.readyState >= 2"))
    assert video.evaluate("video => [video.videoWidth, video.error]") == [256, None]
    slider = app.get_by_role("slider", name="Similarity over time")
    slider.press("End")
    expect(slider).to_have_attribute("aria-valuetext", "2.5 s: 0.80, well held")

    app.get_by_role("textbox", name="What shall be different?").fill("motion walks")
    app.get_by_role("button", name="Change").click()
    expect(app.get_by_text("Understood as motion.")).to_be_visible()
    expect(app.locator(".tags")).to_contain_text("completed", timeout=30_000)
    expect(app.get_by_role("heading", level=1)).to_have_text("walks")
    expect(app.get_by_role("button", name="Back to the video before")).to_be_visible()
