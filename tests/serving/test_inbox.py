"""Photos that people put into the inbox, and the assistant takes by name."""

from __future__ import annotations

import base64
import os
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from agent.serving.inbox import inbox_of, photos_in, sheet_of
from agent.serving.reach import Reach
from agent.serving.references import open_reference
from agent.settings import load_settings
from tools.errors import InputError


@pytest.fixture
def inbox(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three photos, a file that is none and one that is damaged, each newer than the one before."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    folder = inbox_of(load_settings())
    for number, (name, colour) in enumerate([("old.png", "red"), ("me.jpg", "green"), ("new.webp", "blue")]):
        Image.new("RGB", (640, 480), colour).save(folder / name)
        os.utime(folder / name, (number, number))
    (folder / "notes.txt").write_text("not a photo")
    (folder / "broken.jpg").write_bytes((folder / "me.jpg").read_bytes()[:300])
    os.utime(folder / "broken.jpg", (9, 9))
    return folder


def test_the_newest_photos_come_first_and_what_is_none_is_left_out(inbox: Path) -> None:
    listed = photos_in(inbox, 10)
    assert [photo.path.name for photo in listed] == ["broken.jpg", "new.webp", "me.jpg", "old.png"]
    assert [photo.path.name for photo in photos_in(inbox, 2)] == ["broken.jpg", "new.webp"]


def test_a_photo_that_cannot_be_used_says_why_and_the_others_are_shown(inbox: Path) -> None:
    broken, *sound = photos_in(inbox, 10)
    assert "broken.jpg" in str(broken.fault)
    assert broken.thumbnail is None
    assert all(photo.thumbnail and photo.fault is None for photo in sound)
    with Image.open(BytesIO(sound[0].thumbnail or b"")) as small:
        assert small.size == (232, 174)


def test_the_sheet_is_small_and_shows_each_photo_in_its_colour(inbox: Path) -> None:
    sheet = sheet_of(photos_in(inbox, 10))
    assert sheet is not None
    assert len(sheet) < 300_000
    with Image.open(BytesIO(base64.b64decode(sheet))) as picture:
        strongest = [picture.getpixel((240 * place + 120, 120)) for place in range(3)]
    assert [pixel.index(max(pixel)) for pixel in strongest] == [2, 1, 0]


def test_a_bare_name_means_the_photo_of_the_inbox(inbox: Path) -> None:
    data, name = open_reference("me.jpg", load_settings(), Reach.STDIO)
    assert name == "me.jpg"
    with Image.open(BytesIO(data)) as photo:
        assert photo.getpixel((10, 10))[1] > 100


def test_a_file_of_the_working_folder_goes_before_one_of_the_inbox(inbox: Path) -> None:
    Image.new("RGB", (64, 64), "white").save("me.jpg")
    data, _ = open_reference("me.jpg", load_settings(), Reach.STDIO)
    with Image.open(BytesIO(data)) as photo:
        assert photo.size == (64, 64)


@pytest.mark.parametrize("invented", ["/mnt/user-data/uploads/selfie.jpg", "selfie.jpg", "/mnt/data/me.png"])
def test_a_path_that_a_client_invented_is_told_with_the_way_in(inbox: Path, invented: str) -> None:
    with pytest.raises(
        InputError, match=r"attached in a chat does not reach .* list_references.* request_photo"
    ) as told:
        open_reference(invented, load_settings(), Reach.STDIO)
    assert str(inbox) in str(told.value)
    assert "\n" not in str(told.value)


def test_an_inbox_that_cannot_be_made_is_told(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("STEADFACE_INBOX", str(tmp_path / "file" / "inbox"))
    with pytest.raises(InputError, match=r"cannot be made .* STEADFACE_INBOX"):
        inbox_of(load_settings())


@pytest.mark.anyio
async def test_a_client_lists_them_with_their_thumbnails(local: Any, inbox: Path) -> None:
    async with local.open() as client:
        listed = await client.call_tool("list_references", {"limit": 3})
    found = listed.structured_content
    assert found["inbox"] == str(inbox)
    assert [Path(photo["reference"]).name for photo in found["photos"]] == ["broken.jpg", "new.webp", "me.jpg"]
    assert "2. " + str(inbox / "new.webp") in listed.content[0].text
    assert listed.content[1].mime_type == "image/jpeg"


@pytest.mark.anyio
async def test_an_empty_inbox_says_what_to_do(local: Any, home: Path) -> None:
    async with local.open() as client:
        listed = await client.call_tool("list_references", {})
    assert "is empty; ask the user to put a photo" in listed.content[0].text
    assert listed.structured_content["photos"] == []
