"""Saving and forgetting a named person: their photos are looked at first, and what stays behind is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex

from agent.consents import ConsentBook, ConsentRecord, consent_under
from agent.identities import Identities, Identity, NamedPhoto, checked_name
from agent.photos import look_at
from agent.planner.desk import Caller
from agent.requests import Consent, Photo, few_enough
from agent.settings import Recipe
from agent.store import JobRow, JobStore
from tools.artifacts import Artifacts
from tools.contracts import Thresholds
from tools.errors import InputError
from tools.home import LORAS
from tools.pools.calls import ArtifactId, ImageScore, RecogniserFacts, ReferencePhoto, ScoreImages, ScoreReply


@dataclass(frozen=True)
class _Seen:
    """Photos of one person, the one that similarity is measured against first, each with its score against that."""

    photos: list[Photo]
    scores: list[ImageScore]
    recogniser: RecogniserFacts
    cut_outs: set[ArtifactId]


def save_person(
    identities: Identities,
    name: str,
    given: Sequence[Photo],
    face: int | None,
    consent: Consent | None,
    recipe: Recipe,
    artifacts: Artifacts,
    ask: Callable[[str], Caller],
    consents: ConsentBook,
) -> Identity:
    """Look at the photos and keep the person; to one who is known, the photos are added.

    ``face`` says who is meant on the first of ``given``, where it shows several. ``consent`` may be left out for a
    person who is known. ``ask`` gives what runs operations, as that of ``JobEngine`` does. Raises ``InputError`` for a
    photo that cannot work and for one of somebody else, with its name.
    """
    name, before = checked_name(name), identities.find(name)
    if before is None and consent is None:
        raise InputError(f"@{name} is new; say on what basis their likeness is used.")
    if before and face is not None:
        raise InputError(f"@{before.name} is known, so their face is found by its likeness; leave out which it is.")
    known = identities.photos_of(before.name, artifacts) if before else []
    photos = {photo.image: photo for photo in [*given, *known]}
    purpose = f"saving-{token_hex(8)}"
    try:
        seen = _look([*known, *(photo for photo in photos.values() if photo not in known)], face, recipe, ask(purpose))
    finally:
        artifacts.drop_job(purpose)
    records = _recorded(consents, identities.client, name, before, consent, [photo.image for photo in seen.photos])
    identity = Identity(
        name=name,
        photos=[
            _measured(photo, score, records[photo.image].id)
            for photo, score in zip(seen.photos, seen.scores, strict=True)
        ],
        recogniser=seen.recogniser.name,
        consent=consent_under(records[seen.photos[0].image]),
        created=before.created if before else datetime.now(UTC),
        cut_outs=sorted(seen.cut_outs.union(before.cut_outs if before else ())),
    )
    identities.save(identity, before, artifacts)
    return identity


def forget_person(
    identities: Identities, name: str, revoke: bool, artifacts: Artifacts, store: JobStore, consents: ConsentBook
) -> tuple[Identity, list[JobRow]]:
    """Delete a person; what comes back is who it was, and the jobs that were made of their photos.

    Those jobs keep the photos that they need for a follow-up; every other copy goes, and so do the LoRAs that backends
    keep of people, all of them, since none tells whose it is. With ``revoke`` the consent is
    withdrawn too, so that no further video is made of the photos, and jobs that wait or run are stopped.
    """
    identity = identities.forget(name)
    if revoke:
        for photo in identity.photos:
            consents.revoke(photo.consent)
    jobs = {row.id: row for photo in identity.photos for row in store.using(photo.image)}
    for photo in identity.photos:
        if not store.using(photo.image):
            artifacts.drop(photo.image)
    for lora in (identities.home / LORAS).glob("*.safetensors"):
        lora.unlink(missing_ok=True)
    if not jobs:
        for cut_out in identity.cut_outs:
            artifacts.drop(cut_out)
    return identity, sorted(jobs.values(), key=lambda row: -row.place)


def _recorded(
    book: ConsentBook,
    client: str | None,
    name: str,
    before: Identity | None,
    consent: Consent | None,
    photos: list[ArtifactId],
) -> dict[ArtifactId, ConsentRecord]:
    """The consent record of each photo: new ones for new photos, and for all of them where consent was stated now."""
    kept = {photo.image: photo.consent for photo in before.photos} if before and consent is None else {}
    stated = consent or (before.consent if before else None)
    assert stated is not None
    new = [photo for photo in photos if photo not in kept]
    made = book.keep_for_person(name, stated, photos, new, client)
    return {photo: made[photo] if photo in made else book.get(kept[photo]) for photo in photos}


def _look(photos: list[Photo], face: int | None, recipe: Recipe, call: Caller) -> _Seen:
    """Find the person on every photo, and see that it is one person."""
    few_enough(photos)
    looked = look_at(photos, face, None, recipe, call)
    limits = looked.first.recogniser.thresholds
    scores = _scores(photos, 0, looked.references, looked.first.recogniser, call)
    anchor = _anchor(scores, limits)
    if anchor:
        scores = _scores(photos, anchor, looked.references, looked.first.recogniser, call)
    order = sorted(range(len(photos)), key=lambda place: place != anchor)
    return _Seen(
        photos=[photos[place] for place in order],
        scores=[scores[place] for place in order],
        recogniser=looked.first.recogniser,
        cut_outs={reference.cut_out for reference in looked.references},
    )


def _scores(
    photos: list[Photo], anchor: int, references: Sequence[ReferencePhoto], recogniser: RecogniserFacts, call: Caller
) -> list[ImageScore]:
    """Each photo against one of them; ``InputError`` names the one that does not show the same person."""
    asked = ScoreImages(reference=references[anchor], images=[photo.image for photo in photos])
    scores = call(asked, ScoreReply).scores
    for photo, score in zip(photos, scores, strict=True):
        if score.similarity is None or score.similarity < recogniser.thresholds.first_frame:
            told = "no face" if score.similarity is None else f"similarity {score.similarity:.2f}"
            raise InputError(
                f"{photo.name} does not seem to show the person of {photos[anchor].name} ({told}, at least "
                f"{recogniser.thresholds.first_frame:.2f} is asked by {recogniser.name}); leave one of them out."
            )
    return scores


def _anchor(scores: Sequence[ImageScore], limits: Thresholds) -> int:
    """Which photo similarity is measured against: the first with a face that is turned no further than the recogniser
    judges by, and large enough for it; where there is none, the one that is turned least."""

    def turned(place: int) -> float:
        face = scores[place].face
        return abs(face.yaw or 0.0) if face else 180.0

    good = [
        place
        for place, score in enumerate(scores)
        if score.face
        and turned(place) <= limits.widest_yaw
        and min(score.face.width, score.face.height) >= limits.smallest_face
    ]
    return good[0] if good else min(range(len(scores)), key=turned)


def _measured(photo: Photo, score: ImageScore, consent: str) -> NamedPhoto:
    face = score.face
    assert face is not None
    assert score.similarity is not None
    return NamedPhoto(
        image=photo.image,
        name=photo.name,
        face_at=(face.x + face.width / 2, face.y + face.height / 2),
        side=min(face.width, face.height),
        yaw=face.yaw,
        similarity=score.similarity,
        consent=consent,
    )
