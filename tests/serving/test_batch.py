"""Batches over MCP: rows in, an id at once, and a batch that goes on without its client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from PIL import Image

pytestmark = pytest.mark.anyio


def rows(reference: str, **prompts: str) -> list[dict[str, Any]]:
    return [{"custom_id": name, "prompt": prompt, "reference": reference} for name, prompt in prompts.items()]


async def ended(client: Any, batch_id: str) -> Any:
    return await client.call_tool("get_batch", {"batch_id": batch_id, "wait_seconds": 45})


async def first_row(client: Any, batch_id: str) -> None:
    """Wait until one row is done."""
    batch = {"completed": 0, "status": "running"}
    while not batch["completed"]:
        assert batch["status"] == "running"
        await anyio.sleep(0.1)
        batch = (await client.call_tool("get_batch", {"batch_id": batch_id})).structured_content


async def test_a_batch_is_begun_at_once_and_told_with_its_scores(connection: Any) -> None:
    asked = {
        "rows": [
            *rows(connection.reference, fine="similarity=0.9", weak="similarity=0.3"),
            {
                "custom_id": "strict", "prompt": "similarity=0.2", "reference": connection.reference,
                "overrides": {"on_gate_failure": "fail", "max_attempts": 1},
            },
        ],
        "consent": "synthetic",
        "order": "phases",
    }  # fmt: skip
    async with connection.open() as client:
        begun = await client.call_tool("run_batch", asked)
        assert not begun.is_error, begun.content
        batch = begun.structured_content
        told = await ended(client, batch["batch_id"])
        made = told.structured_content
        job = await client.call_tool("get_video_job", {"job_id": made["best"][0]["job_id"]})
        again = await client.call_tool("run_batch", asked)
    assert (batch["status"], batch["rows"], batch["order"]) == ("running", 3, "phases")
    assert "phase by phase" in begun.content[0].text
    assert again.structured_content["batch_id"] != batch["batch_id"], "an ended batch is not taken for a new call"
    assert f'get_batch(batch_id="{batch["batch_id"]}", wait_seconds=45)' in batch["next_step"]
    assert batch["next_step"] in begun.content[0].text
    assert (made["status"], made["completed"], made["failed"], made["passed"]) == ("completed", 2, 1, 1)
    assert [row["custom_id"] for row in made["best"]] == ["fine", "weak"]
    assert made["similarity"]["instant recogniser"]["identity_skip"] == pytest.approx(0.6, abs=0.01)
    assert "No first frame passed the gate" in made["errors"][0]["message"]
    assert "strict failed: No first frame passed" in told.content[0].text
    assert Path(made["report"]).is_file()
    assert made["next_step"] is None
    assert job.structured_content["result"]["video"] == made["best"][0]["video"]


async def test_a_manifest_beside_its_photos_is_taken_by_its_path_on_stdio_alone(
    connection: Any,
) -> None:
    folder = connection.folder / "deeper"
    folder.mkdir(exist_ok=True)
    Image.open(connection.folder / "photo.png").save(folder / "other.png")
    (folder / "rows.jsonl").write_text(json.dumps(rows("other.png", a="similarity=0.9")[0]))
    async with connection.open() as client:
        begun = await client.call_tool("run_batch", {"manifest": str(folder / "rows.jsonl"), "consent": "self"})
        if connection.transport == "http":
            assert begun.is_error
            assert "A path means nothing to this server" in begun.content[0].text
            return
        done = await ended(client, begun.structured_content["batch_id"])
    assert done.structured_content["completed"] == 1


async def test_a_batch_in_which_one_row_cannot_work_is_not_begun(local: Any, photo: Path, tmp_path: Path) -> None:
    good, bad = rows(photo.name, a="waves", b="walks")
    wrong = {
        "Row 2: There is no file": {**bad, "reference": "missing.png"},
        "Row 2: /etc/passwd is outside the folders": {**bad, "reference": "/etc/passwd"},
        "Row 2: The custom_id a is that of line 1": {**bad, "custom_id": "a"},
        "Row 2: A row cannot override 'planner_url'": {**bad, "overrides": {"planner_url": "http://127.0.0.1:1"}},
        "Row 2: A row cannot override 'video'": {**bad, "overrides": {"video": "preview"}},
        "Row 2: The field prompt is missing": {"custom_id": "b", "reference": photo.name},
    }
    async with local.open() as client:
        for sentence, row in wrong.items():
            refused = await client.call_tool("run_batch", {"rows": [good, row], "consent": "self"})
            assert refused.is_error
            assert sentence in refused.content[0].text
            assert refused.content[0].text.startswith("Nothing was begun.")
        neither = await client.call_tool("run_batch", {"consent": "self"})
        outside = await client.call_tool("run_batch", {"manifest": "/etc/passwd", "consent": "self"})
        without = await client.call_tool("run_batch", {"rows": [good]})
        unknown = await client.call_tool("get_batch", {"batch_id": "../../jobs"})
        jobs = await client.call_tool("list_video_jobs", {})
    assert "Give either rows or the path of a manifest." in neither.content[0].text
    assert "outside the folders" in outside.content[0].text
    assert "Consent is missing" in without.content[0].text
    assert "There is no batch" in unknown.content[0].text
    assert jobs.structured_content["jobs"] == []


async def test_a_batch_outlives_its_server_and_pays_for_nothing_twice(process: Any, photo: Path) -> None:
    asked = {"rows": rows(photo.name, a="similarity=0.9", b="video=2", c="similarity=0.8"), "consent": "synthetic"}
    async with process.open() as client:
        begun = (await client.call_tool("run_batch", asked)).structured_content
        await first_row(client, begun["batch_id"])
    async with process.open() as client:
        done = (await ended(client, begun["batch_id"])).structured_content
        jobs = (await client.call_tool("list_video_jobs", {})).structured_content["jobs"]
    assert (done["status"], done["completed"]) == ("completed", 3)
    assert [job["status"] for job in jobs] == ["completed"] * 3


async def test_a_cancelled_batch_stops_and_keeps_what_is_done(local: Any, photo: Path) -> None:
    asked = {"rows": rows(photo.name, a="similarity=0.9", b="video=60", c="video=60"), "consent": "synthetic"}
    async with local.open() as client:
        begun = (await client.call_tool("run_batch", asked)).structured_content
        again = (await client.call_tool("run_batch", asked)).structured_content
        assert again["batch_id"] == begun["batch_id"], "a client that calls again after a time-out gets the same batch"
        await first_row(client, begun["batch_id"])
        cancelled = await client.call_tool("cancel_batch", {"batch_id": begun["batch_id"]})
        jobs = (await client.call_tool("list_video_jobs", {})).structured_content["jobs"]
        while any(job["status"] in ("queued", "running") for job in jobs):
            jobs = (await client.call_tool("list_video_jobs", {})).structured_content["jobs"]
        later = (await client.call_tool("get_batch", {"batch_id": begun["batch_id"]})).structured_content
    assert cancelled.structured_content["status"] == later["status"] == "cancelled"
    assert later["completed"] == 1
    assert sorted(job["status"] for job in jobs) == ["cancelled", "cancelled", "completed"]


async def test_nobody_sees_the_batch_of_another_client(home: Path, photo: Path, instant: Any) -> None:
    from agent.batch.kept import KeptBatches, KeptRow
    from agent.batch.rows import row_of
    from agent.batch.terms import Terms
    from tools.artifacts import Artifacts
    from tools.errors import InputError

    terms = Terms("self", "asserted by client")
    kept = KeptBatches(home, Artifacts(home))
    row = KeptRow(row=row_of({"custom_id": "a", "prompt": "waves", "reference": "x"}), photos=[], saved=None)
    batch = kept.keep([row], terms, "issuer alice", home / "videos", order="rows", stop_below=None, after=1)
    assert kept.get(batch.id, "issuer alice") == kept.get(batch.id, None) == batch
    with pytest.raises(InputError, match="There is no batch"):
        kept.get(batch.id, "issuer bob")


async def test_a_batch_tells_that_the_queue_is_paused(local: Any, photo: Path) -> None:
    asked = {"rows": rows(photo.name, a="similarity=0.9"), "consent": "synthetic"}
    async with local.open() as client:
        await client.call_tool("pause_queue", {})
        begun = await client.call_tool("run_batch", asked)
        await client.call_tool("resume_queue", {})
        going = await client.call_tool("get_batch", {"batch_id": begun.structured_content["batch_id"]})
    assert begun.structured_content["queue_paused"]
    assert "until resume_queue is called" in begun.content[0].text
    assert not going.structured_content["queue_paused"]
