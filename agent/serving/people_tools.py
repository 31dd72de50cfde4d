"""The MCP tools for named people: save one, list them, forget one."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Annotated

import anyio.to_thread
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ContentBlock, ImageContent, TextContent
from pydantic import AwareDatetime, BaseModel, Field

from agent.serving.access import current_client
from agent.serving.arguments import ConsentBasis, FaceNumber
from agent.serving.effects import CHANGES, DELETES, LOOKS
from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.references import photos_given
from agent.serving.results import in_one_sentence, plainly
from agent.serving.threads import run_long
from tools.errors import InputError

if TYPE_CHECKING:
    from agent.identities import Identities, Identity

MOST_FACES = 24
"""On one sheet."""

LARGEST_PICTURE = 300_000
"""Bytes."""

PersonName = Annotated[str, Field(description="Short: letters, digits, - and _, with or without the @.")]


class KeptPhoto(BaseModel):
    name: str = Field(description="as it was given")
    similarity: float = Field(description="to the first photo, which is what similarity is measured against")
    face_side: float = Field(description="pixels of the shorter side of the face")


class Person(BaseModel):
    reference: str = Field(description="what to give as reference, such as @alice")
    photos: list[KeptPhoto]
    recogniser: str = Field(description="made the similarities")
    consent: str = Field(description="basis on which the likeness is used: self, written, licensed or synthetic")
    consent_source: str = Field(description="who stated it")
    saved: AwareDatetime


class People(BaseModel):
    people: list[Person] = Field(description="in the order of their names")


class Leftover(BaseModel):
    job_id: str
    status: str
    folder: str | None = Field(description="where its results lie, if it has any")


class Forgotten(BaseModel):
    forgotten: str = Field(description="who it was, such as @alice")
    jobs: list[Leftover] = Field(description="made of the photos, and kept with them, the newest first")


class PeopleTools:
    def __init__(self, engine: LateEngine, reach: Reach) -> None:
        self._engine = engine
        self._reach = reach

    def tools(self) -> list[Tool]:
        return [
            Tool.from_function(self.save_identity, title="Save a person under a name", annotations=CHANGES),
            Tool.from_function(self.list_identities, title="List saved people", annotations=LOOKS),
            Tool.from_function(self.forget_identity, title="Forget a saved person", annotations=DELETES),
        ]

    async def save_identity(
        self,
        name: PersonName,
        references: Annotated[
            list[str],
            Field(min_length=1, max_length=8, description="Photos of this one person, each given as reference is."),
        ],
        consent: ConsentBasis = None,
        face: FaceNumber = None,
    ) -> Annotated[CallToolResult, Person]:
        """Save a person's photos and consent under a name, so that @name means them in every later call.

        Use it when the user will make more than one video of somebody, or gives several photos of them. Each photo is
        looked at first, and one that shows somebody else is refused. For a name that is known the photos are added.
        """
        with in_one_sentence(self._engine, self._reach):
            return await run_long(self._saved, name, references, consent, face)

    async def list_identities(self) -> Annotated[CallToolResult, People]:
        """List the saved people with a thumbnail of each; give @name as reference to make a video of one."""
        with in_one_sentence(self._engine, self._reach):
            return await anyio.to_thread.run_sync(self._listed)

    async def forget_identity(
        self,
        name: PersonName,
        revoke: Annotated[
            bool,
            Field(description="Withdraw the consent too: no further video is made of these photos, by anybody."),
        ] = False,
    ) -> Annotated[CallToolResult, Forgotten]:
        """Delete a saved person's photos and what was measured of them. Ask the user first: it cannot be undone.

        Videos that were made of the person stay, and the answer says which.
        """
        with in_one_sentence(self._engine, self._reach):
            return await anyio.to_thread.run_sync(self._forgotten, name, revoke)

    def _saved(self, name: str, references: list[str], basis: str | None, face: int | None) -> CallToolResult:
        from agent.people import save_person
        from agent.requests import checked_consent

        settings, people = self._engine.settings, self._people()
        known = people.find(name) is not None
        consent = None if known and basis is None else checked_consent(basis, settings.consent, "asserted by client")
        photos = photos_given(references, self._engine, self._reach)
        engine, recipe = self._engine.get(), settings.recipe()
        try:
            saved = save_person(
                people, name, photos, face, consent, recipe, engine.artifacts, engine.ask, engine.consents
            )
        except InputError as error:
            numbered = error.attachments.get("numbered_faces")
            if numbered is None:
                raise
            return _with_faces(str(error), engine.artifacts.read(numbered))
        person = _person(saved)
        text = f"Saved. Give {person.reference} as reference from now on.\n{_line(person)}"
        return _told(text, person, _faces(people, [saved]))

    def _listed(self) -> CallToolResult:
        people = self._people()
        saved = people.all()
        found = People(people=[_person(each) for each in saved])
        text = (
            "\n".join(map(_line, found.people))
            or "Nobody is saved yet; save_identity keeps a person's photos under a name."
        )
        return _told(text, found, _faces(people, saved))

    def _forgotten(self, name: str, revoke: bool) -> CallToolResult:
        from agent.people import forget_person

        engine = self._engine.get()
        identity, rows = forget_person(self._people(), name, revoke, engine.artifacts, engine.store, engine.consents)
        jobs = [
            Leftover(job_id=row.id, status=row.status, folder=self._shown((row.result or {}).get("folder")))
            for row in rows
            if row.client == current_client()
        ]
        told = f"@{identity.name} is forgotten{', and the consent withdrawn' if revoke else ''}."
        if jobs:
            told += " These jobs were made of the photos, and keep them:"
        lines = [f"{job.job_id}  {job.status}  {job.folder or ''}".rstrip() for job in jobs]
        return _told("\n".join([told, *lines]), Forgotten(forgotten=f"@{identity.name}", jobs=jobs))

    def _people(self) -> Identities:
        from agent.identities import Identities

        return Identities(self._engine.settings.home, current_client())

    def _shown(self, folder: str | None) -> str | None:
        return plainly(folder, self._engine, self._reach) if folder else None


def _with_faces(sentence: str, numbered: bytes) -> CallToolResult:
    """A refusal with the photo on which the faces are numbered."""
    from agent.serving.small_pictures import jpeg_under

    picture = b64encode(jpeg_under(numbered, LARGEST_PICTURE)).decode()
    shown = ImageContent(type="image", data=picture, mime_type="image/jpeg")
    return CallToolResult(content=[TextContent(type="text", text=sentence), shown], is_error=True)


def _person(identity: Identity) -> Person:
    return Person(
        reference=f"@{identity.name}",
        photos=[
            KeptPhoto(name=photo.name, similarity=photo.similarity, face_side=photo.side) for photo in identity.photos
        ],
        recogniser=identity.recogniser,
        consent=identity.consent.basis,
        consent_source=identity.consent.source,
        saved=identity.created,
    )


def _line(person: Person) -> str:
    photos = ", ".join(
        f"{photo.name} (similarity {photo.similarity:.2f})" if number else photo.name
        for number, photo in enumerate(person.photos)
    )
    return f"{person.reference}: {photos}; consent {person.consent}, {person.consent_source}"


def _faces(people: Identities, saved: Sequence[Identity]) -> str | None:
    """A sheet of their faces, each over the name, in base64; ``None`` where nobody is saved."""
    from agent.serving.inbox import labelled_sheet

    tiles = [(f"@{identity.name}", _face(people, identity)) for identity in saved[:MOST_FACES]]
    return labelled_sheet([(label, face) for label, face in tiles if face])


def _face(people: Identities, identity: Identity) -> bytes | None:
    """The face on the first photo with what is round it, as PNG; ``None`` where the person was forgotten meanwhile."""
    from PIL import Image

    from agent.serving.inbox import THUMBNAIL

    photo = identity.photos[0]
    (x, y), reach = photo.face_at, 1.5 * photo.side
    out = BytesIO()
    try:
        with Image.open(people.file(identity, photo)) as image:
            box = max(0, x - reach), max(0, y - reach), min(image.width, x + reach), min(image.height, y + reach)
            face = image.resize((THUMBNAIL, THUMBNAIL), box=box)
    except FileNotFoundError:
        return None
    face.save(out, "PNG")
    return out.getvalue()


def _told(text: str, data: BaseModel, sheet: str | None = None) -> CallToolResult:
    content: list[ContentBlock] = [TextContent(type="text", text=text)]
    if sheet is not None:
        content.append(ImageContent(type="image", data=sheet, mime_type="image/jpeg"))
    return CallToolResult(content=content, structured_content=data.model_dump(mode="json"))
