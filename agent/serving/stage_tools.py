"""The MCP tool that splits a prompt, and nothing more."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from agent.serving.arguments import PresetName, PromptText
from agent.serving.effects import LOOKS
from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.results import in_one_sentence
from agent.serving.threads import run_long


class SplitPrompt(BaseModel):
    temporal_prompt: str = Field(description="for the video: the whole motion, with the face's expression")
    spatial_prompt: str = Field(description="for the first frame: phrases of face, clothing and place, and the framing")
    framing: str = Field(description="how close the camera is")
    planner: str = Field(description="who split it; rules (…) says why no model did")
    notes: list[str] = Field(description="sentences for the user, such as a language that the planner does not know")


class StageTools:
    def __init__(self, engine: LateEngine, reach: Reach) -> None:
        self._engine = engine
        self._reach = reach

    def tools(self) -> list[Tool]:
        return [Tool.from_function(self.decouple_prompt, title="Split a prompt as a job would", annotations=LOOKS)]

    async def decouple_prompt(
        self, prompt: PromptText, preset: PresetName = None
    ) -> Annotated[CallToolResult, SplitPrompt]:
        """Split a prompt as a job would: what the first frame shows, and what happens in the video. Nothing is painted.

        Use it to show the user how their words are understood, before a video is made of them.
        """
        with in_one_sentence(self._engine, self._reach):
            split = await run_long(self._split, prompt, preset)
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

        words, recipe = checked_prompt(prompt), self._engine.settings_with(preset=preset).recipe()
        planner = self._engine.get().planner_for(recipe)
        plan = planner.decouple(words, presentation_in(words) or "person", seed=0)
        return SplitPrompt(
            temporal_prompt=plan.temporal_prompt,
            spatial_prompt=plan.spatial_prompt,
            framing=plan.framing,
            planner=plan.planner,
            notes=list(plan.notes),
        )
