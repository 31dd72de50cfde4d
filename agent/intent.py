"""From what a caller wrote to a checked request, before anything is queued."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.delivery import check_folder
from agent.requests import (
    Consent,
    ConsentSource,
    JobRequest,
    Photo,
    StopAfter,
    checked_consent,
    checked_prompt,
    few_enough,
)
from agent.serving.intake import read_photo
from agent.settings import Settings
from tools.artifacts import Artifacts


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

    def with_photos(self, artifacts: Artifacts, paths: Sequence[Path]) -> JobRequest:
        """Take the photos in and complete the request; raises ``InputError`` for a photo that cannot be read."""
        return self.with_images(artifacts, [(read_photo(path.expanduser().absolute()), path.name) for path in paths])

    def with_images(self, artifacts: Artifacts, images: Sequence[tuple[bytes, str]]) -> JobRequest:
        """``images`` are the photos as PNG, each with its name; the first is what similarity is measured against."""
        few_enough(images)
        return self.with_stored([Photo(image=artifacts.put(png, "png"), name=name) for png, name in images])

    def with_stored(self, photos: Sequence[Photo]) -> JobRequest:
        """The first is what similarity is measured against."""
        few_enough(photos)
        first, *more = photos
        return JobRequest(
            photo=first.image,
            photo_name=first.name,
            more_photos=more,
            face=self.face,
            prompt=self.prompt,
            spatial_prompt=self.spatial_prompt,
            stop_after=self.stop_after,
            consent=self.consent,
            seed=secrets.randbits(32) if self.seed is None else self.seed,
            seed_drawn=self.seed is None,
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
    spatial_prompt: str | None = None,
    stop_after: StopAfter | None = None,
) -> Intent:
    """Check everything that can be checked without looking at the photo; raises ``InputError``.

    A ``seed`` of ``None`` is drawn for each request. With a ``spatial_prompt`` both prompts are used as they are.
    """
    folder = out.expanduser().absolute() if out else None
    if folder:
        check_folder(folder)
    return Intent(
        prompt=checked_prompt(prompt),
        consent=checked_consent(consent, settings.consent, source),
        seed=seed,
        out=folder,
        face=face,
        spatial_prompt=None if spatial_prompt is None else checked_prompt(spatial_prompt),
        stop_after=stop_after,
    )
