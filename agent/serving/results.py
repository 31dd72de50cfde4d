"""The one shape in which a job is told: short text, one picture, one link, and the same facts as data.

Some clients show the model only the data and others only the text, so each holds everything needed to go on.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, ContentBlock, ImageContent, ResourceLink, TextContent
from pydantic import Field

from agent.serving.reach import Reach
from agent.views import CandidateView, Delivered, FirstFrames, JobError, JobView
from tools.errors import SteadfaceError

if TYPE_CHECKING:
    from agent.serving.engine import LateEngine

SCHEME = "steadface"
WAIT = 45
"""Seconds that a call may wait by default: the most impatient clients give up after 60."""

_LARGEST_FAULT = 200_000
"""Bytes that a picture of a fault has at the most."""


class VideoJob(JobView):
    """A job, what it made, and what to do next."""

    message: str = Field(description="what is going on, in one line")
    next_step: str | None = Field(None, description="the call to make next, where there is one")
    video_uri: str | None = Field(None, description="the video as a resource of this server")
    awaits: Literal["candidate"] | None = Field(None, description="what the user is to choose before it can go on")
    repeated: bool = Field(False, description="the job of an earlier call, word for word the same, which goes on")
    question: str | None = Field(None, description="to ask the user, where a follow-up could not be understood")


def job_uri(job_id: str, name: str) -> str:
    return f"{SCHEME}://jobs/{job_id}/{name}"


def job_of(view: JobView, engine: LateEngine, reach: Reach) -> VideoJob:
    """The job as this caller may see it."""
    told = view if reach.shows_paths else _without_folders(view, engine)
    candidates = [
        each.model_copy(update={"uri": job_uri(view.job_id, f"candidates/{each.number}.jpg")})
        for each in told.candidates
    ]
    return VideoJob(
        **told.model_copy(update={"candidates": candidates}).model_dump(),
        message=told.line,
        next_step=_next_step(view),
        video_uri=job_uri(view.job_id, "video.mp4") if view.result else None,
        awaits="candidate" if view.first_frames else None,
    )


def _next_step(view: JobView) -> str | None:
    if view.first_frames is not None:
        return f'let the user choose, then call animate_first_frame(job_id="{view.job_id}", candidate=…)'
    return None if view.ended else f'call get_video_job(job_id="{view.job_id}", wait_seconds={WAIT})'


def result_of(view: JobView, engine: LateEngine, reach: Reach, repeated: bool = False) -> CallToolResult:
    """The result of a call about one job: its text, then the contact sheet and the link, or what shows the fault."""
    job = job_of(view, engine, reach).model_copy(update={"repeated": repeated})
    size = _bytes(Path(view.result.video)) if view.result else None
    content: list[ContentBlock] = [TextContent(type="text", text=_text(job, size))]
    if view.result is not None:
        content += _media(view.job_id, view.result, size)
    if view.first_frames is not None:
        content += _sheet(Path(view.first_frames.contact_sheet))
    if view.error is not None:
        content += [_picture(Path(path)) for path in view.error.attachments.values() if Path(path).is_file()]
    return CallToolResult(
        content=content, structured_content=job.model_dump(mode="json"), is_error=view.status == "failed"
    )


def cancelled(view: JobView, device: str, engine: LateEngine, reach: Reach) -> CallToolResult:
    """The result of a call that cancelled a job; ``device`` tells whether it is free again."""
    job = job_of(view, engine, reach)
    ended = f"Job {job.job_id} is {job.status}" if view.ended else f"Job {job.job_id} is being cancelled"
    told = job.model_copy(update={"message": f"{job.message}. {device}"})
    return CallToolResult(
        content=[TextContent(type="text", text=f"{ended}. {device}")], structured_content=told.model_dump(mode="json")
    )


def asked_back(view: JobView, told: str, question: str, engine: LateEngine, reach: Reach) -> CallToolResult:
    """The result of a follow-up that cannot be understood: the job as it was, and what to ask the user."""
    again = f'ask the user, then call refine_identity_video(job_id="{view.job_id}", instruction=…) again'
    job = job_of(view, engine, reach).model_copy(update={"question": question, "next_step": again})
    text = f"{told} Ask the user: {question}"
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=job.model_dump(mode="json"))


@contextmanager
def in_one_sentence(engine: LateEngine, reach: Reach) -> Iterator[None]:
    """An error of ours as the result of a tool that failed."""
    try:
        yield
    except SteadfaceError as error:
        raise ToolError(plainly(str(error), engine, reach)) from None


def plainly(sentence: str, engine: LateEngine, reach: Reach) -> str:
    """A sentence as this caller may read it: over a network without the folders and the storage of this machine."""
    if reach.shows_paths:
        return sentence
    settings = engine.settings
    if settings.artifacts_url:
        sentence = sentence.replace(settings.artifacts_url.rstrip("/"), "STEADFACE_ARTIFACTS_URL")
    for folder in (settings.home, settings.videos, Path.home()):
        sentence = sentence.replace(str(folder), folder.name)
    return sentence


def _text(job: VideoJob, size: int | None) -> str:
    if job.result is not None:
        return "\n".join(_finished(job, job.result, size))
    if job.first_frames is not None:
        return "\n".join(_painted(job, job.first_frames))
    if job.error is not None:
        attached = [f"{label.replace('_', ' ')}: {path}" for label, path in job.error.attachments.items()]
        return "\n".join([job.error.message, *attached, f"Job: {job.job_id}"])
    understood = f"{job.understood}\n" if job.understood else ""
    if job.next_step is not None:
        again = "This call was made before, and its job goes on; again=true makes another. " if job.repeated else ""
        return f"{understood}{again}Job {job.job_id} is {job.status}: {job.message}.\nNext: {job.next_step}"
    return f"{understood}Job {job.job_id} is {job.status}."


def _finished(job: VideoJob, result: Delivered, size: int | None) -> list[str]:
    attempts = "1 attempt" if result.attempts == 1 else f"{result.attempts} attempts"
    first = "no first frame"
    if result.first_frame is not None:
        verdict = "passed" if result.first_frame_passed else "did not pass"
        first = f"first frame {_figure(result.first_frame_similarity)}, {verdict} the gate, {attempts}"
    sketch = "This is a preview: an animatic whose pixels are a sketch, not a photorealistic video."
    file = "no longer there" if size is None else f"{size / 1e6:.1f} MB"
    return [
        *([job.understood] if job.understood else []),
        *(f"Warning: {warning}" for warning in result.warnings),
        *([sketch] if result.sketch else []),
        f"Video: {result.video} ({result.seconds:.1f} s, {result.width}x{result.height}, {file})",
        f"Report: {result.page}",
        f"Identity similarity ({result.recogniser}): {first}; "
        f"video identity_skip {_figure(result.identity_skip)}, identity_zero {_figure(result.identity_zero)}, "
        f"face_rate {result.face_rate:.2f}",
        *([f"Contact sheet, tile by tile: {_tiles(result)}"] if result.curve else []),
        f"Seed: {result.seed}. Job: {job.job_id}",
    ]


def _tiles(result: Delivered) -> str:
    return ", ".join(
        f"{point.tile} at {point.second:.1f} s {_figure(point.similarity)}" for point in result.curve if point.tile
    )


def _painted(job: VideoJob, painted: FirstFrames) -> list[str]:
    sketch = "These are previews: sketches cut from paper, not photorealistic pictures."
    return [
        *([job.understood] if job.understood else []),
        *(f"Warning: {warning}" for warning in painted.warnings),
        *([sketch] if painted.sketch else []),
        f"First frames to choose from ({painted.recogniser}, {painted.threshold:.2f} asked), in {painted.folder}:",
        *(_candidate(each) for each in job.candidates),
        f"Video prompt: {painted.temporal_prompt}",
        f"Seed: {painted.seed}. Job: {job.job_id}",
        f"Next: {job.next_step}",
    ]


def _candidate(shown: CandidateView) -> str:
    verdict = "passed the gate" if shown.passed else "did not pass"
    choice = ", the gate's choice" if shown.chosen else ""
    fault = f" ({shown.fault.rstrip('.')})" if shown.fault else ""
    return f"{shown.number}. similarity {_figure(shown.similarity)}, {verdict}{choice}{fault}: {shown.file}"


def _figure(similarity: float | None) -> str:
    return "no face" if similarity is None else f"{similarity:.3f}"


def _media(job_id: str, result: Delivered, size: int | None) -> list[ContentBlock]:
    """The contact sheet and the link, as far as the files are still where they were delivered."""
    content: list[ContentBlock] = _sheet(Path(result.contact_sheet))
    if size is not None:
        name = Path(result.video).name
        link = job_uri(job_id, name)
        content.append(ResourceLink(type="resource_link", uri=link, name=name, mime_type="video/mp4", size=size))
    return content


def _sheet(sheet: Path) -> list[ContentBlock]:
    if not sheet.is_file():
        return []
    picture = base64.b64encode(sheet.read_bytes()).decode()
    return [ImageContent(type="image", data=picture, mime_type="image/jpeg")]


def _picture(file: Path) -> ImageContent:
    """A picture as small as a message wants it."""
    from agent.serving.small_pictures import jpeg_under

    small = jpeg_under(file.read_bytes(), _LARGEST_FAULT)
    return ImageContent(type="image", data=base64.b64encode(small).decode(), mime_type="image/jpeg")


def _bytes(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None


def _without_folders(view: JobView, engine: LateEngine) -> JobView:
    """File names alone, for a caller on another machine."""
    result, painted, error = view.result, view.first_frames, view.error
    if result is not None:
        paths = {
            name: getattr(result, name)
            for name in ("folder", "video", "first_frame", "contact_sheet", "report", "page")
        }
        result = result.model_copy(update={name: Path(path).name for name, path in paths.items() if path})
    if painted is not None:
        names = {name: Path(getattr(painted, name)).name for name in ("folder", "contact_sheet")}
        painted = painted.model_copy(update=names)
    if error is not None:
        error = JobError(
            kind=error.kind,
            message=plainly(error.message, engine, Reach.NETWORK),
            attachments={label: Path(path).name for label, path in error.attachments.items()},
        )
    candidates = [each.model_copy(update={"file": Path(each.file).name}) for each in view.candidates]
    return view.model_copy(update={"result": result, "first_frames": painted, "candidates": candidates, "error": error})
