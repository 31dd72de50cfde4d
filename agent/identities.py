"""Named people: a person's photos and consent kept together, so that ``@alice`` means her wherever a photo is taken.

    <home>/identities/alice/person.json   what is known of her; she is there as long as this file is
    <home>/identities/alice/<hash>.png    her photos, copies of their own
    <home>/identities/@<hash>/…           the people of one client of an HTTP server, whom nobody else sees
    <home>/identities/.forgotten-…        being deleted

Photos are written before the ``person.json`` that names them, and a person is forgotten by one rename. What a process
killed in between leaves goes with the next change. One lock file keeps two processes from changing people at once.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from agent.requests import Consent, Photo
from tools.artifacts import Artifacts, private_folder, write_whole, writing_to
from tools.errors import InputError
from tools.pools.calls import ArtifactId

MOST_OF_CLIENT = 50
"""People that one client of an HTTP server may keep; the owner of the installation keeps as many as fit the disk."""

_NAME = re.compile(r"[a-z0-9_-]{1,40}")


class NamedPhoto(BaseModel):
    """One photo of a named person, and what was measured of their face on it when it was saved."""

    model_config = ConfigDict(frozen=True)

    image: ArtifactId
    name: str = Field(description="as it was given")
    face_at: tuple[float, float] = Field(description="the middle of the face, in pixels of the photo")
    side: float = Field(description="pixels of the shorter side of the face")
    yaw: float | None = Field(description="degrees; null where the recogniser does not tell")
    similarity: float = Field(description="to the first photo")
    consent: str = Field(description="id of its record in agent.consents")


class Identity(BaseModel):
    """A person with a name. The first photo is what similarity is measured against."""

    model_config = ConfigDict(frozen=True)

    name: str
    photos: list[NamedPhoto] = Field(min_length=1)
    recogniser: str = Field(description="made the similarities")
    consent: Consent
    created: AwareDatetime
    cut_outs: list[ArtifactId] = Field(description="what looking at the photos left among the artifacts")


def checked_name(name: str) -> str:
    """The name as it is kept, without the ``@`` that it may be written with; raises ``InputError``."""
    plain = name.strip().removeprefix("@").lower()
    if not _NAME.fullmatch(plain):
        raise InputError(
            f"{name[:60]!r} cannot be a person's name; use 1 to 40 letters a to z, digits, - and _, such as @alice."
        )
    return plain


def name_in(reference: str) -> str | None:
    """The name of the person that a reference such as ``@alice`` means; ``None`` for any other, such as a file's."""
    named = reference.lstrip().startswith("@") and not set("./\\").intersection(reference)
    return checked_name(reference) if named else None


class Identities:
    """The named people of this installation's owner, or those of one ``client`` of its HTTP server."""

    def __init__(self, home: Path, client: str | None = None) -> None:
        self.home = home
        self.client = client
        self._all = home / "identities"
        self._folder = self._all if client is None else self._all / f"@{sha256(client.encode()).hexdigest()[:32]}"

    def names(self) -> list[str]:
        return sorted(
            file.parent.name for file in self._folder.glob("*/person.json") if _NAME.fullmatch(file.parent.name)
        )

    def all(self) -> list[Identity]:
        return [identity for name in self.names() if (identity := self.find(name))]

    def find(self, name: str) -> Identity | None:
        try:
            return Identity.model_validate_json(self._person(checked_name(name)).read_bytes())
        except FileNotFoundError:
            return None

    def get(self, name: str) -> Identity:
        """``InputError`` with the nearest names where there is nobody of that name."""
        found = self.find(name)
        if found is None:
            raise self._unknown(checked_name(name))
        return found

    def photos_of(self, name: str, artifacts: Artifacts) -> list[Photo]:
        """A person's photos where workers find them; the first is what similarity is measured against.

        ``InputError`` where there is nobody of that name.
        """
        identity = self.get(name)
        try:
            pngs = [self.file(identity, photo).read_bytes() for photo in identity.photos]
        except FileNotFoundError:  # forgotten since the line above
            raise self._unknown(identity.name) from None
        return [
            Photo(image=artifacts.put(png, "png"), name=photo.name, identity=identity.name, face_at=photo.face_at)
            for png, photo in zip(pngs, identity.photos, strict=True)
        ]

    def consent_of(self, reference: str) -> Consent | None:
        """The consent of the person that a reference such as ``@alice`` means; ``None`` for any other reference."""
        name = name_in(reference)
        return self.get(name).consent if name is not None else None

    def file(self, identity: Identity, photo: NamedPhoto) -> Path:
        return self._folder / identity.name / photo.image

    def save(self, identity: Identity, before: Identity | None, artifacts: Artifacts) -> None:
        """Keep a person, with copies of the photos; ``before`` is what was known when ``identity`` was made from it.

        Raises ``InputError`` where somebody else has changed the person meanwhile, and where a client has too many.
        """
        with self._changing():
            if self.find(identity.name) != before:
                raise InputError(
                    f"@{identity.name} was changed by somebody else meanwhile; look at it, and save again."
                )
            if before is None and self.client is not None and len(self.names()) >= MOST_OF_CLIENT:
                raise InputError(f"{MOST_OF_CLIENT} people are saved already; forget one of them first.")
            for photo in identity.photos:
                if not self.file(identity, photo).exists():
                    write_whole(self.file(identity, photo), artifacts.read(photo.image), self.home)
            write_whole(self._person(identity.name), identity.model_dump_json(indent=2).encode(), self.home)

    def forget(self, name: str) -> Identity:
        """Delete a person and their photos, and tell who it was; ``InputError`` where there is nobody of that name."""
        with self._changing():
            identity = self.get(name)
            (self._folder / identity.name).rename(self._all / f".forgotten-{secrets.token_hex(8)}")
            self._tidy()
        return identity

    def _person(self, name: str) -> Path:
        return self._folder / name / "person.json"

    @contextmanager
    def _changing(self) -> Iterator[None]:
        from filelock import FileLock

        with writing_to(self.home):
            private_folder(self._folder)
        with FileLock(self._all / ".lock"):
            self._tidy()
            yield

    def _tidy(self) -> None:
        """Delete what a killed process left: people half saved and half forgotten."""
        unnamed = [folder for folder in self._folder.glob("[!.@]*") if not (folder / "person.json").exists()]
        for folder in [*self._all.glob(".forgotten-*"), *unnamed]:
            shutil.rmtree(folder, ignore_errors=True)

    def _unknown(self, name: str) -> InputError:
        near = get_close_matches(name, self.names(), n=3, cutoff=0.5)
        if near:
            return InputError(
                f"There is nobody called @{name}; did you mean {' or '.join(f'@{each}' for each in near)}?"
            )
        return InputError(
            f"There is nobody called @{name} among the saved people; steadface identity add {name} PHOTO, or the tool "
            "save_identity, saves one."
        )
