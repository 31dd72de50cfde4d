"""The MCP tools for first frames alone: paint some, and make the video of one."""

from __future__ import annotations

from typing import Annotated, Any

import anyio.to_thread
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult
from pydantic import Field

from agent.serving.answering import answering
from agent.serving.arguments import (
    Again,
    ConsentBasis,
    FaceNumber,
    JobId,
    PresetName,
    ReferenceText,
    Seed,
    WaitSeconds,
    require,
)
from agent.serving.consenting import FirstFrameConsent
from agent.serving.effects import BEGINS
from agent.serving.engine import LateEngine
from agent.serving.following import followed, submitted
from agent.serving.reach import Reach
from agent.serving.references import photos_given
from agent.serving.results import WAIT, VideoJob, in_one_sentence
from agent.serving.threads import run_long
from agent.serving.waiting import Vigil

SpatialPrompt = Annotated[
    str,
    Field(
        description="What the picture shows, as phrases: face, clothing, place, light, and last how close the camera "
        "is. It is painted as it is; decouple_prompt makes one of a sentence."
    ),
]
TemporalPrompt = Annotated[
    str | None,
    Field(description="What happens in the video, used as it is; the job's own when left out."),
]


class FirstFrameTools:
    def __init__(self, engine: LateEngine, reach: Reach) -> None:
        self._engine = engine
        self._reach = reach

    def tools(self) -> list[Tool]:
        paint = answering(
            VideoJob, self.generate_first_frame, title="Paint first frames of a person", annotations=BEGINS
        )
        if not self._engine.consent_stands:
            require(paint, "consent")
        return [
            paint,
            answering(VideoJob, self.animate_first_frame, title="Make the video of a first frame", annotations=BEGINS),
        ]

    async def generate_first_frame(
        self,
        ctx: Context[Any],
        reference: ReferenceText,
        spatial_prompt: SpatialPrompt,
        temporal_prompt: TemporalPrompt = None,
        consent: ConsentBasis = None,
        face: FaceNumber = None,
        candidates: Annotated[int, Field(ge=1, le=8, description="Pictures to paint.")] = 2,
        seed: Seed = None,
        preset: PresetName = None,
        again: Again = False,
        wait_seconds: WaitSeconds = WAIT,
        *,
        stated: FirstFrameConsent,
    ) -> Annotated[CallToolResult, VideoJob]:
        """Paint pictures of the person in a photo from a spatial prompt, once and as it is, and score each of them.

        For those who write their prompts themselves, or compose the stages: decouple_prompt, this, score_identity,
        animate_first_frame. To have the prompt split, judged and revised, call generate_identity_video with
        stop_after="first_frame".
        """
        vigil = Vigil(ctx, wait_seconds)
        await vigil.tell("Taking the photo in")

        def submit() -> tuple[str, bool]:
            from agent.intent import prepare

            settings = self._engine.settings_with(
                preset=preset, candidates=candidates, max_attempts=1, on_gate_failure="best"
            )
            asked = prepare(
                settings,
                prompt=spatial_prompt if temporal_prompt is None else temporal_prompt,
                spatial_prompt=spatial_prompt,
                stop_after="first_frame",
                consent=None if stated else consent,
                source="asserted by client",
                seed=seed,
                out=None,
                face=face,
                saved_consent=stated,
            )
            request = asked.with_stored(photos_given([reference], self._engine, self._reach))
            return submitted(self._engine.get(), request, settings.recipe(), again=again)

        with in_one_sentence(self._engine, self._reach):
            job_id, repeated = await run_long(submit)
            return await followed(vigil, self._engine, self._reach, job_id, repeated=repeated)

    async def animate_first_frame(
        self,
        ctx: Context[Any],
        job_id: JobId,
        candidate: Annotated[int, Field(ge=1, description="The number of the first frame among the job's candidates.")],
        temporal_prompt: TemporalPrompt = None,
        wait_seconds: WaitSeconds = WAIT,
    ) -> Annotated[CallToolResult, VideoJob]:
        """Make the video of a first frame that was painted: the user's choice among a job's candidates.

        Use it after stop_after="first_frame" or generate_first_frame, or to try another candidate of any job, one that
        failed at the gate too. It makes a new job; consent, photo and settings stay.
        """
        vigil = Vigil(ctx, wait_seconds)
        await vigil.tell("Taking the first frame over")
        with in_one_sentence(self._engine, self._reach):
            new = await anyio.to_thread.run_sync(lambda: self._engine.get().animate(job_id, candidate, temporal_prompt))
            return await followed(vigil, self._engine, self._reach, new)
