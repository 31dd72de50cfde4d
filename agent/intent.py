"""From what a caller wrote to a checked request, before anything is queued."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from agent.delivery import check_folder
from agent.requests import Consent, ConsentSource, JobRequest, checked_consent, checked_prompt
from agent.serving.intake import read_photo
from agent.settings import Settings
from tools.artifacts import Artifacts


@dataclass(frozen=True)
class Intent:
    """All of a request but the photo."""

    prompt: str
    consent: Consent
    seed: int
    out: Path | None
    face: int | None

    def with_photo(self, artifacts: Artifacts, path: Path) -> JobRequest:
        """Take the photo in and complete the request; raises ``InputError`` for a photo that cannot be read."""
        return self.with_image(artifacts, read_photo(path.expanduser().absolute()), path.name)

    def with_image(self, artifacts: Artifacts, png: bytes, name: str) -> JobRequest:
        return JobRequest(
            photo=artifacts.put(png, "png"),
            photo_name=name,
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
