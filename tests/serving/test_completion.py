"""What a client completes while its user types."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from mcp import Client
from mcp.types import PromptReference, ResourceTemplateReference
from PIL import Image

from agent.presets import preset_names

pytestmark = pytest.mark.anyio

Ask = Callable[..., dict[str, Any]]


async def test_job_ids_are_completed_newest_first_by_id_or_by_words_of_the_prompt(connection: Any, ask: Ask) -> None:
    async with connection.open() as client:
        waves, sand, running = [
            await _submitted(client, ask(prompt, reference=connection.reference, wait_seconds=wait))
            for prompt, wait in (("Surfing waves", 45), ("Castles of sand", 45), ("video=30 waves again", 0))
        ]
        for everything in (_prompt("refine"), _template("reference.png"), _template("candidates/{number}.jpg")):
            assert await _completed(client, everything, "job_id", "") == [running, sand, waves]
        for finished in ("video.mp4", "preview.mp4", "contact_sheet.jpg", "report.json"):
            assert await _completed(client, _template(finished), "job_id", "") == [sand, waves]
        assert await _completed(client, _prompt("refine"), "job_id", "WAVES") == [running, waves]
        assert await _completed(client, _prompt("refine"), "job_id", sand[:8]) == [sand]
        assert await _completed(client, _prompt("refine"), "job_id", "nothing like it") == []
        numbers = await _completed(client, _template("candidates/{number}.jpg"), "number", "", job_id=waves)
        await client.call_tool("cancel_video_job", {"job_id": running})
    assert numbers == ["1", "2"]


async def test_presets_and_consent_bases_are_completed(local: Any) -> None:
    async with local.open() as client:
        presets = await _completed(client, _prompt("identity_video"), "preset", "")
        small = await _completed(client, _prompt("identity_video"), "preset", "paper-s")
        bases = await _completed(client, _prompt("identity_video"), "consent", "s")
        nothing = await _completed(client, _prompt("identity_video"), "scene", "a")
    assert presets == preset_names()
    assert small == ["paper-small"]
    assert bases == ["self", "synthetic", "licensed"]
    assert nothing == []


async def test_photos_are_completed_from_people_and_the_inbox(connection: Any) -> None:
    inbox = connection.folder / "inbox"
    inbox.mkdir(exist_ok=True)
    for age, name in enumerate(("me at sea.jpg", "Alice.png", "notes.txt")):
        Image.new("RGB", (8, 8)).save(inbox / name, "PNG")
        os.utime(inbox / name, (1_000_000 - age, 1_000_000 - age))
    async with connection.open() as client:
        saved = await client.call_tool(
            "save_identity", {"name": "alice", "references": [connection.reference], "consent": "synthetic"}
        )
        assert not saved.is_error, saved.content
        everything = await _completed(client, _prompt("storyboard"), "photo", "")
        alice = await _completed(client, _prompt("identity_video"), "photo", "ali")
        sea = await _completed(client, _prompt("identity_video"), "photo", "sea")
    stdio = connection.transport == "stdio"
    assert everything == (["@alice", "me at sea.jpg", "Alice.png"] if stdio else ["@alice"])
    assert alice == (["@alice", "Alice.png"] if stdio else ["@alice"])
    assert sea == (["me at sea.jpg"] if stdio else [])


async def test_what_cannot_be_completed_is_an_empty_answer(local: Any, instant: ModuleType) -> None:
    async with local.open() as client:
        numbers = await _completed(client, _template("candidates/{number}.jpg"), "number", "", job_id="none")
        unfilled = await _completed(client, _template("candidates/{number}.jpg"), "number", "")
    assert numbers == unfilled == []


async def test_prompts_carry_the_job_the_preset_and_the_basis_that_were_chosen(local: Any) -> None:
    chosen = {"photo": "@alice", "scene": "surfing", "preset": "paper", "consent": "written"}
    async with local.open() as client:
        offered = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
        video = (await client.get_prompt("identity_video", chosen)).messages[0].content.text
        change = (await client.get_prompt("refine", {"change": "slower", "job_id": "j1"})).messages[0].content.text
    required = {name: [each.name for each in prompt.arguments if each.required] for name, prompt in offered.items()}
    assert required == {"identity_video": ["photo", "scene"], "refine": ["change"], "storyboard": ["photo", "story"]}
    assert "with the preset paper: surfing" in video
    assert "is written, as I state here" in video
    assert "the video of job j1 with refine_identity_video: slower" in change


def _prompt(name: str) -> PromptReference:
    return PromptReference(type="ref/prompt", name=name)


def _template(name: str) -> ResourceTemplateReference:
    return ResourceTemplateReference(type="ref/resource", uri=f"steadface://jobs/{{job_id}}/{name}")


async def _completed(
    client: Client, ref: PromptReference | ResourceTemplateReference, argument: str, typed: str, **chosen: str
) -> list[str]:
    found = await client.complete(ref, {"name": argument, "value": typed}, context_arguments=chosen or None)
    assert found.completion.total in (None, len(found.completion.values))
    return list(found.completion.values)


async def _submitted(client: Client, arguments: dict[str, Any]) -> str:
    made = await client.call_tool("generate_identity_video", arguments)
    assert not made.is_error, made.content
    return str(made.structured_content["job_id"])
