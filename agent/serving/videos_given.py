"""Videos as MCP clients give them to be scored: that of a job, or an mp4 in a folder that may be read."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from agent.serving.job_files import delivered_file, parsed_uri
from agent.serving.reach import Reach
from agent.serving.references import allowed_path, photo_roots
from agent.serving.results import SCHEME
from tools.errors import InputError

if TYPE_CHECKING:
    from agent.serving.engine import LateEngine
    from tools.artifacts import Artifacts
    from tools.pools.calls import ArtifactId

LARGEST_VIDEO = 200_000_000
"""Bytes."""

_VIDEO = re.compile(r".*\.(mp4|mov|webm|mkv|avi|m4v|gif)", re.IGNORECASE | re.DOTALL)


def is_video(given: str) -> bool:
    return len(given) < 4096 and _VIDEO.fullmatch(given.strip()) is not None


def video_given(given: str, engine: LateEngine, reach: Reach) -> Path:
    """The mp4; raises ``InputError`` for what is none that may be read."""
    given = given.strip()
    if given.startswith(f"{SCHEME}://"):
        job_id, name = parsed_uri(given)
        if name not in ("video.mp4", "preview.mp4"):
            raise InputError(f"{name} is no video of job {job_id}; its video is video.mp4.")
        path = delivered_file(engine.get(), job_id, "video", "video.mp4")
    elif not reach.takes_paths or "://" in given:
        raise InputError(
            f"This server takes no video from there; give that of a job, as {SCHEME}://jobs/{{job_id}}/video.mp4."
        )
    else:
        path = allowed_path(Path(given), [*photo_roots(engine.settings), engine.settings.videos])
    if path.suffix.lower() != ".mp4":
        raise InputError(f"{path.name} is no mp4, and no other video is scored; convert it, and give that.")
    if not path.is_file():
        raise InputError(f"There is no file {path}; give the full path of an mp4 on this computer.")
    if path.stat().st_size > LARGEST_VIDEO:
        raise InputError(f"{path.name} is too large; give a video of at most {LARGEST_VIDEO // 10**6} MB.")
    return path


@contextmanager
def lent(video: Path, artifacts: Artifacts) -> Iterator[ArtifactId]:
    """A copy where workers find it, for the length of the block."""
    owner = f"scoring-{token_hex(8)}"
    with artifacts.new_file("mp4") as draft:
        shutil.copyfile(video, draft)
        copy = artifacts.put_file(draft, "mp4", owner)
    try:
        yield copy
    finally:
        artifacts.drop_job(owner)
