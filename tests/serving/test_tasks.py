"""Jobs as tasks of the protocol: for clients that declare the extension, and under the id that every client knows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import anyio
import httpx2
import pytest
from issuer import RESOURCE, Issuer
from mcp import Client, MCPError
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.client.streamable_http import streamable_http_client
from mcp.types import INVALID_PARAMS, MISSING_REQUIRED_CLIENT_CAPABILITY, CallToolResult, Request, Result
from PIL import Image
from pydantic import ConfigDict

from agent.serving.tasks import TASKS, TOOLS, TaskParams, TaskUpdateParams

pytestmark = pytest.mark.anyio

Ask = Callable[..., dict[str, Any]]


class Answer(Result):
    model_config = ConfigDict(extra="allow")


class Created(Answer):
    result_type: Literal["task"] = "task"


class Get(Request[TaskParams, Literal["tasks/get"]]):
    name_param = "taskId"


class Update(Request[TaskUpdateParams, Literal["tasks/update"]]):
    name_param = "taskId"


class Cancel(Request[TaskParams, Literal["tasks/cancel"]]):
    name_param = "taskId"


class Tasks(ClientExtension):
    """Polls a task to its end; ``seen`` is all that it was told on the way."""

    identifier = TASKS

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=Created, resolve=self._resolve)]

    async def _resolve(self, created: Created, ctx: ClaimContext) -> CallToolResult:
        self.seen.append(told(created))
        while True:
            task = await get(ctx, self.seen[0]["taskId"])
            self.seen.append(task)
            if task["status"] != "working":
                return CallToolResult.model_validate(task["result"])
            await anyio.sleep(0.1)


def told(answer: Result) -> dict[str, Any]:
    return answer.model_dump(by_alias=True, mode="json", exclude={"meta"})


async def get(client: Client | ClaimContext, task_id: str) -> dict[str, Any]:
    asked = Get(method="tasks/get", params=TaskParams(task_id=task_id))
    return told(await client.session.send_request(asked, Answer))


async def cancel(client: Client, task_id: str) -> dict[str, Any]:
    asked = Cancel(method="tasks/cancel", params=TaskParams(task_id=task_id))
    return told(await client.session.send_request(asked, Answer))


Server = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def server(local: Any) -> Server:
    """A server for a client with these extensions."""
    return lambda extensions=(): local.open(extensions=list(extensions))


async def begin(client: Client, name: str, arguments: dict[str, Any]) -> Any:
    """The answer of a call itself, a task where it is one."""
    return await client.session.call_tool(name, arguments, allow_claimed=True)


async def test_every_tool_that_begins_a_job_may_answer_with_a_task(server: Server) -> None:
    async with server() as client:
        tools = (await client.list_tools()).tools
    waiting = {tool.name for tool in tools if "wait_seconds" in tool.input_schema["properties"]}
    assert waiting - TOOLS == {"get_video_job", "get_batch", "request_photo"}, "what waits and begins no job"
    assert waiting >= TOOLS


async def test_a_call_becomes_a_task_whose_result_is_that_of_its_job(server: Server, ask: Ask) -> None:
    tasks = Tasks()
    async with server([tasks]) as client:
        made = await client.call_tool("generate_identity_video", ask("video=1.5", wait_seconds=40))
        job = await client.call_tool("get_video_job", {"job_id": tasks.seen[0]["taskId"]})
    created, *polled = tasks.seen
    assert created["status"] == "working"
    assert "result" not in created
    assert {task["status"] for task in polled} == {"working", "completed"}
    assert any(task["statusMessage"].startswith("Animating") for task in polled)
    assert made.content == job.content
    assert made.structured_content == job.structured_content
    assert made.structured_content["status"] == "completed"
    begun, ended = (datetime.fromisoformat(polled[-1][at]) for at in ("createdAt", "lastUpdatedAt"))
    assert begun.timestamp() == pytest.approx(job.structured_content["created"], abs=0.001)
    assert 1 < (ended - begun).total_seconds() < 60


async def test_a_job_that_fails_is_a_completed_task_with_an_error_of_the_tool(
    server: Server, ask: Ask, photo: Path, instant: ModuleType
) -> None:
    Image.fromarray(instant.picture(instant.Mark(similarity=1.0, faces=3))).save(photo)
    tasks = Tasks()
    async with server([tasks]) as client:
        failed = await client.call_tool("generate_identity_video", ask("waves"))
    assert failed.is_error
    assert tasks.seen[-1]["status"] == "completed"
    assert tasks.seen[-1]["statusMessage"] in failed.content[0].text


async def test_cancelling_a_task_cancels_its_job(server: Server, ask: Ask) -> None:
    async with server([Tasks()]) as client:
        task = told(await begin(client, "generate_identity_video", ask("video=60")))
        accepted = await cancel(client, task["taskId"])
        job = await client.call_tool("get_video_job", {"job_id": task["taskId"]})
        after = await get(client, task["taskId"])
        again = await cancel(client, task["taskId"])
    assert accepted["resultType"] == again["resultType"] == "complete"
    assert "taskId" not in accepted
    assert job.structured_content["status"] == after["status"] == "cancelled"
    assert "result" not in after


async def test_what_a_client_sends_to_a_task_is_accepted(server: Server, ask: Ask) -> None:
    async with server([Tasks()]) as client:
        task = told(await begin(client, "generate_identity_video", ask("waves")))
        params = TaskUpdateParams(task_id=task["taskId"], input_responses={"nothing": {"action": "decline"}})
        answer = await client.session.send_request(Update(method="tasks/update", params=params), Answer)
    assert told(answer) == {"resultType": "complete"}


async def test_what_began_no_job_is_no_task(server: Server, ask: Ask) -> None:
    async with server([Tasks()]) as client:
        refused = await begin(client, "generate_identity_video", ask("  "))
        first = await client.call_tool("generate_identity_video", ask("waves"))
        vague = {"job_id": first.structured_content["job_id"], "instruction": "question"}
        asked_back = await begin(client, "refine_identity_video", vague)
        looked = await begin(client, "get_video_job", {"job_id": first.structured_content["job_id"]})
    assert refused.is_error
    assert "prompt is empty" in refused.content[0].text
    assert asked_back.structured_content["question"]
    assert looked.structured_content["status"] == "completed"


async def test_a_follow_up_is_a_task_of_its_own(server: Server, ask: Ask) -> None:
    tasks = Tasks()
    async with server([tasks]) as client:
        first = await client.call_tool("generate_identity_video", ask("waves"))
        tasks.seen.clear()
        change = {"job_id": first.structured_content["job_id"], "instruction": "motion slower"}
        second = await client.call_tool("refine_identity_video", change)
    assert second.structured_content["parent"] == first.structured_content["job_id"]
    assert tasks.seen[0]["taskId"] == second.structured_content["job_id"]


async def test_a_client_that_does_not_declare_tasks_meets_none(server: Server, ask: Ask) -> None:
    async with server() as client:
        made = await client.call_tool("generate_identity_video", ask("waves"))
        with pytest.raises(MCPError) as refused:
            await get(client, made.structured_content["job_id"])
    assert made.structured_content["status"] == "completed"
    assert refused.value.code == MISSING_REQUIRED_CLIENT_CAPABILITY
    assert TASKS in refused.value.error.data["requiredCapabilities"]["extensions"]


async def test_a_task_that_there_is_not_is_told_so(server: Server) -> None:
    async with server([Tasks()]) as client:
        for asked in (get, cancel):
            with pytest.raises(MCPError, match="There is no task 'nothing'") as refused:
                await asked(client, "nothing")
            assert refused.value.code == INVALID_PARAMS


async def test_a_job_of_an_earlier_process_is_a_task_too(process: Any, ask: Ask) -> None:
    async with process.open() as client:
        made = await client.call_tool("generate_identity_video", ask("waves"))
    async with process.open(extensions=[Tasks()]) as client:
        task = await get(client, made.structured_content["job_id"])
    assert task["status"] == "completed"
    assert task["result"]["structuredContent"]["result"] == made.structured_content["result"]


async def test_the_task_of_another_client_is_unknown(
    start_http: Callable[..., Any], issuer: Issuer, ask: Ask, photo_data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFACE_OAUTH_ISSUER", issuer.url)
    monkeypatch.setenv("STEADFACE_OAUTH_RESOURCE_URL", RESOURCE)
    monkeypatch.setenv("STEADFACE_OAUTH_SCOPES", "video")
    url = start_http().url

    @asynccontextmanager
    async def caller(name: str) -> AsyncIterator[Client]:
        headers = {"authorization": f"Bearer {issuer.token(name)}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(url, http_client=http), extensions=[Tasks()]) as client,
        ):
            yield client

    async with caller("ada") as ada, caller("bob") as bob:
        task = told(await begin(ada, "generate_identity_video", ask("video=60", reference=photo_data)))
        for asked in (get, cancel):
            with pytest.raises(MCPError, match="There is no task") as refused:
                await asked(bob, task["taskId"])
            assert refused.value.code == INVALID_PARAMS
        assert (await get(ada, task["taskId"]))["status"] == "working"
