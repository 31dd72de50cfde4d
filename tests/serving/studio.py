"""What servers that outlive a test work in: a home that each test finds empty, and a photo."""

from __future__ import annotations

import base64
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver import MCPServer
from PIL import Image
from served import housed

from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.server import build_server

if TYPE_CHECKING:
    import pytest

    from agent.jobs import JobEngine

PHOTO = "photo.png"


def photo_in(folder: Path, shade: int = 0) -> Path:
    """A photo in which the instant recogniser finds the person."""
    Image.new("RGB", (320, 240), (210, 180, shade)).save(folder / PHOTO)
    return folder / PHOTO


def data_uri(photo: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(photo.read_bytes()).decode()}"


class Studio:
    """The folder of a server that many tests use."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.photo = folder, folder / PHOTO
        self.home = folder / "home"
        self._photos = 0

    def move_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in housed(self.folder).items():
            monkeypatch.setenv(name, value)

    def empty(self) -> None:
        """Forget what earlier tests did, and lay out another photo: what was said of theirs is still remembered."""
        self._photos += 1
        photo_in(self.folder, self._photos % 256)
        for database in ("jobs.sqlite", "consents.sqlite"):
            if (self.home / database).exists():
                _forget(self.home / database)
        for kept in ("home/artifacts", "home/identities", "home/batches", "home/uploads", "inbox"):
            shutil.rmtree(self.folder / kept, ignore_errors=True)


def _forget(database: Path) -> None:
    with closing(sqlite3.connect(database, timeout=30)) as db, db:
        tables = db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        for (table,) in tables:
            db.execute(f"DELETE FROM {table}")


class KeptEngine(LateEngine):
    """That of a server which ends before its engine does."""

    def __init__(self, engine: JobEngine) -> None:
        super().__init__()
        self._engine = engine

    def close(self) -> None:
        self._closed = True


def beside(engine: JobEngine) -> MCPServer[Any]:
    """A server on stdio for a client in this process, with an engine that others use too."""
    return build_server(KeptEngine(engine), Reach.STDIO)
