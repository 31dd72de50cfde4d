"""Stages that are asked for alone, and the prompts that a client offers."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.anyio


async def test_a_prompt_is_split_as_a_job_would_split_it(local: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFACE_PLANNER", "rules")
    async with local.open() as client:
        split = await client.call_tool("decouple_prompt", {"prompt": "A woman in a red coat walks through Paris."})
    found = split.structured_content
    assert found["spatial_prompt"].endswith("close-up")
    assert "red coat" in found["spatial_prompt"]
    assert found["temporal_prompt"].startswith("A woman in a red coat walks")
    assert found["planner"] == "rules"
    assert found["spatial_prompt"] in split.content[0].text


async def test_a_prompt_that_is_none_is_refused_in_one_sentence(local: Any) -> None:
    async with local.open() as client:
        refused = await client.call_tool("decouple_prompt", {"prompt": "  "})
    assert refused.is_error
    assert refused.content[0].text == "The prompt is empty; say in a sentence what the person does and where."


async def test_prompts_name_the_tools_and_carry_what_was_given(local: Any) -> None:
    async with local.open() as client:
        offered = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
        video = await client.get_prompt("identity_video", {"photo": "me.jpg", "scene": "surfing at dawn"})
    assert set(offered) == {"identity_video", "refine", "storyboard"}
    assert all(prompt.title and prompt.description for prompt in offered.values())
    text = video.messages[0].content.text
    assert "me.jpg" in text
    assert "surfing at dawn" in text
    assert "generate_identity_video" in text
