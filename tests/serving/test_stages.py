"""Stages that are asked for alone, and the prompts that a client offers."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from mcp import MCPError
from mcp.types import INVALID_PARAMS
from PIL import Image

pytestmark = pytest.mark.anyio


async def test_a_prompt_is_split_as_a_job_would_split_it(alone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFACE_PLANNER", "rules")
    async with alone.open() as client:
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


async def test_two_pictures_are_compared_as_the_gate_compares_them(connection: Any, instant: Any) -> None:
    pictures = {
        "alike": instant.Mark(similarity=0.8), "unlike": instant.Mark(similarity=0.2),
        "small": instant.Mark(similarity=0.8, side=20), "nobody": instant.Mark(faces=0),
    }  # fmt: skip
    scores = {}
    async with connection.open() as client:
        for name, mark in pictures.items():
            path = connection.folder / f"{name}.png"
            Image.fromarray(instant.picture(mark)).save(path)
            given = path.name if connection.transport == "stdio" else _data_uri(path)
            asked = {"reference": connection.reference, "picture": given}
            compared = await client.call_tool("score_identity", asked)
            assert not compared.is_error, compared.content
            scores[name] = compared.structured_content
    assert {name: score["passes"] for name, score in scores.items()} == {
        "alike": True, "unlike": False, "small": False, "nobody": False,
    }  # fmt: skip
    assert scores["alike"]["similarity"] == pytest.approx(0.8, abs=0.01)
    assert (scores["nobody"]["similarity"], scores["nobody"]["faces"]) == (None, 0)
    assert scores["alike"]["recogniser"] == "instant recogniser"


async def test_a_picture_that_is_not_there_is_told(local: Any) -> None:
    async with local.open() as client:
        refused = await client.call_tool("score_identity", {"reference": local.reference, "picture": "none.png"})
    assert refused.is_error
    assert "There is no file none.png" in refused.content[0].text


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


async def test_a_prompt_that_cannot_be_given_is_one_sentence_in_both_eras(connection: Any) -> None:
    async with connection.open() as client:
        for name, given, says in (
            ("nonsense", {}, "Unknown prompt: nonsense."),
            ("identity_video", {"photo": "me.jpg"}, "Missing required arguments: {'scene'}."),
        ):
            with pytest.raises(MCPError, match=re.escape(says)) as refused:
                await client.get_prompt(name, given)
            assert refused.value.code == INVALID_PARAMS


def _data_uri(path: Path) -> str:
    return f"data:image/png;base64,{b64encode(path.read_bytes()).decode()}"
