"""One process at a time runs the batch of a folder."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from filelock import FileLock, Timeout

from tools.artifacts import writing_to
from tools.errors import InputError


class FolderLock:
    """The operating system gives it free when its process ends, however that ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = FileLock(folder / ".lock", thread_local=False)

    def take(self, seconds: float = 0) -> None:
        """Wait so long for it; raises ``InputError`` that names the process which has it."""
        if self._lock.is_locked:
            return
        with writing_to(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire(timeout=seconds)
            except Timeout:
                raise InputError(
                    f"The batch in {self._folder} is being run by {self._owner()}; wait for it, or stop it first."
                ) from None
            (self._folder / ".owner").write_text(f"process {os.getpid()} on {socket.gethostname()}")

    def close(self) -> None:
        self._lock.release()

    def _owner(self) -> str:
        try:
            return (self._folder / ".owner").read_text() or "another process"
        except OSError:
            return "another process"
