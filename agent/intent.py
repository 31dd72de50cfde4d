"""From what a caller wrote to a checked request, before anything is queued."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.delivery import check_folder
from agent.requests import (
    MOST_PHOTOS,
    Consent,
    ConsentSource,
    JobRequest,
    Photo,
    checked_consent,
    checked_prompt,
)
from agent.serving.intake import read_photo
from agent.settings import Settings
from tools.artifacts import Artifacts
from tools.errors import InputError


@dataclass(frozen=True)
class Intent:
    """All of a request but the photos."""

    prompt: str
    consent: Consent
    seed: int
    out: Path | None
    face: int | None

    def with_photos(self, artifacts: Artifacts, paths: Sequence[Path]) -> JobRequest:
        """Take the photos in and complete the request; raises ``InputError`` for a photo that cannot be read."""
        return self.with_images(artifacts, [(read_photo(path.expanduser().absolute()), path.name) for path in paths])

    def with_images(self, artifacts: Artifacts, images: Sequence[tuple[bytes, str]]) -> JobRequest:
        """``images`` are the photos as PNG, each with its name; the first is what similarity is measured against."""
        if len(images) > MOST_PHOTOS:
            raise InputError(f"There are {len(images)} photos; give at most {MOST_PHOTOS} of the person.")
        first, *more = (Photo(image=artifacts.put(png, "png"), name=name) for png, name in images)
        return JobRequest(
            photo=first.image,
            photo_name=first.name,
            more_photos=more,
            face=self.face,
            prompt=self.prompt,
            consent=self.consent,
            seed=self.seed,
            out=str(self.out) if self.out else None,
        )


def prepare(
    settings: Settings,
    *,
    prompt: str,
    consent: str | None,
    source: ConsentSource,
    seed: int | None,
    out: Path | None,
    face: int | None,
) -> Intent:
    """Check everything that can be checked without looking at the photo; raises ``InputError``."""
    folder = out.expanduser().absolute() if out else None
    if folder:
        check_folder(folder)
    return Intent(
        prompt=checked_prompt(prompt),
        consent=checked_consent(consent, settings.consent, source),
        seed=secrets.randbits(32) if seed is None else seed,
        out=folder,
        face=face,
    )
