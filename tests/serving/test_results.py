"""What every result keeps to: small enough for any client, and complete in its words and in its data alone."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult
from PIL import Image
from served import SERVE_HTTP, housed, start, stdio

from agent.serving.engine import LateEngine
from agent.serving.job_list import MOST_BYTES, job_list
from agent.serving.reach import Reach
from agent.serving.results import plainly, result_of
from agent.views import CandidateView, CurvePoint, Delivered, JobError, JobView
from tools import media

pytestmark = pytest.mark.anyio

Ask = Callable[..., dict[str, Any]]

LARGEST_RESULT = 700_000
LARGEST_PICTURE = 300_000


async def test_a_finished_job_stands_alone_in_words_and_in_data(connection: Any, ask: Ask) -> None:
    async with connection.open() as client:
        made = await client.call_tool(
            "generate_identity_video", ask("similarity=0.8 damage=30-40 repair=0.05", reference=connection.reference)
        )
        again = await client.call_tool("get_video_job", {"job_id": made.structured_content["job_id"]})
    for result in (made, again):
        _expect_finished(result)
    assert made.structured_content["result"] == again.structured_content["result"]


async def test_first_frames_and_what_follows_from_them_stand_alone(local: Any, ask: Ask) -> None:
    async with local.open() as client:
        shown = await client.call_tool("generate_identity_video", ask("similarity=0.8", stop_after="first_frame"))
        job_id = shown.structured_content["job_id"]
        animated = await client.call_tool("animate_first_frame", {"job_id": job_id, "candidate": 2})
        refined = await client.call_tool(
            "refine_identity_video", {"job_id": animated.structured_content["job_id"], "instruction": "motion slower"}
        )
    _expect_small(shown)
    text, candidates = shown.content[0].text, shown.structured_content["candidates"]
    assert [each["number"] for each in candidates] == [1, 2]
    for each in candidates:
        assert f"{each['number']}. similarity {each['similarity']:.3f}" in text
        assert each["file"] in text
        assert Path(each["file"]).is_file()
    assert len(_pictures(shown)) == 1
    for result in (animated, refined):
        _expect_finished(result)
        assert result.structured_content["understood"] in result.content[0].text


async def test_a_job_that_waits_or_failed_stands_alone(local: Any, ask: Ask) -> None:
    async with local.open() as client:
        running = await client.call_tool("generate_identity_video", ask("video=30", wait_seconds=0))
        cancelled = await client.call_tool("cancel_video_job", {"job_id": running.structured_content["job_id"]})
        failed = await client.call_tool("generate_identity_video", ask("similarity=0.1", on_gate_failure="fail"))
        listed = await client.call_tool("list_video_jobs", {})
    for result in (running, cancelled, failed):
        _expect_small(result)
        assert result.structured_content["job_id"] in result.content[0].text
    assert running.structured_content["next_step"] in running.content[0].text
    assert failed.structured_content["error"]["message"] in failed.content[0].text
    assert failed.structured_content["error"]["attachments"]["best_first_frame"] in failed.content[0].text
    assert len(_pictures(failed)) == 1
    assert [job["status"] for job in listed.structured_content["jobs"]] == ["failed", "cancelled"]


@dataclass
class Preview:
    """A video that the preset ``preview`` made of a real person, and the folder and environment of its servers."""

    made: CallToolResult
    folder: Path
    environment: dict[str, str]

    def stdio(self) -> StdioServerParameters:
        return stdio(self.environment, self.folder)


@pytest.fixture(scope="module")
async def preview(tmp_path_factory: pytest.TempPathFactory) -> Preview:
    folder, examples = tmp_path_factory.mktemp("preview"), Path(__file__).parents[2] / "examples"
    environment = {**housed(folder), "STEADFACE_ROOTS": str(examples)}
    asked = {
        "reference": str(examples / "astronaut.jpg"),
        "prompt": "A woman in an orange flight suit smiles on the launch pad at dawn.",
        "consent": "licensed",
        "wait_seconds": 240,
    }
    async with Client(stdio(environment, folder)) as client:
        made = await client.call_tool("generate_identity_video", asked)
    return Preview(made, folder, environment)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_preview_makes_a_video_of_a_real_person(preview: Preview) -> None:
    result = preview.made.structured_content["result"]
    assert "animatic" in preview.made.content[0].text
    assert result["first_frame_passed"]
    assert result["recogniser"] == "dlib ResNet"
    assert len(preview.made.model_dump_json()) < LARGEST_RESULT


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_preview_stands_alone_for_every_kind_of_client(preview: Preview) -> None:
    """One real job, looked at on both transports and in both eras."""
    _expect_finished(preview.made)
    look = {"job_id": preview.made.structured_content["job_id"]}
    server = start(SERVE_HTTP, preview.folder / "server.log", preview.environment, preview.folder)
    try:
        for target, era in ((preview.stdio(), "legacy"), (server.url, "auto"), (server.url, "legacy")):
            async with Client(target, mode=era) as client:
                again = await client.call_tool("get_video_job", look)
                read = (await client.read_resource(f"steadface://jobs/{look['job_id']}/preview.mp4")).contents[0]
            _expect_finished(again)
            assert again.structured_content["result"] == preview.made.structured_content["result"]
            assert len(read.blob) < 1024 * 1024
    finally:
        server.stop()


def test_the_largest_result_is_small_enough(tmp_path: Path, home: Path) -> None:
    view = _large(tmp_path)
    result = result_of(view, LateEngine(), Reach.STDIO)
    assert len(_pictures(result)[0]) > 0.95 * LARGEST_PICTURE
    _expect_finished(result)


def test_pictures_of_a_fault_are_small_however_large_they_were(tmp_path: Path, home: Path) -> None:
    files = {}
    for name in ("numbered_faces", "best_first_frame"):
        files[name] = str(tmp_path / f"{name}.png")
        Path(files[name]).write_bytes(media.png_bytes(next(_noise(1, 1500, 2000))))
    error = JobError(kind="InputError", message="There are several faces.", attachments=files)
    view = JobView(job_id="j", status="failed", error=error)
    result = result_of(view, LateEngine(), Reach.STDIO)
    assert len(_pictures(result)) == 2
    _expect_small(result)


def test_a_list_holds_as_many_jobs_as_a_message_can_carry(tmp_path: Path, home: Path) -> None:
    view = _large(tmp_path)
    found = job_list([view] * 100, LateEngine(), Reach.STDIO)
    assert found.jobs
    assert len(found.jobs) + found.left_out == 100
    assert len(found.model_dump_json()) < LARGEST_RESULT - 20_000
    assert len(job_list([view] * (len(found.jobs) + 1), LateEngine(), Reach.STDIO).jobs) == len(found.jobs)
    one = len(found.jobs[0].model_dump_json())
    assert one * (len(found.jobs) + 1) > MOST_BYTES


def test_a_sentence_names_the_storage_to_who_runs_the_server_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFACE_ARTIFACTS_URL", "s3://faces/of-ours/")
    said = "The storage at s3://faces/of-ours cannot be used now (SlowDown); jobs go on when it is back."
    assert plainly(said, LateEngine(), Reach.STDIO) == said
    told = plainly(said, LateEngine(), Reach.NETWORK)
    assert told == "The storage at STEADFACE_ARTIFACTS_URL cannot be used now (SlowDown); jobs go on when it is back."


def _expect_small(result: CallToolResult) -> None:
    assert len(result.model_dump_json(by_alias=True)) < LARGEST_RESULT
    assert all(len(picture) <= LARGEST_PICTURE for picture in _pictures(result))
    assert max(map(len, _texts(result.structured_content))) < 5_000, "no picture hides in the data"


def _expect_finished(result: CallToolResult) -> None:
    """Each tile is named with its similarity, and every file with its path, in the words and in the data."""
    _expect_small(result)
    assert not result.is_error, result.content
    assert [block.type for block in result.content] == ["text", "image", "resource_link"]
    text, job = result.content[0].text, result.structured_content
    made = job["result"]
    tiles = [point for point in made["curve"] if point["tile"] is not None]
    assert [point["tile"] for point in tiles] == list(range(1, len(tiles) + 1))
    assert 2 <= len(tiles) <= 9
    told = ", ".join(f"{each['tile']} at {each['second']:.1f} s {_figure(each['similarity'])}" for each in tiles)
    assert f"Contact sheet, tile by tile: {told}" in text
    for path in (made["video"], made["page"]):
        assert path in text
    assert all(Path(made[field]).is_file() for field in ("video", "first_frame", "contact_sheet", "report", "page"))
    for figure in (made["first_frame_similarity"], made["identity_skip"], made["identity_zero"]):
        assert _figure(figure) in text
    assert made["recogniser"] in text
    assert result.content[2].uri == job["video_uri"]


def _figure(similarity: float | None) -> str:
    return "no face" if similarity is None else f"{similarity:.3f}"


def _pictures(result: CallToolResult) -> list[bytes]:
    """The bytes of its pictures, each of which can be opened."""
    found = [base64.b64decode(block.data) for block in result.content if block.type == "image"]
    for picture in found:
        with Image.open(BytesIO(picture)) as image:
            assert image.format == "JPEG"
    return found


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict | list):
        for each in data.values() if isinstance(data, dict) else data:
            yield from _texts(each)


def _large(folder: Path) -> JobView:
    """A finished job with the longest prompts, the most candidates and the longest curve that the defaults allow."""
    files = {name: str(folder / f"{name}.mp4") for name in ("video", "first_frame", "report", "page")}
    for path in files.values():
        Path(path).write_bytes(b"x")
    sheet = folder / "contact_sheet"
    sheet.write_bytes(_jpeg_of(LARGEST_PICTURE))
    words = "w" * 4000
    return JobView(
        job_id="j" * 16,
        status="completed",
        prompt=words,
        understood=words,
        candidates=[
            CandidateView(
                number=number, attempt=number, similarity=0.5, passed=True, chosen=False, spatial_prompt=words, file="f"
            )
            for number in range(1, 7)
        ],
        result=Delivered(
            folder=str(folder), contact_sheet=str(sheet), preset="preview", sketch=True, recogniser="dlib ResNet",
            first_frame_similarity=0.512, first_frame_passed=True, attempts=3, identity_skip=0.613, identity_zero=0.511,
            face_rate=0.9, seconds=15.0, width=832, height=480, seed=7, warnings=["W" * 400] * 5, stages={"a": 1.0},
            good_from=0.4, spatial_prompt=words, temporal_prompt=words, **files,
            curve=[
                CurvePoint(
                    frame=at, second=at / 16, similarity=None if at % 7 else 0.1234567890123,
                    tile=at // 30 + 1 if at % 30 == 0 else None,
                )
                for at in range(241)
            ],
        ),
    )  # fmt: skip


def _jpeg_of(most: int) -> bytes:
    """A JPEG of just under so many bytes."""
    pixels = next(_noise(1, 620, 620))
    for quality in range(95, 20, -1):
        out = BytesIO()
        Image.fromarray(pixels).save(out, "JPEG", quality=quality)
        if out.tell() <= most:
            return out.getvalue()
    raise AssertionError


def _noise(count: int, height: int, width: int) -> Iterator[Any]:
    random = np.random.default_rng(7)
    return (random.integers(0, 256, (height, width, 3), np.uint8) for _ in range(count))
