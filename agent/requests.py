"""What a caller asks for, checked once, when the job is submitted."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from agent.settings import ConsentBasis
from tools.errors import InputError
from tools.pools.calls import ArtifactId

MOST_PHOTOS = 8
"""Of one person, for one video."""

LONGEST_PROMPT = 4000
"""Characters. 250 words are about 1,500."""


StopAfter = Literal["first_frame"]

ConsentSource = Literal["stated by the user", "asserted by client", "standing setting"]
ConsentScope = Literal["this video", "any video"]


class Consent(BaseModel):
    """On what basis the person's likeness is used, and who said so.

    ``scope`` is one video with its follow-ups, or any with that photo. ``record`` is where ``agent.consents`` keeps it.
    """

    model_config = ConfigDict(frozen=True)

    basis: ConsentBasis
    source: ConsentSource
    scope: ConsentScope = "this video"
    record: str | None = None
    expires: AwareDatetime | None = None


class Photo(BaseModel):
    """A photo, already decoded and stored, and its name as it was given."""

    model_config = ConfigDict(frozen=True)

    image: ArtifactId
    name: str
    identity: str | None = Field(default=None, description="The named person that it is of, without the @.")
    face_at: tuple[float, float] | None = Field(
        default=None, description="A point on the person's face, in pixels of the photo, where it is known."
    )


class Kept(BaseModel):
    """What a follow-up takes over from the job that it refines.

    ``told`` is one sentence: what was understood, and what is kept. ``state`` is the part of the job's state that the
    new job begins with, as if ``node`` had just ended; empty where there was nothing to keep.
    """

    model_config = ConfigDict(frozen=True)

    parent: str
    told: str
    state: dict[str, Any] = {}
    node: str | None = None


class JobRequest(BaseModel):
    """One video asked for. ``photo`` is the reference photo, already decoded and stored.

    ``more_photos`` show the same person and condition the first frame too; similarity is measured against ``photo``.
    ``spatial_prompt`` is painted as it is, and ``prompt`` is then the temporal prompt: no planner is asked. ``kept`` is
    set for a follow-up.
    """

    model_config = ConfigDict(frozen=True)

    photo: ArtifactId
    photo_name: str
    more_photos: list[Photo] = []
    identity: str | None = Field(default=None, description="As in Photo.")
    face_at: tuple[float, float] | None = Field(default=None, description="As in Photo; then face is not asked.")
    face: int | None = Field(None, ge=1, description="In a group photo: which face, from 1, left to right.")
    prompt: str
    spatial_prompt: str | None = None
    stop_after: StopAfter | None = Field(
        default=None, description="Show the candidates instead of animating one of them."
    )
    consent: Consent
    seed: int = Field(ge=0, le=2**32 - 1)
    seed_drawn: bool = Field(default=False, description="The caller gave no seed.")
    out: str | None = Field(None, description="Folder for the results; none for a dated folder among the videos.")
    kept: Kept | None = None


def call_of(*parts: object) -> str:
    """What stands for a call: two calls alike, in whatever process, have the same."""
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def few_enough(photos: Sequence[object]) -> None:
    """Raise ``InputError`` where these are too many photos of one person."""
    if len(photos) > MOST_PHOTOS:
        raise InputError(f"There are {len(photos)} photos; give at most {MOST_PHOTOS} of the person.")


def checked_prompt(prompt: str) -> str:
    """The prompt without needless white space and what is no text; ``InputError`` where it is empty or too long."""
    tidy = re.sub(r"[\s\x00-\x1f\x7f\ud800-\udfff]+", " ", prompt).strip()
    if not tidy:
        raise InputError("The prompt is empty; say in a sentence what the person does and where.")
    if len(tidy) > LONGEST_PROMPT:
        raise InputError(
            f"The prompt has {len(tidy):,} characters; shorten it to at most {LONGEST_PROMPT:,}, "
            "one scene in a few sentences."
        )
    return tidy


def checked_stop(stage: str | None) -> StopAfter | None:
    if stage in (None, "first_frame"):
        return stage  # type: ignore[return-value]
    raise InputError(f"A job cannot stop after {stage!r}, only after first_frame; leave it out for the whole video.")


def checked_consent(basis: str | None, standing: ConsentBasis | None, source: ConsentSource) -> Consent:
    """The consent of a request; raises ``InputError`` where none was stated or the basis is unknown."""
    if basis is None and standing is not None:
        return Consent(basis=standing, source="standing setting")
    if basis is None:
        raise InputError(
            "Consent is missing: state on what basis this person's likeness is used (--consent on the command line, "
            "consent in a tool call): self (it is you), written (they agreed in writing), licensed (a licence or the "
            "public domain allows it) or synthetic (no real person)."
        )
    known = get_args(ConsentBasis)
    if basis not in known:
        raise InputError(f"Consent cannot be {basis!r}; choose one of: {', '.join(known)}.")
    return Consent(basis=basis, source=source)  # type: ignore[arg-type]
