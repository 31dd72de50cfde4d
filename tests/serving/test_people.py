"""People by name, over MCP: saved with photos that are looked at, meant by @name, forgotten."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from agent.identities import Identities
from agent.settings import load_settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def shots(instant: Any) -> Any:
    """Make photos that the instant recogniser reads, and tell how the connection names them."""

    def make(connection: Any, **marks: dict[str, float]) -> list[str]:
        names = []
        for name, mark in marks.items():
            path = connection.folder / f"{name}.png"
            Image.fromarray(instant.picture(instant.Mark(**{"similarity": 1.0, **mark}))).save(path)
            data = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
            names.append(path.name if connection.transport == "stdio" else data)
        return names

    return make


async def test_a_saved_person_is_a_reference_with_photos_and_consent(connection: Any, shots: Any) -> None:
    references = shots(connection, front={}, side={"similarity": 0.8, "yaw": 20})
    async with connection.open() as client:
        saved = await client.call_tool(
            "save_identity", {"name": "@Alice", "references": references, "consent": "written"}
        )
        listed = await client.call_tool("list_identities", {})
        made = await client.call_tool(
            "generate_identity_video", {"reference": "@alice", "prompt": "photos similarity=0.9", "consent": None}
        )
    assert not saved.is_error, saved.content
    person = saved.structured_content
    assert person["reference"] == "@alice"
    assert [photo["similarity"] for photo in person["photos"]] == [pytest.approx(1), pytest.approx(0.8, abs=0.01)]
    assert listed.structured_content == {"people": [person]}
    assert "@alice" in listed.content[0].text
    with Image.open(BytesIO(base64.b64decode(listed.content[1].data))) as sheet:
        assert sheet.size == (240, 266)
    job = made.structured_content
    assert not made.is_error, made.content
    assert job["result"]["first_frame_similarity"] == pytest.approx(0.2, abs=0.01)  # the painter was given two photos
    request = json.loads(Path(job["result"]["report"]).read_text())["request"]
    assert request["identity"] == "@alice"
    assert (request["consent"]["basis"], request["consent"]["source"]) == ("written", "asserted by client")


async def test_what_cannot_be_saved_is_said_in_one_sentence(local: Any, shots: Any) -> None:
    me, other, group, wall = shots(local, me={}, other={"similarity": 0.1}, group={"faces": 2}, wall={"faces": 0})
    wrong = {
        "Consent is missing": {"references": [me]},
        "cannot be a person's name": {"references": [me], "name": "a b", "consent": "self"},
        "other.png": {"references": [me, other], "consent": "self"},
        "choose the person with face=N": {"references": [group], "consent": "self"},
        "No face was found": {"references": [wall], "consent": "self"},
        "There is nobody called @bob": {"references": ["@bob"], "consent": "self"},
        "The argument references cannot be []": {"references": [], "consent": "self"},
    }
    async with local.open() as client:
        for sentence, arguments in wrong.items():
            refused = await client.call_tool("save_identity", {"name": "alice", **arguments})
            assert refused.is_error
            assert sentence in refused.content[0].text
            assert "\n" not in refused.content[0].text
            assert [block.type for block in refused.content[1:]] == (["image"] if "face=N" in sentence else [])
        listed = await client.call_tool("list_identities", {})
    assert listed.structured_content == {"people": []}
    assert len(listed.content) == 1


async def test_a_group_photo_is_saved_with_the_face_that_was_chosen(local: Any, shots: Any) -> None:
    (group,) = shots(local, group={"faces": 2, "similarity": 0.0})
    async with local.open() as client:
        await client.call_tool(
            "save_identity", {"name": "bob", "references": [group], "consent": "synthetic", "face": 2}
        )
        made = await client.call_tool("generate_identity_video", {"reference": "@bob", "prompt": "waves"})
        scored = await client.call_tool("score_identity", {"reference": "@bob", "picture": group})
        again = await client.call_tool("generate_identity_video", {"reference": "@bob", "prompt": "waves", "face": 1})
    assert made.structured_content["status"] == "completed", made.content
    assert scored.structured_content["similarity"] == pytest.approx(1, abs=0.01)
    assert again.is_error
    assert "when @bob was saved" in again.content[0].text


async def test_somebody_forgotten_is_nobody_and_the_jobs_are_named(local: Any, shots: Any) -> None:
    (me,) = shots(local, me={})
    async with local.open() as client:
        await client.call_tool("save_identity", {"name": "alice", "references": [me], "consent": "self"})
        made = await client.call_tool("generate_identity_video", {"reference": "@alice", "prompt": "waves"})
        forgotten = await client.call_tool("forget_identity", {"name": "alice"})
        refused = await client.call_tool("generate_identity_video", {"reference": "@alice", "prompt": "waves"})
    job = made.structured_content
    assert forgotten.structured_content == {
        "forgotten": "@alice",
        "jobs": [{"job_id": job["job_id"], "status": "completed", "folder": job["result"]["folder"]}],
    }
    assert job["result"]["folder"] in forgotten.content[0].text
    assert Path(job["result"]["video"]).is_file()
    assert refused.is_error
    assert "There is nobody called @alice" in refused.content[0].text


async def test_people_of_others_are_not_seen(local: Any, shots: Any) -> None:
    (me,) = shots(local, me={})
    async with local.open() as client:
        await client.call_tool("save_identity", {"name": "alice", "references": [me], "consent": "self"})
    mine = Identities(load_settings().home).get("alice")
    assert (mine.consent.basis, mine.consent.source) == ("self", "asserted by client")
    assert Identities(load_settings().home, "https://issuer.example subject").names() == []
