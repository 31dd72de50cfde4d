"""Consent over MCP: a person is asked where the client can ask; what a model says is an assertion until then."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from mcp import Client
from mcp.types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult
from PIL import Image
from served import stdio
from studio import data_uri
from test_tasks import Tasks

from agent.consents import ConsentBook
from agent.database import Database

pytestmark = pytest.mark.anyio

Ask = Callable[..., dict[str, Any]]

FIRST_FRAME = {"spatial_prompt": "similarity=0.8", "consent": "self"}


@dataclass
class Person:
    """Answers the forms that the client shows, and keeps them."""

    action: Literal["accept", "decline", "cancel"] = "accept"
    basis: str = "written"
    remember: bool = False
    shown: list[ElicitRequestFormParams] = field(default_factory=list)

    async def __call__(self, context: Any, params: ElicitRequestParams) -> ElicitResult:
        assert isinstance(params, ElicitRequestFormParams)
        self.shown.append(params)
        content: dict[str, Any] = {"basis": self.basis, "remember": self.remember}
        return ElicitResult(action=self.action, content=content if self.action == "accept" else None)


@dataclass
class Place:
    """A server on one of the transports, in one of the eras; ``reference`` names the photo there."""

    open: Callable[[Person], AbstractAsyncContextManager[Client]]
    reference: str
    home: Path


@pytest.fixture(params=["stdio-auto", "stdio-legacy", "http-auto", "http-legacy"])
def place(request: pytest.FixtureRequest, photo: Path, home: Path) -> Place:
    transport, era = request.param.split("-")
    if transport == "stdio":
        return Place(lambda person: Client(stdio(), mode=era, elicitation_callback=person), photo.name, home)
    url, studio = request.getfixturevalue("over_http")
    reference = data_uri(studio.photo)
    return Place(lambda person: Client(url, mode=era, elicitation_callback=person), reference, studio.home)


def consent_of(made: Any) -> dict[str, Any]:
    report = json.loads(Path(made.structured_content["result"]["report"]).read_text())
    consent: dict[str, Any] = report["request"]["consent"]
    return consent


async def test_a_person_is_asked_once_for_a_photo_and_what_they_say_counts(place: Place, ask: Ask) -> None:
    person = Person()
    async with place.open(person) as client:
        call = ask("similarity=0.8", reference=place.reference, consent="self")
        first = await client.call_tool("generate_identity_video", call)
        again = await client.call_tool("generate_identity_video", {**call, "prompt": "similarity=0.9"})
        refine = {"job_id": again.structured_content["job_id"], "instruction": "motion waves"}
        changed = await client.call_tool("refine_identity_video", refine)
    for made in (first, again, changed):
        assert not made.is_error, made.content[0].text
        consent = consent_of(made)
        assert (consent["basis"], consent["source"]) == ("written", "stated by the user")
        assert consent["scope"] == "this video"
    assert consent_of(changed)["record"] == consent_of(again)["record"] != consent_of(first)["record"]
    (form,) = person.shown
    assert "“similarity=0.8”" in form.message
    assert "The assistant says: self." in form.message
    assert form.requested_schema["properties"]["basis"]["enum"] == ["self", "written", "licensed", "synthetic"]
    assert form.requested_schema["required"] == ["basis"]


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_where_the_person_says_no_nothing_is_made(
    place: Place, ask: Ask, action: Literal["decline", "cancel"]
) -> None:
    async with place.open(Person(action)) as client:
        refused = await client.call_tool("generate_identity_video", ask("waves", reference=place.reference))
        listed = await client.call_tool("list_video_jobs", {})
    assert refused.is_error
    assert "The user did not give consent, so nothing was made." in refused.content[0].text
    assert listed.structured_content["jobs"] == []
    assert not [*place.home.glob("artifacts/*/*")]


async def test_a_client_that_says_nothing_of_consent_is_asked_instead_of_refused(local: Any, ask: Ask) -> None:
    call = ask("similarity=0.8")
    del call["consent"]
    person = Person()
    async with local.open(elicitation_callback=person) as client:
        made = await client.call_tool("generate_identity_video", call)
    assert consent_of(made)["source"] == "stated by the user"
    assert "The assistant says" not in person.shown[0].message


async def test_first_frames_are_asked_for_too(local: Any, photo: Path) -> None:
    person = Person()
    async with local.open(elicitation_callback=person) as client:
        made = await client.call_tool("generate_first_frame", FIRST_FRAME | {"reference": photo.name})
    assert not made.is_error, made.content[0].text
    assert len(person.shown) == 1


async def test_a_person_is_asked_before_a_call_becomes_a_task(local: Any, photo: Path, ask: Ask) -> None:
    person, tasks = Person(), Tasks()
    Image.new("RGB", (320, 240), "navy").save(photo.with_name("other.png"))
    async with local.open(elicitation_callback=person, extensions=[tasks]) as client:
        made = await client.call_tool("generate_identity_video", ask("similarity=0.8"))
        person.action = "decline"
        refused = await client.call_tool("generate_first_frame", FIRST_FRAME | {"reference": "other.png"})
    assert consent_of(made)["source"] == "stated by the user"
    assert tasks.seen[0]["taskId"] == made.structured_content["job_id"]
    assert refused.is_error
    assert len({task["taskId"] for task in tasks.seen}) == 1


async def test_what_is_remembered_holds_in_later_sessions(alone: Any, ask: Ask, home: Path) -> None:
    async with alone.open(elicitation_callback=Person(remember=True)) as client:
        await client.call_tool("generate_identity_video", ask("similarity=0.8"))
    person = Person()
    async with alone.open(elicitation_callback=person) as client:
        made = await client.call_tool("generate_identity_video", ask("similarity=0.9", consent="self"))
    async with alone.open() as client:
        unasked = await client.call_tool("generate_identity_video", ask("similarity=0.7", consent="self"))
    assert person.shown == []
    book = ConsentBook(Database.of(home))
    (record,) = book.records(10)
    book.close()
    for each in (made, unasked):
        consent = consent_of(each)
        assert (consent["basis"], consent["scope"], consent["record"]) == ("written", "any video", record.id)


async def test_a_client_that_cannot_ask_goes_on_with_an_assertion(connection: Any, ask: Ask) -> None:
    async with connection.open() as client:
        made = await client.call_tool("generate_identity_video", ask("similarity=0.8", reference=connection.reference))
    assert (consent_of(made)["basis"], consent_of(made)["source"]) == ("synthetic", "asserted by client")


async def test_nobody_is_asked_where_a_standing_basis_is_set(
    alone: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFACE_CONSENT", "licensed")
    call = ask("similarity=0.8")
    del call["consent"]
    person = Person()
    async with alone.open(elicitation_callback=person) as client:
        made = await client.call_tool("generate_identity_video", call)
    assert person.shown == []
    assert (consent_of(made)["basis"], consent_of(made)["source"]) == ("licensed", "standing setting")


async def test_what_cannot_be_made_is_said_before_anybody_is_asked(local: Any, ask: Ask) -> None:
    person = Person()
    wrong = {
        "nudity or sex": ask("a naked woman"),
        "There is no file": ask("waves", reference="missing.png"),
        "Consent cannot be 'perhaps'": ask("waves", consent="perhaps"),
        "prompt is empty": ask(" "),
    }
    async with local.open(elicitation_callback=person) as client:
        for sentence, call in wrong.items():
            refused = await client.call_tool("generate_identity_video", call)
            assert refused.is_error
            assert sentence in refused.content[0].text
            assert not refused.content[0].text.startswith("Error executing")
    assert person.shown == []


async def test_a_withdrawal_is_told_in_the_form_and_lifted_by_remembering_alone(local: Any, ask: Ask) -> None:
    person = Person()
    async with local.open(elicitation_callback=person) as client:
        made = await client.call_tool("generate_identity_video", ask("similarity=0.8"))
        book = ConsentBook(Database.of(local.home))
        book.revoke(consent_of(made)["record"])
        book.close()
        refine = {"job_id": made.structured_content["job_id"], "instruction": "motion waves"}
        refined = await client.call_tool("refine_identity_video", refine)
        refused = await client.call_tool("generate_identity_video", ask("similarity=0.9"))
        person.remember = True
        renewed = await client.call_tool("generate_identity_video", ask("similarity=0.9"))
    assert "was withdrawn on" in refined.content[0].text
    assert refused.is_error
    assert "was withdrawn on" in refused.content[0].text
    assert all("was withdrawn on" in form.message for form in person.shown[1:])
    assert len(person.shown) == 3
    assert not renewed.is_error
