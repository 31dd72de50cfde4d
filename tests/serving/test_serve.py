"""A real client and a real server process: jobs, waiting, results and errors over MCP."""

from __future__ import annotations

import base64
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import psutil
import pytest
from mcp import Client, MCPError
from PIL import Image
from served import workers_of

from agent.store import JobStore

pytestmark = pytest.mark.anyio

Ask = Callable[..., dict[str, Any]]


async def test_a_video_and_its_evidence_come_back_on_every_transport_and_era(connection: Any, ask: Ask) -> None:
    news: list[tuple[float, str]] = []

    async def progress(value: float, total: float | None, message: str | None) -> None:
        news.append((value, message or ""))

    async with connection.open() as client:
        tools = (await client.list_tools()).tools
        made = await client.call_tool(
            "generate_identity_video",
            ask("similarity=0.8 waves", reference=connection.reference),
            progress_callback=progress,
        )
        link = next(block for block in made.content if block.type == "resource_link")
        resource = (await client.read_resource(link.uri)).contents[0]

    everywhere = {
        "generate_identity_video", "refine_identity_video", "get_video_job", "cancel_video_job", "list_video_jobs",
        "server_info", "decouple_prompt", "score_identity", "open_studio", "request_photo",
        "save_identity", "list_identities", "forget_identity", "generate_first_frame", "animate_first_frame",
        "pause_queue", "resume_queue", "prioritise_job", "run_batch", "get_batch", "cancel_batch",
    }  # fmt: skip
    assert {tool.name for tool in tools} - {"list_references"} == everywhere
    assert ("list_references" in {tool.name for tool in tools}) == (connection.transport == "stdio")
    assert all(tool.title and tool.description and tool.annotations and tool.output_schema for tool in tools)

    generate = next(tool for tool in tools if tool.name == "generate_identity_video")
    assert set(generate.input_schema["required"]) == {"reference", "prompt", "consent"}

    text, sheet = made.content[0].text, made.content[1]
    job = made.structured_content
    video = Path(job["result"]["video"])
    assert not made.is_error
    assert job["status"] == "completed"
    assert job["result"]["first_frame_similarity"] == pytest.approx(0.8, abs=0.002)
    for told in (str(video), "instant recogniser", "0.800", "identity_skip", "face_rate", "Seed: 7"):
        assert told in text
    assert sheet.mime_type == "image/jpeg"
    assert len(made.model_dump_json()) < 700_000
    assert base64.b64decode(resource.blob) == video.read_bytes()

    values = [value for value, _ in news]
    assert values == sorted(set(values))
    assert values[0] < 0.5


async def test_a_wait_that_is_over_gives_the_id_and_the_next_call(local: Any, ask: Ask) -> None:
    async with local.open() as client:
        begun = await client.call_tool("generate_identity_video", ask("video=1", wait_seconds=0))
        job = begun.structured_content
        ended = await client.call_tool("get_video_job", {"job_id": job["job_id"], "wait_seconds": 45})
    assert job["status"] in ("queued", "running")
    assert f'get_video_job(job_id="{job["job_id"]}", wait_seconds=45)' in job["next_step"]
    assert job["next_step"] in begun.content[0].text
    assert ended.structured_content["status"] == "completed"


@pytest.mark.parametrize(("setting", "value"), [("frames", "2"), ("consent", "perhaps")])
async def test_a_setting_that_cannot_be_is_told_by_every_call(
    alone: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch, setting: str, value: str
) -> None:
    monkeypatch.setenv(variable := f"STEADFACE_{setting.upper()}", value)
    calls = {
        "generate_identity_video": ask("waves"),
        "list_references": {},
        "list_video_jobs": {},
        "server_info": {},
    }
    async with alone.open() as client:
        for tool, arguments in calls.items():
            refused = await client.call_tool(tool, arguments)
            assert refused.is_error
            assert refused.content[0].text.startswith(f"The setting {setting} ({variable}) cannot be '{value}'")
        with pytest.raises(MCPError, match=f"The setting {setting}"):
            await client.read_resource("steadface://jobs/x/video.mp4")


async def test_a_dropped_call_leaves_its_job_running(connection: Any, ask: Ask) -> None:
    dropped = anyio.CancelScope()

    async def drop(value: float, total: float | None, message: str | None) -> None:
        if (message or "").startswith("Animating"):
            dropped.cancel()

    async with connection.open() as client:
        first = await client.call_tool("generate_identity_video", ask("done", reference=connection.reference))
        with dropped:
            asked = ask("video=2", reference=connection.reference)
            await client.call_tool("generate_identity_video", asked, progress_callback=drop)
        listed = (await client.call_tool("list_video_jobs", {"limit": 1})).structured_content["jobs"][0]
        ended = await client.call_tool("get_video_job", {"job_id": listed["job_id"], "wait_seconds": 45})
    assert dropped.cancelled_caught
    assert listed["job_id"] != first.structured_content["job_id"]
    assert ended.structured_content["status"] == "completed"


