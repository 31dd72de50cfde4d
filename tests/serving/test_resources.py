"""What jobs made, read as resources: every file, as small as a message can carry."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from mcp import Client, MCPError
from PIL import Image

from agent.jobs import JobEngine
from agent.serving.previews import preview_of
from agent.serving.resources import LARGEST_CANDIDATE, LARGEST_RESOURCE
from agent.serving.small_pictures import jpeg_under, png_under
from agent.settings import load_settings
from tools import media
from tools.errors import InputError

pytestmark = pytest.mark.anyio

Ask = Callable[..., dict[str, Any]]

NAMES = {
    "video.mp4", "preview.mp4", "contact_sheet.jpg", "first_frame.png", "candidates/{number}.jpg", "reference.png",
    "report.json",
}  # fmt: skip


async def test_everything_that_a_job_made_can_be_read_on_every_transport(connection: Any, ask: Ask) -> None:
    async with connection.open() as client:
        templates = (await client.list_resource_templates()).resource_templates
        job = await _made(client, ask("similarity=0.8", reference=connection.reference))
        read = {name: await _read(client, job["job_id"], name) for name in [*NAMES - _NUMBERED, "candidates/2.jpg"]}
    assert {template.uri_template.split("/", 4)[4] for template in templates} == NAMES
    for template in templates:
        assert all((template.title, template.description, template.mime_type, template.annotations))

    result = job["result"]
    assert read["video.mp4"] == read["preview.mp4"] == Path(result["video"]).read_bytes()
    assert read["contact_sheet.jpg"] == Path(result["contact_sheet"]).read_bytes()
    assert read["first_frame.png"] == Path(result["first_frame"]).read_bytes()
    assert json.loads(read["report.json"])["job_id"] == job["job_id"]
    assert _size(read["reference.png"]) == (320, 240)
    assert _size(read["candidates/2.jpg"]) == (256, 144)
    assert all(len(data) <= LARGEST_RESOURCE for data in read.values())


async def test_the_candidates_of_a_job_that_runs_can_be_seen(local: Any, ask: Ask) -> None:
    async with local.open() as client:
        job = (await client.call_tool("generate_identity_video", ask("video=20", wait_seconds=0))).structured_content
        while not job["candidates"]:
            assert job["status"] in ("queued", "running")
            job = (await client.call_tool("get_video_job", {"job_id": job["job_id"]})).structured_content
        pictures = [(await client.read_resource(each["uri"])).contents[0] for each in job["candidates"]]
        await client.call_tool("cancel_video_job", {"job_id": job["job_id"]})
    assert len(pictures) == 2
    assert all(picture.mime_type == "image/jpeg" for picture in pictures)


async def test_what_a_job_does_not_have_is_told(local: Any, ask: Ask) -> None:
    async with local.open() as client:
        job = await _made(client, ask("waves"))
        for uri, sentence in {
            f"{job['job_id']}/candidates/9.jpg": "has no candidate 9; it has 2",
            f"{job['job_id']}/candidates/one.jpg": "is no picture of job",
            "none/video.mp4": "There is no job 'none'",
            "none/candidates/1.jpg": "There is no job 'none'",
        }.items():
            with pytest.raises(MCPError, match=sentence):
                await client.read_resource(f"steadface://jobs/{uri}")
        Path(job["result"]["video"]).unlink()
        for name in ("video.mp4", "preview.mp4"):
            with pytest.raises(MCPError, match="no longer where it was delivered"):
                await _read(client, job["job_id"], name)


async def test_a_video_too_large_for_a_message_comes_as_a_smaller_copy(local: Any, ask: Ask) -> None:
    async with local.open() as client:
        job = await _made(client, ask("waves"))
        video = Path(job["result"]["video"])
        media.encode_mp4(_noise(20, 360, 640), 16, video, "waves", "")
        with pytest.raises(MCPError) as refused:
            await _read(client, job["job_id"], "video.mp4")
        small = await _read(client, job["job_id"], "preview.mp4")
        again = await _read(client, job["job_id"], "preview.mp4")
        listed = (await client.list_resources()).resources
    assert video.stat().st_size > LARGEST_RESOURCE >= len(small)
    assert f"open it at {video}, or read steadface://jobs/{job['job_id']}/preview.mp4" in str(refused.value)
    assert small == again
    assert f"steadface://jobs/{job['job_id']}/preview.mp4" in {resource.uri for resource in listed}


async def test_the_newest_videos_are_listed_in_order(local: Any, ask: Ask) -> None:
    async with local.open() as client:
        none = (await client.list_resources()).resources
        jobs = [await _made(client, ask(prompt)) for prompt in ("first waves", "then sand")]
        failed = await client.call_tool("generate_identity_video", ask("similarity=0.1", on_gate_failure="fail"))
        listed = [each for each in (await client.list_resources()).resources if each.uri.startswith("steadface:")]
        read = (await client.read_resource(listed[0].uri)).contents[0]
    assert failed.is_error
    assert not [each for each in none if each.uri.startswith("steadface:")]
    assert [each.title for each in listed] == ["then sand", "first waves"]
    assert [each.uri for each in listed] == [f"steadface://jobs/{job['job_id']}/video.mp4" for job in reversed(jobs)]
    assert [each.size for each in listed] == [Path(job["result"]["video"]).stat().st_size for job in reversed(jobs)]
    assert base64.b64decode(read.blob) == Path(jobs[1]["result"]["video"]).read_bytes()


def test_a_smaller_copy_is_made_once_and_outlives_the_process(
    instant: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = tmp_path / "video.mp4"
    media.encode_mp4(_noise(12, 240, 416), 16, video, "", "")
    with JobEngine(load_settings()) as engine:
        made = preview_of(engine, video, 100_000)
    with JobEngine(load_settings()) as engine:
        monkeypatch.setattr(engine, "ask", None)
        assert preview_of(engine, video, 100_000) == made
    assert len(made) <= 100_000


@pytest.mark.parametrize("size", [(832, 480), (480, 832), (1280, 1280), (3000, 200)])
def test_pictures_are_made_small_enough_even_where_they_are_noise(size: tuple[int, int]) -> None:
    png = _png(size)
    assert len(jpeg_under(png, LARGEST_CANDIDATE)) <= LARGEST_CANDIDATE
    assert len(small := png_under(png, LARGEST_RESOURCE)) <= LARGEST_RESOURCE
    assert _size(small)[0] / _size(small)[1] == pytest.approx(size[0] / size[1], rel=0.05)


def test_a_picture_that_is_small_enough_stays_as_it_is() -> None:
    png = _png((64, 48))
    assert png_under(png, LARGEST_RESOURCE) == png
    assert _size(jpeg_under(png, LARGEST_CANDIDATE)) == (64, 48)
    with pytest.raises(InputError, match="as small as 0 KB"):
        jpeg_under(png, 100)


_NUMBERED = {"candidates/{number}.jpg"}


async def _made(client: Client, arguments: dict[str, Any]) -> dict[str, Any]:
    made = await client.call_tool("generate_identity_video", arguments)
    assert not made.is_error, made.content
    job: dict[str, Any] = made.structured_content
    assert job["status"] == "completed"
    return job


async def _read(client: Client, job_id: str, name: str) -> bytes:
    content = (await client.read_resource(f"steadface://jobs/{job_id}/{name}")).contents[0]
    return base64.b64decode(content.blob)


def _size(data: bytes) -> tuple[int, int]:
    return Image.open(BytesIO(data)).size


def _png(size: tuple[int, int]) -> bytes:
    return media.png_bytes(next(_noise(1, size[1], size[0])))


def _noise(count: int, height: int, width: int) -> Any:
    random = np.random.default_rng(7)
    return (random.integers(0, 256, (height, width, 3), np.uint8) for _ in range(count))
