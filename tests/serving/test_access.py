"""Who is let in over HTTP, as whom, and that nobody sees, uses or crowds out the jobs of another client."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx2
import pytest
from issuer import RESOURCE, Issuer
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.server.auth.provider import AccessToken
from served import SERVE_HTTP, housed, start

from agent.serving.access import SESSION_COOKIE, Sessions

pytestmark = pytest.mark.anyio

get = partial(httpx2.get, timeout=60)
post = partial(httpx2.post, timeout=60)

TOKEN = "a-token-of-the-test"
ADA = AccessToken(token="secret", client_id="desk", scopes=["video"], subject="ada", claims={"iss": "https://issuer"})


@pytest.fixture
def start_oauth(start_http: Callable[..., Any], issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Start a server that takes tokens of the issuer and STEADFACE_TOKEN; its address."""
    monkeypatch.setenv("STEADFACE_OAUTH_ISSUER", issuer.url)
    monkeypatch.setenv("STEADFACE_OAUTH_RESOURCE_URL", RESOURCE)
    monkeypatch.setenv("STEADFACE_OAUTH_SCOPES", "video")
    monkeypatch.setenv("STEADFACE_TOKEN", TOKEN)

    def start(*arguments: str) -> str:
        url: str = start_http(*arguments).url
        return url.removesuffix("/mcp")

    return start


