"""A photo given on a page, by a link that takes one: on stdio from a server of its own, on HTTP from the server."""

from __future__ import annotations

import os
import time
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from mcp import Client
from PIL import Image
from studio import Studio

from agent.serving import uploads as links
from agent.serving.bodies import TooLarge, capped
from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.uploads import Uploads, uploaded
from agent.settings import load_settings
from tools.errors import InputError

pytestmark = pytest.mark.anyio

get = partial(httpx2.get, timeout=60)
post = partial(httpx2.post, timeout=60)


def jpeg(colour: str = "tan") -> bytes:
    out = BytesIO()
    Image.new("RGB", (320, 240), colour).save(out, "JPEG", exif=_exif())
    return out.getvalue()


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    return exif


def send(link: str, data: bytes, **headers: str) -> httpx2.Response:
    return post(link, files={"photo": ("me.jpg", data)}, headers=headers)


async def test_a_photo_given_on_the_page_is_what_the_video_is_made_of(local: Any, ask: Any) -> None:
    async with local.open() as client:
        asked = (await client.call_tool("request_photo", {})).structured_content
        assert asked["reference"] is None
        assert f'request_photo(link="{asked["link"]}", wait_seconds=45)' in asked["next_step"]
        assert urlsplit(asked["link"]).hostname == "127.0.0.1"
        page = get(asked["link"])
        assert 'enctype="multipart/form-data"' in page.text
        assert "script-src 'sha256-" in page.headers["content-security-policy"]
        assert page.headers["cache-control"] == "no-store"
        assert send(asked["link"], jpeg()).status_code == 200
        got = await client.call_tool("request_photo", {"link": asked["link"], "wait_seconds": 30})
        reference = got.structured_content["reference"]
        assert reference in got.content[0].text
        made = await client.call_tool("generate_identity_video", ask("waves", reference=reference))
        listed = await client.call_tool("list_references", {})
    assert made.structured_content["status"] == "completed"
    assert [photo["reference"] for photo in listed.structured_content["photos"]] == [reference]
    with Image.open(reference) as kept:
        assert not kept.getexif()


async def test_a_link_takes_one_photo_and_no_page_of_another_site_reaches_it(local: Any) -> None:
    async with local.open() as client:
        link = (await client.call_tool("request_photo", {})).structured_content["link"]
        assert get(link, headers={"host": "evil.example"}).status_code == 421
        assert send(link, jpeg(), origin="http://evil.example").status_code == 403
        guessed = link[:-4] + "AAAA"
        assert get(guessed).status_code == send(guessed, jpeg()).status_code == 404

        refused = send(link, b"no photo")
        assert refused.status_code == 400
        assert "me.jpg is not an image" in refused.text
        assert send(link, jpeg()).status_code == 200
        assert send(link, jpeg("red")).status_code == 410
        listed = await client.call_tool("list_references", {})
    assert len(listed.structured_content["photos"]) == 1


async def test_a_wait_that_is_over_says_so_and_the_link_goes_on(local: Any) -> None:
    async with local.open() as client:
        link = (await client.call_tool("request_photo", {})).structured_content["link"]
        waited = await client.call_tool("request_photo", {"link": link, "wait_seconds": 0.3})
        strange = await client.call_tool("request_photo", {"link": "http://127.0.0.1:1/upload/none"})
    assert waited.structured_content["reference"] is None
    assert waited.structured_content["next_step"].startswith("show the user the link")
    assert strange.is_error
    assert "call request_photo for a new one" in strange.content[0].text


async def test_over_http_the_server_has_the_page_and_the_photo_is_no_path(
    over_http: tuple[str, Studio], ask: Any
) -> None:
    url, studio = over_http
    async with Client(url) as client:
        link = (await client.call_tool("request_photo", {})).structured_content["link"]
        assert link.startswith(url.removesuffix("/mcp") + "/upload/")
        assert send(link, jpeg()).status_code == 200
        got = await client.call_tool("request_photo", {"link": link, "wait_seconds": 30})
        reference = got.structured_content["reference"]
        made = await client.call_tool("generate_identity_video", ask("waves", reference=reference))
    assert reference.startswith("steadface://uploads/")
    assert str(studio.folder) not in got.model_dump_json()
    assert made.structured_content["status"] == "completed"


@pytest.fixture
def desk(home: Path) -> Uploads:
    return Uploads(LateEngine(), Reach.NETWORK)


def test_a_link_ends_after_its_time(desk: Uploads) -> None:
    link = desk.open()
    assert desk.found(link.token) is link
    link.ends -= links.LINK_SECONDS
    assert desk.found(link.token) is None


def test_a_clients_oldest_link_is_forgotten_where_there_are_too_many_and_no_others(
    desk: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners = desk.open()
    monkeypatch.setattr(links, "current_client", lambda: "issuer ada")
    first, *others = [desk.open() for _ in range(11)]
    assert desk.found(first.token) is None
    assert all(desk.found(link.token) is link for link in (owners, *others))


def test_no_more_than_fifty_photos_are_kept_the_newest(desk: Uploads, home: Path) -> None:
    folder = home / "uploads" / "owner"
    folder.mkdir(parents=True)
    for number in range(60):
        (folder / f"{number}.png").write_bytes(b"")
        os.utime(folder / f"{number}.png", (time.time() - 3600 - number,) * 2)
    desk.receive(link := desk.open(), jpeg(), "me.jpg")
    assert link.reference
    kept = {file.name for file in folder.iterdir()}
    assert len(kept) == 50
    assert {f"{number}.png" for number in range(49)} < kept


def test_a_photo_is_the_clients_who_gave_it(desk: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "current_client", lambda: "issuer ada")
    link = desk.open()
    desk.receive(link, jpeg(), "me.jpg")
    assert link.reference
    assert uploaded(link.reference, load_settings()).startswith(b"\x89PNG")
    for other in ("issuer bob", None):
        monkeypatch.setattr(links, "current_client", lambda other=other: other)
        with pytest.raises(InputError, match="There is no photo"):
            uploaded(link.reference, load_settings())


def test_a_photo_older_than_a_day_is_used_no_more(desk: Uploads, home: Path) -> None:
    desk.receive(link := desk.open(), jpeg(), "me.jpg")
    assert link.reference
    (file,) = (home / "uploads").rglob("*.png")
    os.utime(file, (time.time() - 90_000,) * 2)
    with pytest.raises(InputError, match="kept for a day"):
        uploaded(link.reference, load_settings())


@pytest.mark.parametrize("name", ["", "../owner/x", "x" * 22 + "/../y", "a" * 22])
def test_no_other_file_is_an_upload(name: str, home: Path) -> None:
    with pytest.raises(InputError, match="There is no photo"):
        uploaded(f"{links.UPLOAD_URI}{name}", load_settings())


async def test_no_more_of_a_body_is_read_than_it_may_have() -> None:
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": bytes(1000), "more_body": True}

    from starlette.requests import Request

    with pytest.raises(TooLarge, match="More than 5 KB"):
        await capped(Request({"type": "http"}, receive), 5000).body()
    assert read == 6
