"""The MCP tool that compares the face of a picture, or of a video, with that of a photo."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from agent.serving.arguments import FaceNumber, PresetName, ReferenceText
from agent.serving.effects import LOOKS
from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.references import photos_given
from agent.serving.results import in_one_sentence
from agent.serving.threads import run_long
from agent.serving.videos_given import is_video, lent, video_given

PictureText = Annotated[
    str,
    Field(
        description="The picture to compare, given as reference is; or a video: steadface://jobs/{job_id}/video.mp4, "
        "or the full path of an mp4 of at most 60 s (not over HTTP)."
    ),
]


class ScoredFrame(BaseModel):
    frame: int
    second: float
    similarity: float | None = Field(description="null where no face was found")


class VideoIdentity(BaseModel):
    identity_skip: float | None = Field(description="mean similarity of the scored frames that show a face")
    identity_zero: float = Field(description="the same with faceless frames counted 0")
    face_rate: float = Field(description="share of scored frames that show a face, 0 to 1")
    good_from: float = Field(description="similarity from which a frame of the curve is well held")
    seconds: float = Field(description="length of the video")
    curve: list[ScoredFrame] = Field(description="similarity over time, in frames evenly spread")


class IdentityScore(BaseModel):
    similarity: float | None = Field(
        description="of the face most alike to the reference's, of a video the mean over its frames that show a face; "
        "null where no face is sure"
    )
    recogniser: str = Field(description="made the similarity; those of different recognisers cannot be compared")
    threshold: float = Field(description="from here on a first frame passes the gate, or a video carries no warning")
    passes: bool = Field(
        description="the similarity reaches the threshold; and of a picture the face is large enough to tell, of a "
        "video nine frames in ten are well held"
    )
    smallest_face: int = Field(description="pixels that the shorter side of the face must have in a picture")
    face_side: float | None = Field(default=None, description="pixels of the shorter side of the face in the picture")
    faces: int | None = Field(default=None, description="faces in the picture that the detector is sure of")
    video: VideoIdentity | None = Field(default=None, description="of a video: its similarity over time")


class ScoreTool:
    def __init__(self, engine: LateEngine, reach: Reach) -> None:
        self._engine = engine
        self._reach = reach

    def tools(self) -> list[Tool]:
        return [Tool.from_function(self.score_identity, title="Compare faces with a photo", annotations=LOOKS)]

    async def score_identity(
        self, reference: ReferenceText, picture: PictureText, face: FaceNumber = None, preset: PresetName = None
    ) -> Annotated[CallToolResult, IdentityScore]:
        """Measure how much the person in a picture or a video is like the one in a photo, as jobs are measured.

        Use it for "does this look like me?", or to measure a video against another photo of the person. It says what
        the recogniser sees, and proves nobody's identity.
        """
        if not picture.strip():
            raise ToolError("The picture is empty; give the path of a picture or a video, or one of a job.")
        compare = self._video if is_video(picture) else self._picture
        with in_one_sentence(self._engine, self._reach):
            score = await run_long(compare, reference, picture, face, preset)
        text = _told_of_video(score, score.video) if score.video else _told(score)
        return CallToolResult(
            content=[TextContent(type="text", text=text)], structured_content=score.model_dump(mode="json")
        )

    def _picture(self, reference: str, picture: str, face: int | None, preset: str | None) -> IdentityScore:
        from agent.scoring import likeness

        settings, engine = self._engine.settings_with(preset=preset), self._engine.get()
        given = [photos_given([text], self._engine, self._reach) for text in (reference, picture)]
        (person, *_), (other, *_) = given
        found = likeness(person, other.image, face, settings.recipe(), engine.ask("scoring"))
        score, limits = found.score, found.recogniser.thresholds
        side = min(score.face.width, score.face.height) if score.face else None
        asked = settings.threshold(limits.first_frame)
        return IdentityScore(
            similarity=score.similarity,
            recogniser=found.recogniser.name,
            threshold=asked,
            passes=(score.similarity or -1) >= asked and (side or 0) >= limits.smallest_face,
            smallest_face=limits.smallest_face,
            face_side=side,
            faces=score.face_count,
        )

    def _video(self, reference: str, picture: str, face: int | None, preset: str | None) -> IdentityScore:
        from agent.scoring import likeness_over_time

        settings, engine = self._engine.settings_with(preset=preset), self._engine.get()
        file = video_given(picture, self._engine, self._reach)
        person, *_ = photos_given([reference], self._engine, self._reach)
        with lent(file, engine.artifacts) as video:
            found = likeness_over_time(person, video, face, settings.recipe(), engine.ask("scoring"))
        score, limits = found.score, found.recogniser.thresholds
        return IdentityScore(
            similarity=score.identity_skip,
            recogniser=found.recogniser.name,
            threshold=limits.video_mean,
            passes=(score.identity_skip or -1) >= limits.video_mean and (score.p10 or -1) >= limits.video_p10,
            smallest_face=limits.smallest_face,
            video=VideoIdentity(
                identity_skip=score.identity_skip,
                identity_zero=score.identity_zero,
                face_rate=score.face_rate,
                good_from=limits.video_p10,
                seconds=found.seconds,
                curve=[
                    ScoredFrame(frame=point.frame, second=point.frame / found.fps, similarity=point.similarity)
                    for point in score.points
                ],
            ),
        )


def _told(score: IdentityScore) -> str:
    found = "no face was found" if score.similarity is None else f"similarity {score.similarity:.3f}"
    verdict = "as alike as a first frame must be" if score.passes else "not as alike as a first frame must be"
    asked = f"{score.recogniser}; {score.threshold:.2f} asked"
    return f"{found} ({asked}): {verdict}. Faces in the picture: {score.faces}"


def _told_of_video(score: IdentityScore, video: VideoIdentity) -> str:
    if video.identity_skip is None:
        return f"No face was found in {len(video.curve)} frames of the video ({score.recogniser})."
    verdict = "the person is held" if score.passes else "the person is not held as they should be"
    curve = ", ".join(
        f"{point.second:.1f} s {'no face' if point.similarity is None else f'{point.similarity:.2f}'}"
        for point in video.curve
    )
    return (
        f"identity_skip {video.identity_skip:.3f} ({score.recogniser}; {score.threshold:.2f} asked), identity_zero "
        f"{video.identity_zero:.3f}, face_rate {video.face_rate:.2f}: {verdict}.\nOver time: {curve}"
    )
