"""A conversation with a client: a follow-up, a question back, and undo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.anyio


async def test_a_follow_up_makes_a_new_video_and_says_what_was_kept(
    connection: Any, ask: Callable[..., dict[str, Any]]
) -> None:
    async with connection.open() as client:
        made = await client.call_tool("generate_identity_video", ask("similarity=0.8", reference=connection.reference))
        first = made.structured_content
        asked = {"job_id": first["job_id"], "instruction": "motion waves"}
        changed = await client.call_tool("refine_identity_video", asked)
        second = changed.structured_content
        undone = await client.call_tool("refine_identity_video", {"job_id": second["job_id"], "instruction": "undo"})
    assert not changed.is_error
    assert (second["status"], second["parent"]) == ("completed", first["job_id"])
    assert second["understood"] == "Understood as motion."
    assert changed.content[0].text.startswith("Understood as motion.")
    assert second["result"]["video"] != first["result"]["video"]
    assert undone.structured_content["job_id"] == first["job_id"]
    assert undone.content[0].text.startswith(undone.structured_content["understood"])
    assert undone.structured_content["understood"] == "Understood as undo."


async def test_a_question_goes_back_to_the_user_and_nothing_changes(
    local: Any, ask: Callable[..., dict[str, Any]]
) -> None:
    async with local.open() as client:
        first = (await client.call_tool("generate_identity_video", ask("similarity=0.8"))).structured_content
        back = await client.call_tool("refine_identity_video", {"job_id": first["job_id"], "instruction": "hmm"})
        listed = (await client.call_tool("list_video_jobs", {})).structured_content["jobs"]
    assert not back.is_error
    assert back.structured_content["question"] == "What shall change?"
    assert "Ask the user: What shall change?" in back.content[0].text
    assert [job["job_id"] for job in listed] == [first["job_id"]]
    assert Path(back.structured_content["result"]["video"]).is_file()


async def test_a_job_that_is_not_there_is_told(local: Any) -> None:
    async with local.open() as client:
        refused = await client.call_tool("refine_identity_video", {"job_id": "none", "instruction": "slower"})
    assert refused.is_error
    assert "There is no job 'none'" in refused.content[0].text
