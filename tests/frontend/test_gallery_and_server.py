"""The gallery in a browser, and a real server process behind it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from playwright.sync_api import expect
from served import SERVE_HTTP, start

pytestmark = pytest.mark.chromium

SERVER = [sys.executable, "-m", "server"]
TOKEN = "a token that nobody guesses, 0123456789"


@pytest.fixture
def address(instant: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, picture: Any) -> Iterator[str]:
    """A server with one finished job, behind a token."""
    monkeypatch.chdir(tmp_path)
    Path("me.jpg").write_bytes(picture(90, (400, 300)))
    made = [*SERVER, "generate", "--reference", "me.jpg", "--prompt", "similarity=0.8 waves", "--consent", "synthetic"]
    subprocess.run([*made, "--seed", "7"], check=True, capture_output=True)
    monkeypatch.setenv("STEADFACE_TOKEN", TOKEN)
    server = start(SERVE_HTTP, tmp_path / "server.log")
    yield server.url.removesuffix("/mcp")
    server.stop()


def test_after_the_login_a_video_is_watched_and_changed(visit: Any, address: str) -> None:
    page = visit.page
    page.goto(address)
    page.get_by_label("STEADFACE_TOKEN").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="similarity=0.8 waves").click()
    video = page.locator("video")
    visit.until(lambda: video.evaluate("video => video.readyState >= 2"))
    page.get_by_role("slider", name="Similarity over time").press("End")
    visit.until(lambda: video.evaluate("video => video.currentTime") > 2)
    visit.until(lambda: page.locator(".candidate img").first.evaluate("image => image.naturalWidth") > 0)

    page.get_by_role("textbox", name="What shall be different?").fill("motion walks")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("walks")
    expect(page.locator(".tags")).to_contain_text("completed", timeout=30_000)
    with page.expect_popup() as opened:
        page.get_by_role("link", name="The whole report").click()
    expect(opened.value.get_by_role("heading", level=1)).to_have_text("walks")
