"""The tools of the MCP server. Each answers within its wait; jobs live in the engine and outlive the call."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, Any

import anyio.to_thread
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from agent import VERSION
from agent.serving.answering import answering
from agent.serving.arguments import (
    Again,
    ConsentBasis,
    FaceNumber,
    Instruction,
    JobId,
    MoreReferences,
    OnGateFailure,
    PresetName,
    PromptText,
    ReferenceText,
    Seed,
    StopAfter,
    WaitSeconds,
    require,
)
from agent.serving.consenting import VideoConsent
from agent.serving.effects import BEGINS, ENDS, LOOKS
from agent.serving.engine import LateEngine
from agent.serving.following import followed, submitted
from agent.serving.job_list import JobList, job_list
from agent.serving.reach import Reach
from agent.serving.references import photos_given
from agent.serving.results import WAIT, VideoJob, asked_back, cancelled, in_one_sentence
from agent.serving.threads import run_long
from agent.serving.waiting import Vigil

if TYPE_CHECKING:
    from agent.jobs import JobEngine
    from agent.views import JobView


class ServerInfo(BaseModel):
    version: str
    presets: dict[str, list[str]] = Field(description="what each preset is missing here; empty where it is ready")
    default_preset: str
    better_preset: str | None = Field(
        description="where the default preset only sketches: the one that would fit on the GPU here, by an estimate"
    )
    unfinished_jobs: int = Field(description="jobs that run or wait, of all callers")
    queue_paused: bool = Field(description="no waiting job is begun until resume_queue is called")
    device_busy: bool = Field(description="a worker of this server is on a call")
    videos: str | None = Field(description="folder that finished videos are placed in")


class VideoTools:
    def __init__(self, engine: LateEngine, reach: Reach) -> None:
        self._engine = engine
        self._reach = reach

    def tools(self) -> list[Tool]:
        generate = answering(
            VideoJob, self.generate_identity_video, title="Make a video of a person", annotations=BEGINS
        )
        if not self._engine.consent_stands:
            require(generate, "consent")
        return [
            generate,
            answering(
                VideoJob,
                self.refine_identity_video,
                title="Change a video by a follow-up in plain words",
                annotations=BEGINS,
            ),
            answering(VideoJob, self.get_video_job, title="Look at a video job, or wait for it", annotations=LOOKS),
            answering(VideoJob, self.cancel_video_job, title="Cancel a video job", annotations=ENDS),
            answering(JobList, self.list_video_jobs, title="List video jobs", annotations=LOOKS),
            Tool.from_function(self.server_info, title="What this server can do", annotations=LOOKS),
        ]

    async def generate_identity_video(
        self,
        ctx: Context[Any],
        reference: ReferenceText,
        prompt: PromptText,
        consent: ConsentBasis = None,
        more_references: MoreReferences = [],  # noqa: B006 - never changed
        face: FaceNumber = None,
        seed: Seed = None,
        preset: PresetName = None,
        on_gate_failure: OnGateFailure = None,
        stop_after: StopAfter = None,
        again: Again = False,
        wait_seconds: WaitSeconds = WAIT,
        *,
        stated: VideoConsent,
    ) -> Annotated[CallToolResult, VideoJob]:
        """Make a short video of the person in a photo doing what the prompt says, and measure that it is still them.

        Use it for "make a video of me (photo) surfing at dawn". The preset preview makes an animatic: a sketch for
        storyboards and trials, which must be called that when it is shown. Returns the finished video with its
        identity similarity and a contact sheet, or, after wait_seconds, status "running" with a job_id for
        get_video_job. The job outlives the call, and the same call again while it is unfinished returns that job.
        """
        vigil = Vigil(ctx, wait_seconds)
        await vigil.tell("Taking the photo in")

        def submit() -> tuple[str, bool]:
            from agent.intent import prepare

            settings = self._engine.settings_with(preset=preset, on_gate_failure=on_gate_failure)
            asked = prepare(
                settings,
                prompt=prompt,
                consent=None if stated else consent,
                source="asserted by client",
                seed=seed,
                out=None,
                face=face,
                stop_after=stop_after,
                saved_consent=stated,
            )
            photos = photos_given([reference, *more_references], self._engine, self._reach)
            return submitted(self._engine.get(), asked.with_stored(photos), settings.recipe(), again=again)

        with self._in_one_sentence():
            job_id, repeated = await run_long(submit)
            return await followed(vigil, self._engine, self._reach, job_id, repeated=repeated)

    async def refine_identity_video(
        self, ctx: Context[Any], job_id: JobId, instruction: Instruction, wait_seconds: WaitSeconds = WAIT
    ) -> Annotated[CallToolResult, VideoJob]:
        """Change a video that was made, or is being made, by what the user says next: "slower, and let her smile",
        "at night", "closer", "another take", "undo that".

        It makes a new job that keeps what the follow-up does not change (for another motion the first frame) and says
        what it kept; a job that still runs is stopped. Consent, photo and settings stay. When it cannot know what is
        meant, the answer is a question to pass on to the user, and nothing was changed.
        """
        vigil = Vigil(ctx, wait_seconds)
        await vigil.tell("Reading the follow-up")
        with self._in_one_sentence():
            refined = await run_long(lambda: self._engine.get().refine(job_id, instruction))
            if refined.job_id is not None:
                return await followed(vigil, self._engine, self._reach, refined.job_id, told=refined.told)
            view = await anyio.to_thread.run_sync(self._engine.get().view, job_id)
            return asked_back(view, refined.told, refined.question or "", self._engine, self._reach)

    async def get_video_job(
        self, ctx: Context[Any], job_id: JobId, wait_seconds: WaitSeconds = 0
    ) -> Annotated[CallToolResult, VideoJob]:
        """Look at a job: the finished video with its scores, or what it is doing now.

        With wait_seconds=45 it waits for the end, which saves asking again and again.
        """
        with self._in_one_sentence():
            return await followed(Vigil(ctx, wait_seconds), self._engine, self._reach, job_id)

    async def cancel_video_job(self, job_id: JobId) -> Annotated[CallToolResult, VideoJob]:
        """Stop a job that waits or runs, and say whether the GPU is free again; one that has ended stays as it is."""

        def cancel() -> CallToolResult:
            engine = self._engine.get()
            over = engine.row(job_id).status in ("completed", "failed")
            view = engine.cancel(job_id)
            told = "It had ended before, and stays as it is." if over else _device(engine, view)
            return cancelled(view, told, self._engine, self._reach)

        with self._in_one_sentence():
            return await anyio.to_thread.run_sync(cancel)

    async def list_video_jobs(
        self, limit: Annotated[int, Field(ge=1, le=100, description="Jobs at the most.")] = 20
    ) -> Annotated[CallToolResult, JobList]:
        """List the newest jobs with their status, prompt and, where finished, video and scores."""

        def look() -> JobList:
            return job_list(self._engine.get().views(limit), self._engine, self._reach)

        with self._in_one_sentence():
            found = await anyio.to_thread.run_sync(look)
        lines = [f"{job.job_id}  {job.status}  {job.prompt[:80]}" for job in found.jobs]
        if found.left_out:
            lines.append(f"Older jobs that this answer had no room for: {found.left_out}")
        return _result("\n".join(lines) or "There are no jobs yet.", found)

    async def server_info(self) -> Annotated[CallToolResult, ServerInfo]:
        """Tell the version, which presets can run here and what the others are missing, and how long the queue is."""
        from agent.gpus import first_gpu
        from agent.memory_plan import better_preset, recommendation

        def look() -> ServerInfo:
            engine = self._engine.get()
            return ServerInfo(
                version=VERSION,
                presets=engine.readiness(),
                default_preset=engine.settings.preset,
                better_preset=better_preset(engine.settings, first_gpu()),
                unfinished_jobs=engine.store.unfinished(),
                queue_paused=engine.store.paused(),
                device_busy=engine.device_busy(),
                videos=str(engine.settings.videos) if self._reach.shows_paths else None,
            )

        with self._in_one_sentence():
            info = await anyio.to_thread.run_sync(look)
        lines = [
            f"Steadface {info.version}; unfinished jobs: {info.unfinished_jobs}"
            + (", and the queue is paused" if info.queue_paused else ""),
            *(f"preset {name}: {' '.join(missing) or 'ready'}" for name, missing in info.presets.items()),
            *([recommendation(info.better_preset)] if info.better_preset else []),
        ]
        return _result("\n".join(lines), info)

    def _in_one_sentence(self) -> AbstractContextManager[None]:
        return in_one_sentence(self._engine, self._reach)


def _device(engine: JobEngine, view: JobView) -> str:
    if engine.row(view.job_id).started is None:
        return "It had not begun."
    if not engine.device_here():
        return "Another Steadface process of this user drives the device."
    if view.ended and engine.store.count_by_status().get("running"):
        return "The device goes on with another job."
    if not engine.device_busy():
        return "The device is free."
    grace = engine.settings.cancel_grace
    return f"The device is still finishing a step; within {grace:.0f} s it is free or its worker is stopped."


def _result(text: str, data: BaseModel) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=data.model_dump(mode="json")
    )