@pytest.fixture(scope="module")
def token_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that takes STEADFACE_TOKEN alone, for tests that make nothing."""
    folder = tmp_path_factory.mktemp("token")
    server = start(SERVE_HTTP, folder / "server.log", {**housed(folder), "STEADFACE_TOKEN": TOKEN}, folder)
    yield server.url.removesuffix("/mcp")
    server.stop()


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@asynccontextmanager
async def caller(root: str, token: str, mode: Any = "auto") -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers=bearer(token), timeout=60) as http,
        Client(streamable_http_client(f"{root}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


async def test_oauth_clients_are_led_to_the_issuer_and_let_in_with_its_tokens(
    start_oauth: Callable[..., str], issuer: Issuer
) -> None:
    root = start_oauth()
    metadata = get(f"{root}/.well-known/oauth-protected-resource/mcp").json()
    assert metadata["resource"] == RESOURCE
    assert metadata["authorization_servers"] == [issuer.url]
    assert metadata["scopes_supported"] == ["video"]

    asked = post(f"{root}/mcp", content="{}")
    assert asked.status_code == 401
    assert (
        asked.headers["www-authenticate"]
        == 'Bearer resource_metadata="https://video.example/.well-known/oauth-protected-resource/mcp"'
    )
    for path in ("/mcp", "/api/jobs", "/jobs/x/video.mp4", "/upload/x", "/"):
        wrong = get(f"{root}{path}", headers=bearer(issuer.token(aud="https://other.example")))
        assert wrong.status_code == 401
        assert 'error="invalid_token"' in wrong.headers["www-authenticate"]
        narrow = get(f"{root}{path}", headers=bearer(issuer.token(scope="mail")))
        assert narrow.status_code == 403
        assert "lacks the scope video" in narrow.json()["error"]
    for mode in ("auto", "legacy"):
        async with caller(root, issuer.token(), mode) as client:
            assert (await client.list_tools()).tools
    assert get(f"{root}/api/jobs", headers=bearer(TOKEN)).json() == {"jobs": []}


async def test_without_the_issuers_keys_a_caller_is_told_to_come_again(
    start_oauth: Callable[..., str], issuer: Issuer
) -> None:
    root, token = start_oauth(), issuer.token()
    issuer.stop()
    told = get(f"{root}/api/jobs", headers=bearer(token))
    assert told.status_code == 503
    assert "keys of the OAuth issuer" in told.json()["error"]
    assert get(f"{root}/api/jobs", headers=bearer(TOKEN)).status_code == 200


async def test_the_job_of_another_client_is_unknown_everywhere(
    start_oauth: Callable[..., str], issuer: Issuer, ask: Any, photo_data: str
) -> None:
    root = start_oauth()
    async with caller(root, issuer.token("ada")) as ada:
        made = await ada.call_tool("generate_identity_video", ask("waves", reference=photo_data))
        job_id = made.structured_content["job_id"]
        assert made.structured_content["status"] == "completed"
    calls: list[tuple[str, dict[str, Any]]] = [
        ("get_video_job", {}),
        ("cancel_video_job", {}),
        ("prioritise_job", {}),
        ("refine_identity_video", {"instruction": "slower"}),
        ("animate_first_frame", {"candidate": 1}),
    ]
    files = ("video.mp4", "report.html", "first_frame.png", "contact_sheet.jpg", "report.json", "candidates/1.jpg")
    unknown = "x" * len(job_id)
    for mode in ("auto", "legacy"):
        async with caller(root, issuer.token("bob"), mode) as bob:
            for name, arguments in calls:
                told = [
                    (await bob.call_tool(name, {"job_id": job, **arguments})).content[0].text.replace(job, "")
                    for job in (job_id, unknown)
                ]
                assert told[0] == told[1] == "There is no job ''; list the jobs to see their ids."
            for name in ("video.mp4", "first_frame.png", "report.json"):
                with pytest.raises(MCPError, match="There is no job"):
                    await bob.read_resource(f"steadface://jobs/{job_id}/{name}")
            stolen = ask("waves", reference=f"steadface://jobs/{job_id}/first_frame.png")
            assert "There is no job" in (await bob.call_tool("generate_identity_video", stolen)).content[0].text
            assert (await bob.call_tool("list_video_jobs", {})).structured_content["jobs"] == []
            assert job_id not in (await bob.list_resources()).model_dump_json()
            for name in ("pause_queue", "resume_queue"):
                assert "Only the owner" in (await bob.call_tool(name, {})).content[0].text
    posts = {"refine": {"instruction": "slower"}, "animate": {"candidate": 1}, "cancel": {}, "priority": {}}
    for who, status in ((issuer.token("bob"), 404), (issuer.token("ada"), 200), (TOKEN, 200)):
        answers = [get(f"{root}/jobs/{job_id}/{name}", headers=bearer(who)) for name in files]
        answers.append(get(f"{root}/api/jobs/{job_id}", headers=bearer(who)))
        if status == 404:
            answers += [
                post(f"{root}/api/jobs/{job_id}/{what}", json=body, headers=bearer(who)) for what, body in posts.items()
            ]
        assert {answer.status_code for answer in answers} == {status}
    assert get(f"{root}/api/jobs", headers=bearer(issuer.token("bob"))).json() == {"jobs": []}
    assert len(get(f"{root}/api/jobs", headers=bearer(TOKEN)).json()["jobs"]) == 1


async def test_the_picture_of_an_error_is_its_owners_alone(
    start_oauth: Callable[..., str], issuer: Issuer, ask: Any, photo_data: str
) -> None:
    root = start_oauth()
    async with caller(root, issuer.token("ada")) as ada:
        asked = ask("similarity=0.1", reference=photo_data, on_gate_failure="fail")
        failed = (await ada.call_tool("generate_identity_video", asked)).structured_content
    assert failed["error"]["kind"] == "GateError"
    picture = f"{root}/jobs/{failed['job_id']}/attachments/best_first_frame.jpg"
    for who, status in ((issuer.token("bob"), 404), (issuer.token("ada"), 200), (TOKEN, 200)):
        assert get(picture, headers=bearer(who)).status_code == status


async def test_a_client_has_its_share_of_the_queue_and_no_more(
    start_oauth: Callable[..., str], issuer: Issuer, ask: Any, photo_data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFACE_MOST_UNFINISHED_PER_CLIENT", "1")
    monkeypatch.setenv("STEADFACE_MOST_UNFINISHED", "3")
    root = start_oauth()

    async def submit(who: str, prompt: str) -> str:
        async with caller(root, who) as client:
            asked = ask(prompt, reference=photo_data, wait_seconds=0)
            return str((await client.call_tool("generate_identity_video", asked)).content[0].text)

    assert "is queued" in (first := await submit(issuer.token("ada"), "video=60")) or "is running" in first
    assert (await submit(issuer.token("ada"), "waves")).startswith("You have 1 unfinished jobs, and 1 is the most;")
    assert "is queued" in await submit(issuer.token("bob"), "waves")
    assert "is queued" in await submit(TOKEN, "waves")
    assert (await submit(TOKEN, "sits")).startswith("The server is busy, 3 jobs are waiting;")


async def test_a_client_cannot_submit_faster_than_it_may(
    start_oauth: Callable[..., str], issuer: Issuer, ask: Any, photo_data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFACE_MOST_SUBMITTED_PER_MINUTE", "1")
    async with caller(start_oauth(), issuer.token("ada")) as client:
        await client.call_tool("generate_identity_video", ask("waves", reference=photo_data))
        again = await client.call_tool("generate_identity_video", ask("sits", reference=photo_data))
    assert again.content[0].text == "You submitted 1 jobs in the last minute, and 1 is the most; wait a minute."


async def test_no_page_answers_without_a_token_and_a_browser_is_led_to_the_login(
    token_server: str,
) -> None:
    root = token_server
    for path in ("/login/../api/jobs", "/login%3F/x", "/.well-known", "/health/", "/health/../api/jobs", "//api/jobs"):
        assert get(f"{root}{path}").status_code in (401, 404)
    for path in ("/", "/api/jobs", "/jobs/x/video.mp4", "/upload/x", "/nothing"):
        assert get(f"{root}{path}").status_code == 401
        assert get(f"{root}{path}", headers={"authorization": f"Basic {TOKEN}"}).status_code == 401
        led = get(f"{root}{path}", headers={"accept": "text/html"})
        assert (led.status_code, led.headers["location"]) == (303, f"/login?next={path}")
    for path in ("/", "/api/jobs", "/login", "/mcp"):
        assert get(f"{root}{path}", headers={"host": "evil.example"}).status_code == 421
    assert get(f"{root}/health").status_code == 200


async def test_a_login_gives_a_cookie_that_is_not_the_token(token_server: str) -> None:
    root = token_server
    with httpx2.Client(base_url=root, timeout=60) as browser:
        assert "STEADFACE_TOKEN" in browser.get("/login").text
        wrong = browser.post("/login", data={"token": f"{TOKEN}x"})
        assert wrong.status_code == 401
        assert "set-cookie" not in wrong.headers
        foreign = browser.post("/login", data={"token": TOKEN}, headers={"origin": "http://evil.example"})
        assert foreign.status_code == 403
        entered = browser.post("/login", data={"token": TOKEN, "next": "/api/jobs"}, headers={"origin": root})
        assert (entered.status_code, entered.headers["location"]) == (303, "/api/jobs")
        cookie = entered.headers["set-cookie"]
        assert TOKEN not in cookie
        assert {"httponly", "samesite=strict"} <= {part.strip().lower() for part in cookie.split(";")}
        assert browser.get("/api/jobs").json() == {"jobs": []}

        cancel, body = "/api/jobs/x/cancel", {"json": {}}
        assert browser.post(cancel, **body).status_code == 403
        assert browser.post(cancel, **body, headers={"origin": "http://evil.example"}).status_code == 403
        assert browser.post(cancel, **body, headers={"origin": root}).status_code == 404
        assert browser.post(cancel, data={"a": "b"}, headers={"origin": root}).status_code == 415
    for made_up in (TOKEN, cookie.partition("=")[2].partition(".")[0], "x.y", ""):
        assert get(f"{root}/api/jobs", headers={"cookie": f"{SESSION_COOKIE}={made_up}"}).status_code == 401


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
async def test_a_login_leads_to_no_other_site(token_server: str, target: str) -> None:
    entered = post(f"{token_server}/login", data={"token": TOKEN, "next": target})
    assert entered.headers["location"] == "/"


def test_a_session_is_who_logged_in_without_their_token() -> None:
    sessions = Sessions()
    cookie = sessions.open(ADA)
    who = sessions.opened_by(cookie)
    assert who is not None
    assert (who.subject, who.claims, who.scopes, who.token) == ("ada", {"iss": "https://issuer"}, ["video"], "")
    assert "secret" not in cookie


def test_a_session_that_was_changed_or_is_of_another_process_is_none() -> None:
    sessions = Sessions()
    told, _, signature = sessions.open(ADA).partition(".")
    changed = sessions.open(ADA.model_copy(update={"subject": "eve"})).partition(".")[0]
    assert sessions.opened_by(f"{told}.{signature}") is not None
    for cookie in (f"{changed}.{signature}", told, f"{told}.", f".{signature}", "é.é", f"{told[:-5]}.{signature}"):
        assert sessions.opened_by(cookie) is None
    assert Sessions().opened_by(f"{told}.{signature}") is None


def test_a_session_ends_with_the_token_that_opened_it() -> None:
    sessions = Sessions()
    assert sessions.opened_by(sessions.open(ADA.model_copy(update={"expires_at": int(time.time()) - 1}))) is None
    who = sessions.opened_by(sessions.open(ADA.model_copy(update={"expires_at": int(time.time()) + 60})))
    assert who is not None
    assert json.loads(who.model_dump_json())["expires_at"] <= time.time() + 60
