"""The gallery's routes: jobs as JSON, their files with ranges, what is refused, and what pages may do in a browser."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from PIL import Image
from studio import Studio, data_uri

from agent.serving.pages import page_policy

pytestmark = pytest.mark.anyio

get = partial(httpx2.get, timeout=60)

JSON = {"content-type": "application/json"}


@pytest.fixture
async def served(over_http: tuple[str, Studio], ask: Any) -> AsyncIterator[tuple[httpx2.AsyncClient, dict[str, Any]]]:
    """The gallery of a server on loopback, and a finished job of it."""
    url, studio = over_http
    asked = ask("similarity=0.8 waves", reference=data_uri(studio.photo))
    async with Client(url) as client:
        made = await client.call_tool("generate_identity_video", asked)
    async with httpx2.AsyncClient(base_url=url.removesuffix("/mcp"), timeout=60) as browser:
        yield browser, made.structured_content


async def test_jobs_are_listed_found_followed_changed_and_cancelled(served: Any) -> None:
    browser, made = served
    job_id = made["job_id"]
    listed = (await browser.get("/api/jobs")).json()["jobs"]
    assert [job["job_id"] for job in listed] == [job_id]
    assert listed[0]["result"] == made["result"]

    found = {"q=WAVES": 1, "q=sits": 0, "status=completed": 1, "status=failed&q=waves": 0, "q=%25": 0}
    for query, count in found.items():
        assert len((await browser.get(f"/api/jobs?{query}")).json()["jobs"]) == count, query

    one = (await browser.get(f"/api/jobs/{job_id}")).json()
    assert one["status"] == "completed"
    assert one["candidates"][0]["similarity"] == pytest.approx(0.8, abs=0.002)

    asked_back = (await browser.post(f"/api/jobs/{job_id}/refine", json={"instruction": "hmm"})).json()
    assert (asked_back["job_id"], asked_back["question"]) == (job_id, "What shall change?")
    refined = (await browser.post(f"/api/jobs/{job_id}/refine", json={"instruction": "motion video=60"})).json()
    assert (refined["parent"], refined["understood"]) == (job_id, "Understood as motion.")
    stopped = (await browser.post(f"/api/jobs/{refined['job_id']}/cancel", json={})).json()
    assert stopped["status"] == "cancelled"
    animated = (await browser.post(f"/api/jobs/{job_id}/animate", json={"candidate": 1})).json()
    assert animated["parent"] == job_id
    while (now := (await browser.get(f"/api/jobs/{animated['job_id']}")).json())["status"] in ("queued", "running"):
        await anyio.sleep(0.1)
    assert now["status"] == "completed"


async def test_files_come_whole_or_in_ranges_and_are_nothing_else_than_they_say(served: Any) -> None:
    browser, made = served
    job_id, video = made["job_id"], Path(made["result"]["video"]).read_bytes()
    media = {
        "video.mp4": "video/mp4", "first_frame.png": "image/png", "contact_sheet.jpg": "image/jpeg",
        "report.json": "application/json", "report.html": "text/html; charset=utf-8",
        "candidates/1.jpg": "image/jpeg",
    }  # fmt: skip
    for name, kind in media.items():
        file = await browser.get(f"/jobs/{job_id}/{name}")
        assert (file.status_code, file.headers["content-type"]) == (200, kind)
        assert file.headers["x-content-type-options"] == "nosniff"
        assert file.headers["cross-origin-resource-policy"] == "same-origin"
        assert "script-src" not in (policy := file.headers["content-security-policy"])
        assert policy.startswith("default-src 'none'")
    part = await browser.get(f"/jobs/{job_id}/video.mp4", headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, video[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(video)}"
    past = await browser.get(f"/jobs/{job_id}/video.mp4", headers={"range": f"bytes={len(video)}-"})
    assert past.status_code == 416
    picture = (await browser.get(f"/jobs/{job_id}/candidates/1.jpg")).content
    with Image.open(BytesIO(picture)) as shown:
        assert shown.size == (256, 144)


async def test_a_failed_job_gives_the_picture_of_its_error(
    over_http: tuple[str, Studio], instant: ModuleType, ask: Any
) -> None:
    out = BytesIO()
    Image.fromarray(instant.picture(instant.Mark(similarity=1.0, faces=3))).save(out, "PNG")
    group = f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
    url, _ = over_http
    async with Client(url) as client:
        job = (await client.call_tool("generate_identity_video", ask("waves", reference=group))).structured_content
    async with httpx2.AsyncClient(base_url=url.removesuffix("/mcp"), timeout=60) as browser:
        shown = await browser.get(f"/jobs/{job['job_id']}/attachments/numbered_faces.jpg")
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
        with Image.open(BytesIO(shown.content)) as picture:
            assert picture.format == "JPEG"
        nowhere = await browser.get(f"/jobs/{job['job_id']}/attachments/key.jpg")
        assert (nowhere.status_code, nowhere.json()["error"]) == (404, f"Job {job['job_id']} has no key.")


async def test_what_cannot_be_is_said_in_one_sentence(served: Any) -> None:
    browser, made = served
    job_id = made["job_id"]
    refine = f"/api/jobs/{job_id}/refine"
    wrong = [
        (404, "There is no job 'x'", await browser.get("/api/jobs/x")),
        (404, "There is no job 'x'", await browser.get("/jobs/x/video.mp4")),
        (404, "There is no job 'x'", await browser.post("/api/jobs/x/cancel", json={})),
        (404, "There is no key.pem of a job", await browser.get(f"/jobs/{job_id}/key.pem")),
        (404, "has no candidate 99", await browser.get(f"/jobs/{job_id}/candidates/99.jpg")),
        (400, "limit cannot be taken", await browser.get("/api/jobs?limit=0")),
        (400, "status cannot be taken", await browser.get("/api/jobs?status=lost")),
        (400, "instruction cannot be taken", await browser.post(refine, json={})),
        (400, "The follow-up is empty", await browser.post(refine, json={"instruction": " "})),
        (415, "Content-Type: application/json", await browser.post(refine, data={"instruction": "slower"})),
        (415, "is no JSON", await browser.post(refine, content="slower", headers=JSON)),
        (413, "More than 66 KB", await browser.post(refine, content=b'"' + b"x" * 70_000, headers=JSON)),
    ]
    for status, sentence, answer in wrong:
        assert answer.status_code == status
        assert sentence in answer.json()["error"]
    for nowhere in ("/jobs", f"/jobs/{job_id}/", "/jobs/../jobs.sqlite", f"/jobs/{job_id}/..%2f..%2fjobs.sqlite"):
        assert (await browser.get(nowhere)).status_code == 404
    Path(made["result"]["video"]).unlink()
    gone = (await browser.get(f"/jobs/{job_id}/video.mp4")).json()["error"]
    assert "no longer where it was delivered" in gone


async def test_a_page_of_another_site_can_change_nothing(served: Any) -> None:
    browser, made = served
    cancel = f"/api/jobs/{made['job_id']}/cancel"
    assert (await browser.post(cancel, json={}, headers={"origin": "http://evil.example"})).status_code == 403
    assert (await browser.get("/api/jobs", headers={"host": "evil.example"})).status_code == 421
    asked = await browser.options(cancel, headers={"origin": "http://evil.example"})
    assert asked.status_code == 403
    assert "access-control-allow-origin" not in (await browser.get("/api/jobs")).headers


async def test_the_page_runs_its_own_scripts_and_asks_this_server_alone(
    over_http: tuple[str, Studio],
) -> None:
    page = get(over_http[0].removesuffix("/mcp"))
    assert page.status_code == 200
    assert page.headers["content-security-policy"] == page_policy(page.text)
    assert "connect-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"].partition("script-src")[2].partition(";")[0]


def test_the_policy_names_each_script_by_its_hash_and_no_other() -> None:
    policy = page_policy("<script>one()</script><p>text</p><script type='module'>two()</script>")
    hashes = [base64.b64encode(hashlib.sha256(script).digest()).decode() for script in (b"one()", b"two()")]
    assert f"script-src 'sha256-{hashes[0]}' 'sha256-{hashes[1]}';" in policy
    assert "script-src 'none'" in page_policy("<p>no script</p>")


async def test_over_a_network_no_folder_is_shown(
    over_http: tuple[str, Studio], start_http: Callable[..., Any], ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, studio = over_http
    async with Client(url) as client:
        await client.call_tool("generate_identity_video", ask("waves", reference=data_uri(studio.photo)))
    studio.move_in(monkeypatch)
    monkeypatch.setenv("STEADFACE_TOKEN", "a-token-of-the-test")
    root = start_http().url.removesuffix("/mcp")
    listed = get(f"{root}/api/jobs", headers={"authorization": "Bearer a-token-of-the-test"})
    assert len(listed.json()["jobs"]) == 1
    assert str(studio.folder) not in listed.text
