"""The MCP tools for stages that people ask for alone."""

from __future__ import annotations

from typing import Annotated

import anyio.to_thread
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, Field

from agent.serving.arguments import FaceNumber, PresetName, PromptText, ReferenceText
from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.references import open_reference
from agent.serving.results import in_one_sentence
from agent.settings import load_settings


class SplitPrompt(BaseModel):
    temporal_prompt: str = Field(description="for the video: the whole motion, with the face's expression")
    spatial_prompt: str = Field(description="for the first frame: phrases of face, clothing and place, and the framing")
    framing: str = Field(description="how close the camera is")
    planner: str = Field(description="who split it; rules (…) says why no model did")
    notes: list[str] = Field(description="sentences for the user, such as a language that the planner does not know")


class IdentityScore(BaseModel):
    similarity: float | None = Field(
        description="of the face most alike to the reference's; null where the picture shows none that is sure"
    )
    recogniser: str = Field(description="made the similarity; those of different recognisers cannot be compared")
    threshold: float = Field(description="from here on a first frame passes the gate")
    passes: bool = Field(description="the similarity reaches the threshold, and the face is large enough to tell")
    smallest_face: int = Field(description="pixels that the shorter side of the face must have")
    face_side: float | None = Field(description="pixels of the shorter side of the face")
    faces: int = Field(description="faces in the picture that the detector is sure of")


class StageTools:
    def __init__(self, engine: LateEngine, reach: Reach) -> None:
        self._engine = engine
        self._reach = reach

    def tools(self) -> list[Tool]:
        looks = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
        return [
            Tool.from_function(self.decouple_prompt, title="Split a prompt as a job would", annotations=looks),
            Tool.from_function(self.score_identity, title="Compare the faces of two pictures", annotations=looks),
        ]

    async def score_identity(
        self,
        reference: ReferenceText,
        picture: Annotated[str, Field(description="The picture to compare, given as reference is.")],
        face: FaceNumber = None,
        preset: PresetName = None,
    ) -> Annotated[CallToolResult, IdentityScore]:
        """Measure how much the person in a picture is like the one in a photo, as the gate measures first frames.

        Use it for "does this look like me?". It says what the recogniser sees, and proves nobody's identity.
        """
        with in_one_sentence(self._engine.settings, self._reach):
            score = await anyio.to_thread.run_sync(self._compared, reference, picture, face, preset)
        told = "no face was found" if score.similarity is None else f"similarity {score.similarity:.3f}"
        verdict = "as alike as a first frame must be" if score.passes else "not as alike as a first frame must be"
        text = (
            f"{told} ({score.recogniser}; {score.threshold:.2f} asked): {verdict}. Faces in the picture: {score.faces}"
        )
        return CallToolResult(
            content=[TextContent(type="text", text=text)], structured_content=score.model_dump(mode="json")
        )

    async def decouple_prompt(
        self, prompt: PromptText, preset: PresetName = None
    ) -> Annotated[CallToolResult, SplitPrompt]:
        """Split a prompt as a job would: what the first frame shows, and what happens in the video. Nothing is painted.

        Use it to show the user how their words are understood, before a video is made of them.
        """
        with in_one_sentence(self._engine.settings, self._reach):
            split = await anyio.to_thread.run_sync(self._split, prompt, preset)
        lines = [
            f"First frame: {split.spatial_prompt}",
            f"Video: {split.temporal_prompt}",
            f"Split by: {split.planner}",
            *split.notes,
        ]
        return CallToolResult(
            content=[TextContent(type="text", text="\n".join(lines))], structured_content=split.model_dump(mode="json")
        )

    def _split(self, prompt: str, preset: str | None) -> SplitPrompt:
        from agent.planner.subject import presentation_in
        from agent.requests import checked_prompt

        words, recipe = checked_prompt(prompt), load_settings(preset=preset).recipe()
        planner = self._engine.get().planner_for(recipe)
        plan = planner.decouple(words, presentation_in(words) or "person", seed=0)
        return SplitPrompt(
            temporal_prompt=plan.temporal_prompt,
            spatial_prompt=plan.spatial_prompt,
            framing=plan.framing,
            planner=plan.planner,
            notes=list(plan.notes),
        )

    def _compared(self, reference: str, picture: str, face: int | None, preset: str | None) -> IdentityScore:
        from agent.requests import Photo
        from agent.scoring import likeness

        settings, engine = load_settings(preset=preset), self._engine.get()
        (photo, name), (other, _) = (open_reference(text, settings, self._reach) for text in (reference, picture))
        person = Photo(image=engine.artifacts.put(photo, "png"), name=name)
        found = likeness(person, engine.artifacts.put(other, "png"), face, settings.recipe(), engine.ask("scoring"))
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
