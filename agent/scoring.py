"""How much alike the faces of two pictures are, outside of any job."""

from __future__ import annotations

from dataclasses import dataclass

from agent.photos import look_at
from agent.planner.desk import Caller
from agent.requests import Photo
from agent.settings import Recipe
from tools.pools.calls import ArtifactId, ImageScore, RecogniserFacts, ScoreImages, ScoreReply


@dataclass(frozen=True)
class Likeness:
    score: ImageScore
    recogniser: RecogniserFacts


def likeness(reference: Photo, picture: ArtifactId, face: int | None, recipe: Recipe, call: Caller) -> Likeness:
    """``face`` chooses the person of a reference that shows several; of the picture the face most alike counts.

    ``InputError`` where the reference cannot work.
    """
    looked = look_at([reference], face, None, recipe, call)
    reply = call(ScoreImages(reference=looked.first.reference, images=[picture]), ScoreReply)
    return Likeness(reply.scores[0], looked.first.recogniser)
