"""A job's video as small as a message can carry, made once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tools.artifacts import write_whole
from tools.pools.calls import ShrinkReply, ShrinkVideo

if TYPE_CHECKING:
    from agent.jobs import JobEngine


def preview_of(engine: JobEngine, video: Path, most: int) -> bytes:
    """The mp4 itself where it has at most ``most`` bytes, else a smaller copy; blocks while a worker makes it."""
    data = video.read_bytes()
    if len(data) <= most:
        return data
    home = engine.settings.home
    original = engine.artifacts.put(data, "mp4")
    noted = home / "previews" / original
    if noted.is_file() and engine.artifacts.exists(made := noted.read_text()):
        return engine.artifacts.read(made)
    made = engine.ask("preview")(ShrinkVideo(video=original, most_bytes=most), ShrinkReply).video
    write_whole(noted, made.encode(), home)
    return engine.artifacts.read(made)
