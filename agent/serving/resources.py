"""What a job made, as resources: ``steadface://jobs/{job_id}/video.mp4`` and the files beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.results import job_uri, plainly
from tools.errors import SteadfaceError

LARGEST_RESOURCE = 700_000
"""Bytes. As base64 it stays below the 1 MiB at which clients break off a message."""


@dataclass(frozen=True)
class _File:
    """``field`` is where a finished job's ``Delivered`` holds its path."""

    name: str
    field: str
    media: str
    title: str


_FILES = (
    _File("video.mp4", "video", "video/mp4", "The finished video"),
    _File("first_frame.png", "first_frame", "image/png", "The first frame that the video was made from"),
    _File("contact_sheet.jpg", "contact_sheet", "image/jpeg", "Frames of the video with their identity similarity"),
    _File("report.json", "report", "application/json", "Everything that was planned, tried and measured"),
)


def add_resources(server: MCPServer[None], engine: LateEngine, reach: Reach) -> None:
    for file in _FILES:
        _add(server, file, engine, reach)


def _add(server: MCPServer[None], file: _File, engine: LateEngine, reach: Reach) -> None:
    @server.resource(
        job_uri("{job_id}", file.name),
        name=file.name,
        title=file.title,
        description=f"{file.title}, of one job. Larger than {LARGEST_RESOURCE // 1000} KB it is not sent.",
        mime_type=file.media,
    )
    def read(job_id: str) -> bytes:
        try:
            path = _delivered(engine, job_id, file)
            return _small_enough(path, reach)
        except SteadfaceError as error:
            raise ResourceNotFoundError(plainly(str(error), engine.settings, reach)) from None


def _delivered(engine: LateEngine, job_id: str, file: _File) -> Path:
    """The file that a job delivered; ``ResourceNotFoundError`` where it made none, or it was moved since."""
    view = engine.get().view(job_id)
    path = getattr(view.result, file.field, None)
    if path is None:
        raise ResourceNotFoundError(f"Job {job_id} has no {file.name}: it is {view.status}.")
    if not Path(path).is_file():
        raise ResourceNotFoundError(f"The {file.name} of job {job_id} is no longer where it was delivered.")
    return Path(path)


def _small_enough(path: Path, reach: Reach) -> bytes:
    size = path.stat().st_size
    if size > LARGEST_RESOURCE:
        where = f"; open it at {path}" if reach.shows_paths else " and lies on the server"
        raise ResourceError(f"{path.name} has {size / 1e6:.1f} MB, more than a message can carry{where}.")
    return path.read_bytes()
