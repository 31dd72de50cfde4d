"""What a job made, as resources: ``steadface://jobs/{job_id}/video.mp4`` and the files and pictures beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.types import Annotations, Resource, Role

from agent.serving.engine import LateEngine
from agent.serving.job_files import FIRST_FRAME, REFERENCE, delivered_file, picture_of
from agent.serving.reach import Reach
from agent.serving.results import job_uri, plainly
from tools.errors import InputError, SteadfaceError

if TYPE_CHECKING:
    from agent.jobs import JobEngine
    from agent.views import JobView

LARGEST_RESOURCE = 700_000
"""Bytes. As base64 it stays below the 1 MiB at which clients break off a message."""

LARGEST_CANDIDATE = 100_000
"""Bytes. A player shows several side by side."""

LISTED = 20
"""Videos in the list of resources."""

VIDEO, PREVIEW, SHEET, REPORT, CANDIDATE = (
    "video.mp4",
    "preview.mp4",
    "contact_sheet.jpg",
    "report.json",
    "candidates/{number}.jpg",
)

_ALL: tuple[Role, ...] = ("user", "assistant")


class TooLargeError(InputError):
    """A file is there, and a message cannot carry it."""


@dataclass(frozen=True)
class _Kind:
    """One resource of every job. ``read`` gets the name with its numbers filled in."""

    name: str
    media: str
    title: str
    description: str
    read: Callable[[JobEngine, Reach, str, str], bytes]
    audience: Sequence[Role] = _ALL
    priority: float = 0.5


def _video(engine: JobEngine, reach: Reach, job_id: str, name: str) -> bytes:
    smaller = f", or read {job_uri(job_id, PREVIEW)}, a smaller copy"
    return _whole(delivered_file(engine, job_id, "video", name), reach, smaller)


def _preview(engine: JobEngine, reach: Reach, job_id: str, name: str) -> bytes:
    from agent.serving.previews import preview_of

    return preview_of(engine, delivered_file(engine, job_id, "video", name), LARGEST_RESOURCE)


def _contact_sheet(engine: JobEngine, reach: Reach, job_id: str, name: str) -> bytes:
    return _whole(delivered_file(engine, job_id, "contact_sheet", name), reach)


def _report(engine: JobEngine, reach: Reach, job_id: str, name: str) -> bytes:
    return _whole(delivered_file(engine, job_id, "report", name), reach)


def _png(engine: JobEngine, reach: Reach, job_id: str, name: str) -> bytes:
    from agent.serving.small_pictures import png_under

    return png_under(engine.artifacts.read(picture_of(engine, job_id, name).image), LARGEST_RESOURCE)


def _candidate(engine: JobEngine, reach: Reach, job_id: str, name: str) -> bytes:
    from agent.serving.small_pictures import jpeg_under

    return jpeg_under(engine.artifacts.read(picture_of(engine, job_id, name).image), LARGEST_CANDIDATE)


def _whole(path: Path, reach: Reach, otherwise: str = "") -> bytes:
    """``otherwise`` ends the sentence about a file that is too large."""
    size = path.stat().st_size
    if size > LARGEST_RESOURCE:
        where = f"open it at {path}" if reach.shows_paths else "it lies on the server"
        raise TooLargeError(f"{path.name} has {size / 1e6:.1f} MB, more than a message can carry; {where}{otherwise}.")
    return path.read_bytes()


_LIMIT = f"{LARGEST_RESOURCE // 1000} KB"

_KINDS = (
    _Kind(
        VIDEO, "video/mp4", "Finished video", f"The video of a job; above {_LIMIT} it is refused.", _video, _ALL, 0.9
    ),
    _Kind(
        PREVIEW,
        "video/mp4",
        "Small copy of the video",
        f"The video of a job; above {_LIMIT} a smaller copy of it, which always fits a message.",
        _preview,
        ("user",),
    ),
    _Kind(
        SHEET,
        "image/jpeg",
        "Contact sheet",
        "Frames of a job's video, or its candidates, each with its identity similarity.",
        _contact_sheet,
        _ALL,
        1.0,
    ),
    _Kind(FIRST_FRAME, "image/png", "First frame", f"What a video is made from, scaled down to {_LIMIT}.", _png),
    _Kind(
        CANDIDATE,
        "image/jpeg",
        "Candidate for the first frame",
        "A first frame that was painted and scored, numbered from 1 through all attempts; also while the job runs.",
        _candidate,
    ),
    _Kind(
        REFERENCE, "image/png", "Photo that was given", f"The photo of a job, scaled down to {_LIMIT}.", _png, _ALL, 0.3
    ),
    _Kind(
        REPORT,
        "application/json",
        "Report",
        "Everything that was planned, tried and measured in a job.",
        _report,
        ("assistant",),
    ),
)


def add_resources(server: MCPServer[None], engine: LateEngine, reach: Reach) -> None:
    for kind in _KINDS:
        _add(server, kind, engine, reach)


def _add(server: MCPServer[None], kind: _Kind, engine: LateEngine, reach: Reach) -> None:
    template = server.resource(
        job_uri("{job_id}", kind.name),
        name=kind.name.replace("/{number}", ""),
        title=kind.title,
        description=kind.description,
        mime_type=kind.media,
        annotations=Annotations(audience=list(kind.audience), priority=kind.priority),
    )

    def sent(job_id: str, name: str) -> bytes:
        try:
            return kind.read(engine.get(), reach, job_id, name)
        except TooLargeError as error:
            raise ResourceError(plainly(str(error), engine, reach)) from None
        except SteadfaceError as error:
            raise ResourceNotFoundError(plainly(str(error), engine, reach)) from None

    def read(job_id: str) -> bytes:
        return sent(job_id, kind.name)

    def read_numbered(job_id: str, number: str) -> bytes:
        return sent(job_id, kind.name.replace("{number}", number))

    template(read_numbered if "{number}" in kind.name else read)


async def newest_videos(engine: LateEngine) -> list[Resource]:
    """The videos made last, the newest first, each as a resource that a message can carry."""

    def look() -> list[Resource]:
        try:
            views = engine.get().views(LISTED, status="completed")
        except SteadfaceError:  # what every call tells; the other resources are listed all the same
            return []
        return [video for view in views if (video := _listed(view)) is not None]

    return await anyio.to_thread.run_sync(look, abandon_on_cancel=True)


def _listed(view: JobView) -> Resource | None:
    path = Path(view.result.video) if view.result else None
    if path is None or not path.is_file():
        return None
    size = path.stat().st_size
    return Resource(
        uri=job_uri(view.job_id, VIDEO if size <= LARGEST_RESOURCE else PREVIEW),
        name=f"{view.job_id}.mp4",
        title=view.prompt[:100],
        description=f"{path.parent.name}: the video of job {view.job_id}",
        mime_type="video/mp4",
        size=size if size <= LARGEST_RESOURCE else None,
        annotations=Annotations(
            audience=["user", "assistant"],
            priority=0.5,
            last_modified=datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(),
        ),
    )
