"""How much alike the faces of two pictures are, or of a picture and a video, outside of any job."""

from __future__ import annotations

from dataclasses import dataclass

from agent.photos import look_at
from agent.planner.desk import Caller
from agent.requests import Photo
from agent.settings import Recipe
from tools.pools.calls import (
    ArtifactId,
    ImageScore,
    RecogniserFacts,
    ScoreFile,
    ScoreFileReply,
    ScoreImages,
    ScoreReply,
)

LONGEST_VIDEO = 60.0
"""Seconds of a video that comes from outside."""


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


def likeness_over_time(
    reference: Photo, video: ArtifactId, face: int | None, recipe: Recipe, call: Caller
) -> ScoreFileReply:
    """As ``likeness``, over the frames of an mp4; ``InputError`` where that cannot be read, too."""
    looked = look_at([reference], face, None, recipe, call)
    asked = ScoreFile(
        reference=looked.first.reference, video=video, samples=recipe.video_samples, longest=LONGEST_VIDEO
    )
    return call(asked, ScoreFileReply)
