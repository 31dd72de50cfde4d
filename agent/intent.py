"""From what a caller wrote to a checked request, before anything is queued."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.delivery import check_folder
from agent.identities import Identities, name_in
from agent.policy import expect_allowed
from agent.requests import (
    Consent,
    ConsentSource,
    JobRequest,
    Photo,
    StopAfter,
    checked_consent,
    checked_prompt,
    checked_stop,
    few_enough,
)
from agent.serving.intake import read_photo
from agent.settings import Settings
from tools.artifacts import Artifacts
from tools.errors import InputError
from tools.paths import full_path


@dataclass(frozen=True)
class Intent:
    """All of a request but the photos."""

    prompt: str
    consent: Consent
    seed: int | None
    out: Path | None
    face: int | None
    spatial_prompt: str | None
    stop_after: StopAfter | None

    def with_photos(self, artifacts: Artifacts, references: Sequence[str | Path]) -> JobRequest:
        """Take the photos in and complete the request; raises ``InputError`` for a photo that cannot be read.

        ``references`` are paths, or ``@name`` for a person whom the owner of this installation saved.
        """
        return self.with_stored([photo for each in references for photo in _photos(str(each), artifacts)])

    def with_stored(self, photos: Sequence[Photo]) -> JobRequest:
        """The first is what similarity is measured against."""
        few_enough(photos)
        first, *more = photos
        if first.face_at and self.face is not None:
            raise InputError(f"Which face is meant was said when @{first.identity} was saved; leave it out.")
        return JobRequest(
            photo=first.image,
            photo_name=first.name,
            more_photos=more,
            identity=first.identity,
            face_at=first.face_at,
            face=self.face,
            prompt=self.prompt,
            spatial_prompt=self.spatial_prompt,
            stop_after=self.stop_after,
            consent=self.consent,
            seed=secrets.randbits(32) if self.seed is None else self.seed,
            seed_drawn=self.seed is None,
            out=str(self.out) if self.out else None,
        )


def _photos(reference: str, artifacts: Artifacts) -> list[Photo]:
    name, path = name_in(reference), Path(reference)
    if name is not None:
        return Identities(artifacts.root).photos_of(name, artifacts)
    return [Photo(image=artifacts.put(read_photo(full_path(path)), "png"), name=path.name)]


def prepare(
    settings: Settings,
    *,
    prompt: str,
    consent: str | None,
    source: ConsentSource,
    seed: int | None,
    out: Path | None,
    face: int | None,
    spatial_prompt: str | None = None,
    stop_after: str | None = None,
    saved_consent: Consent | None = None,
) -> Intent:
    """Check everything that can be checked without looking at the photo; raises ``InputError``.

    A ``seed`` of ``None`` is drawn for each request. With a ``spatial_prompt`` both prompts are used as they are.
    ``saved_consent`` is that of the named person who is meant; it holds where ``consent`` is left out.
    """
    folder = full_path(out) if out else None
    if folder:
        check_folder(folder)
    words = checked_prompt(prompt)
    painted = None if spatial_prompt is None else checked_prompt(spatial_prompt)
    expect_allowed(settings.policy, f"{painted} {words}" if painted else words)
    return Intent(
        prompt=words,
        consent=saved_consent
        if consent is None and saved_consent
        else checked_consent(consent, settings.consent, source),
        seed=seed,
        out=folder,
        face=face,
        spatial_prompt=painted,
        stop_after=checked_stop(stop_after),
    )
