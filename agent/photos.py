"""The photos of one person, looked at in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.planner.desk import Caller
from agent.requests import Photo
from agent.settings import Recipe
from tools.contracts import Presentation
from tools.errors import InputError
from tools.pools.calls import InspectReference, InspectReply, ReferencePhoto


@dataclass(frozen=True)
class Looked:
    """``first`` is the photo that similarity is measured against; ``more`` show the same person."""

    first: InspectReply
    more: list[ReferencePhoto]

    @property
    def references(self) -> list[ReferencePhoto]:
        return [self.first.reference, *self.more]


def look_at(
    photos: Sequence[Photo], face: int | None, presentation: Presentation | None, recipe: Recipe, call: Caller
) -> Looked:
    """Find the person on every photo: as ``face`` says on the first, by likeness to that on the others.

    Where the first photo tells where the face is, ``face`` is not asked.
    Raises ``InputError`` for a photo that cannot work, with its name where there are several.
    """
    asked = InspectReference(
        photo=photos[0].image,
        face=face,
        face_at=photos[0].face_at,
        presentation=presentation,
        faces=recipe.backend("faces"),
        matting=recipe.backend("matting"),
    )
    first = call(asked, InspectReply)
    more = []
    for photo in photos[1:]:
        also = asked.model_copy(update={"photo": photo.image, "face": None, "face_at": None, "like": first.reference})
        try:
            more.append(call(also, InspectReply).reference)
        except InputError as error:
            raise InputError(f"{photo.name}: {error}") from error
    return Looked(first, more)
