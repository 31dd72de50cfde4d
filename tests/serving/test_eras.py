"""One whole conversation with the SDK's client, on both transports and in both eras of the protocol."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from mcp.types import ResourceTemplateReference

pytestmark = pytest.mark.anyio

JPEG = b"\xff\xd8"


async def test_a_conversation_goes_the_same_way_on_every_transport_and_era(
    connection: Any, ask: Callable[..., dict[str, Any]]
) -> None:
    arguments = ask("waves", reference=connection.reference, wait_seconds=0)
    async with connection.open() as client:

        async def call(tool: str, **arguments: Any) -> Any:
            answer = await client.call_tool(tool, arguments)
            assert not answer.is_error, answer.content[0].text
            return answer.structured_content

        begun = await call("generate_identity_video", **arguments)
        first = await call("get_video_job", job_id=begun["job_id"], wait_seconds=45)
        second = await call(
            "refine_identity_video", job_id=first["job_id"], instruction="motion video=60 slower", wait_seconds=0
        )
        cancelled = await call("cancel_video_job", job_id=second["job_id"])
        listed = (await call("list_video_jobs"))["jobs"]
        templates = (await client.list_resource_templates()).resource_templates
        sheet = (await client.read_resource(f"steadface://jobs/{first['job_id']}/contact_sheet.jpg")).contents[0]
        prompts = (await client.list_prompts()).prompts
        template = ResourceTemplateReference(uri="steadface://jobs/{job_id}/video.mp4")
        completed = (await client.complete(template, {"name": "job_id", "value": first["job_id"][:4]})).completion
        prompt = await client.get_prompt("identity_video", {"photo": "me.jpg", "scene": "surfing at dawn"})

    assert begun["status"] in ("queued", "running")
    assert first["status"] == "completed"
    assert second["parent"] == first["job_id"]
    assert second["understood"] == "Understood as motion."
    assert cancelled["status"] == "cancelled"
    assert [(job["job_id"], job["status"]) for job in listed] == [
        (second["job_id"], "cancelled"),
        (first["job_id"], "completed"),
    ]
    assert "steadface://jobs/{job_id}/video.mp4" in {template.uri_template for template in templates}
    assert base64.b64decode(sheet.blob).startswith(JPEG)
    assert {prompt.name for prompt in prompts} == {"identity_video", "refine", "storyboard"}
    assert first["job_id"] in completed.values
    assert all(prompt.description for prompt in prompts)
    assert "surfing at dawn" in prompt.messages[0].content.text
