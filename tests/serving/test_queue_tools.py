"""The queue over MCP and over the gallery's API: pausing, going on, moving, and who may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from mcp import Client
from studio import Studio, data_uri

pytestmark = pytest.mark.anyio

Ask = Callable[..., dict[str, Any]]


async def test_a_paused_queue_is_reordered_and_goes_on_in_the_new_order(local: Any, ask: Ask) -> None:
    async with local.open() as client:
        paused = await client.call_tool("pause_queue", {})
        assert (paused.structured_content["paused"], paused.structured_content["jobs"]) == (True, [])
        made = [
            (await client.call_tool("generate_identity_video", ask(f"waves {n}", wait_seconds=0))).structured_content
            for n in range(3)
        ]
        assert {job["status"] for job in made} == {"queued"}
        assert (await client.call_tool("server_info", {})).structured_content["queue_paused"]
        assert "queue is paused" in made[0]["message"]
        first, second, third = (job["job_id"] for job in made)

        async def order(**moved: Any) -> list[str]:
            now = (await client.call_tool("prioritise_job", moved)).structured_content
            return [job["job_id"] for job in now["jobs"]]

        assert await order(job_id=third) == [third, first, second]
        assert await order(job_id=first, priority=-1) == [third, second, first]

        resumed = await client.call_tool("resume_queue", {})
        assert resumed.content[0].text.startswith("The queue is running.")
        ends = [
            (await client.call_tool("get_video_job", {"job_id": job_id, "wait_seconds": 45})).structured_content
            for job_id in (first, second, third)
        ]
        assert {job["status"] for job in ends} == {"completed"}
        refused = await client.call_tool("prioritise_job", {"job_id": first})
        assert refused.is_error
        assert "is completed; only a job that waits can be moved." in refused.content[0].text


async def test_the_gallery_pauses_moves_and_resumes(over_http: tuple[str, Studio], ask: Ask) -> None:
    url, studio = over_http
    photo_data = data_uri(studio.photo)
    async with (
        Client(url) as client,
        httpx2.AsyncClient(base_url=url.removesuffix("/mcp"), timeout=60) as browser,
    ):
        assert (await browser.post("/api/queue/pause", json={})).json()["paused"]
        for n in range(2):
            await client.call_tool("generate_identity_video", ask(f"waves {n}", reference=photo_data, wait_seconds=0))
        first, second = ((job["job_id"]) for job in (await browser.get("/api/queue")).json()["jobs"])
        moved = (await browser.post(f"/api/jobs/{second}/priority", json={})).json()["jobs"]
        assert [job["job_id"] for job in moved] == [second, first]
        moved = (await browser.post(f"/api/jobs/{first}/priority", json={"priority": 5})).json()["jobs"]
        assert [(job["job_id"], job["priority"]) for job in moved] == [(first, 5), (second, 0)]
        for path, body, status in (
            (f"/api/jobs/{first}/priority", {"priority": 1000}, 400),
            (f"/api/jobs/{first}/priority", {"priority": "high"}, 400),
            ("/api/jobs/unknown/priority", {}, 404),
        ):
            assert (await browser.post(path, json=body)).status_code == status, path
        assert (await browser.post("/api/queue/resume", content=b"{}")).status_code == 415
        assert not (await browser.post("/api/queue/resume", json={})).json()["paused"]