async def test_a_job_is_cancelled_only_when_asked(local: Any, ask: Ask) -> None:
    async with local.open() as client:
        job_id = await _animating(client, ask("video=60"))
        cancelled = await client.call_tool("cancel_video_job", {"job_id": job_id})
        again = await client.call_tool("cancel_video_job", {"job_id": job_id})
    assert cancelled.structured_content["status"] == again.structured_content["status"] == "cancelled"
    assert not cancelled.is_error


async def test_what_cannot_work_is_said_in_one_sentence(local: Any, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    wrong = {
        "There is no file": ask("waves", reference="missing.png"),
        "not an image": ask("waves", reference="text.png"),
        "outside the folders": ask("waves", reference="/etc/passwd"),
        "fetches nothing from URLs": ask("waves", reference="https://example.org/photo.png"),
        "prompt is empty": ask("  "),
        "Consent is missing": ask("waves", consent=None),
        "Consent cannot be 'perhaps'": ask("waves", consent="perhaps"),
        "There is no preset 'best'": ask("waves", preset="best"),
        "The argument seed cannot be -1: it should be": ask("waves", seed=-1),
        "generate_identity_video has no argument 'duration'; it takes reference, prompt": ask("waves", duration=10),
        "The argument reference is missing": ask("waves", reference=None),
    }
    async with local.open() as client:
        for sentence, arguments in wrong.items():
            given = {name: value for name, value in arguments.items() if value is not None}
            refused = await client.call_tool("generate_identity_video", given)
            assert refused.is_error
            assert sentence in refused.content[0].text
            assert not refused.content[0].text.startswith("Error executing")
            assert "\n" not in refused.content[0].text
        unknown = await client.call_tool("get_video_job", {"job_id": "nothing"})
        with pytest.raises(MCPError, match="There is no job"):
            await client.read_resource("steadface://jobs/nothing/video.mp4")
        listed = await client.call_tool("list_video_jobs", {})
    assert unknown.is_error
    assert "There is no job 'nothing'" in unknown.content[0].text
    assert listed.structured_content == {"jobs": [], "left_out": 0}


async def test_a_home_that_cannot_be_made_is_said_in_one_sentence(
    alone: Any, ask: Ask, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFACE_HOME", str(photo / "home"))
    async with alone.open() as client:
        refused = await client.call_tool("generate_identity_video", ask("waves"))
    assert "STEADFACE_HOME" in refused.content[0].text
    assert "\n" not in refused.content[0].text


async def test_two_servers_share_one_queue(process: Any, ask: Ask) -> None:
    async with process.open() as one, process.open() as other:
        first = await one.call_tool("generate_identity_video", ask("video=1", wait_seconds=0))
        second = await other.call_tool("generate_identity_video", ask("waves"))
        asked = {"job_id": first.structured_content["job_id"], "wait_seconds": 45}
        first = await other.call_tool("get_video_job", asked)
    assert first.structured_content["status"] == second.structured_content["status"] == "completed"


async def test_a_file_too_large_to_send_or_gone_is_told(local: Any, ask: Ask) -> None:
    async with local.open() as client:
        made = await client.call_tool("generate_identity_video", ask("waves"))
        job = made.structured_content
        video = Path(job["result"]["video"])
        with video.open("ab") as file:
            file.write(bytes(700_000))
        with pytest.raises(MCPError, match=r"0\.7 MB, more than a message can carry") as large:
            await client.read_resource(job["video_uri"])
        video.unlink()
        with pytest.raises(MCPError, match="no longer where it was delivered"):
            await client.read_resource(job["video_uri"])
        later = await client.call_tool("get_video_job", {"job_id": job["job_id"]})
    assert str(video) in str(large.value)
    assert "no longer there" in later.content[0].text
    assert [block.type for block in later.content] == ["text", "image"]


async def test_a_job_that_fails_is_an_error_with_the_files_that_help(
    local: Any, ask: Ask, photo: Path, instant: ModuleType
) -> None:
    Image.fromarray(instant.picture(instant.Mark(similarity=1.0, faces=3))).save(photo)
    async with local.open() as client:
        failed = await client.call_tool("generate_identity_video", ask("waves"))
        chosen = await client.call_tool("generate_identity_video", ask("waves", face=1))
    assert failed.is_error
    error = failed.structured_content["error"]
    (picture,) = error["attachments"].values()
    assert Path(picture).is_file()
    assert error["message"] in failed.content[0].text
    assert picture in failed.content[0].text
    assert failed.content[1].mime_type == "image/jpeg"
    assert chosen.structured_content["status"] == "completed"


async def test_the_gates_warning_comes_first(local: Any, ask: Ask) -> None:
    async with local.open() as client:
        made = await client.call_tool("generate_identity_video", ask("similarity=0.2"))
    assert made.content[0].text.startswith("Warning: No first frame passed the gate in 3 attempts")
    assert made.structured_content["result"]["first_frame_passed"] is False


async def test_a_video_without_a_face_is_told_as_such(local: Any, ask: Ask) -> None:
    async with local.open() as client:
        made = await client.call_tool("generate_identity_video", ask("faces=0"))
    assert "first frame no face, did not pass the gate" in made.content[0].text
    assert made.structured_content["result"]["identity_skip"] is None


async def test_a_new_server_goes_on_with_the_job_of_one_that_was_killed(process: Any, ask: Ask, home: Path) -> None:
    async with process.open() as client:
        job_id = await _animating(client, ask("video=3"))
        _server_of(home).kill()
    async with process.open():
        assert await _ended(home, job_id) == "completed"


async def test_the_end_of_the_client_ends_server_and_workers_and_keeps_the_job(
    process: Any, ask: Ask, home: Path
) -> None:
    async with process.open() as client:
        job_id = await _animating(client, ask("video=60"))
        assert workers_of(home)
    assert await _gone(home)
    assert _status(home, job_id) == "queued"


async def test_sigterm_ends_server_and_workers_and_keeps_the_job(process: Any, ask: Ask, home: Path) -> None:
    async with process.open() as client:
        job_id = await _animating(client, ask("video=60"))
        _server_of(home).terminate()
        assert await _gone(home, seconds=12)  # the call gets ten to end
    assert _status(home, job_id) == "queued"


async def test_the_server_says_what_it_can_do(local: Any) -> None:
    async with local.open() as client:
        info = await client.call_tool("server_info", {})
        assert "preview" in (client.instructions or "")
        told = {tool.name: tool.description or "" for tool in (await client.list_tools()).tools}
    assert all(line == line.strip() for description in told.values() for line in description.split("\n"))
    assert info.structured_content["unfinished_jobs"] == 0
    assert "preview" in info.structured_content["presets"]
    assert info.structured_content["version"] in info.content[0].text


def test_tools_are_listed_before_anything_heavy_is_imported() -> None:
    script = """
import sys, anyio
from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.server import build_server
assert len(anyio.run(build_server(LateEngine(), Reach.STDIO).list_tools)) == 22
heavy = {"pydantic_settings", "langgraph", "langchain_core", "sqlalchemy", "numpy", "cv2", "dlib", "av", "PIL", "torch"}
print(*heavy & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.split() == []


def test_what_libraries_print_never_reaches_the_protocol() -> None:
    script = """
import os
from agent.serving.serve import _standard_output_kept_clean
with _standard_output_kept_clean():
    print("a library speaks", end="")
    os.system("echo a program speaks")
print("the protocol")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "the protocol\n"
    assert "a library speaks" in done.stderr
    assert "a program speaks" in done.stderr


async def _animating(client: Client, arguments: dict[str, Any]) -> str:
    """Begin a job and wait until its video is being made."""
    begun = await client.call_tool("generate_identity_video", {**arguments, "wait_seconds": 0})
    job = begun.structured_content
    while job["stage"] != "animate" or not job["detail"]:
        assert job["status"] in ("queued", "running")
        await anyio.sleep(0.1)
        job = (await client.call_tool("get_video_job", {"job_id": job["job_id"]})).structured_content
    return str(job["job_id"])


def _server_of(home: Path) -> psutil.Process:
    """The server that owns the workers of this home."""
    return workers_of(home)[0].parent()


async def _gone(home: Path, seconds: float = 2) -> bool:
    """Whether no worker of the home is left so many seconds from now; the margin is for a busy machine."""
    deadline = time.monotonic() + seconds + 3
    while workers_of(home):
        if time.monotonic() > deadline:
            return False
        await anyio.sleep(0.1)
    return True


def _status(home: Path, job_id: str) -> str:
    store = JobStore(home / "jobs.sqlite")
    try:
        row = store.get(job_id)
    finally:
        store.close()
    assert row is not None
    return row.status


async def _ended(home: Path, job_id: str) -> str:
    deadline = time.monotonic() + 40
    while (status := _status(home, job_id)) in ("queued", "running") and time.monotonic() < deadline:
        await anyio.sleep(0.2)
    return status
