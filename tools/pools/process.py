"""One worker process, as its owner sees it."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from tools.artifacts import private_folder, writing_to
from tools.pools import wire
from tools.pools.calls import Message
from tools.pools.connection import Died
from tools.pools.worker import log_path

_FAREWELL = 2.0
"""Seconds that a worker has to end by itself once its pipe is closed."""

_LONGEST_LOG = 4_000_000
"""Bytes; a longer log is begun anew when its worker starts."""


class Process:
    """Implements ``Connection``. A thread reads what it says, so that its pipe is never full and its end is noticed."""

    def __init__(self, name: str, root: Path, operations: str, artifacts_url: str | None = None) -> None:
        self.log = log_path(root, name)
        self._popen, self._lifeline = _start(name, root, operations, artifacts_url)
        self._heard: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name=f"{name} worker", daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def ready(self) -> bool:
        """What is said to a process that still starts waits in its pipe."""
        return True

    def say(self, message: Message) -> None:
        assert self._popen.stdin
        with suppress(OSError, ValueError):
            self._popen.stdin.write(wire.line(message))
            self._popen.stdin.flush()

    def hear(self, seconds: float) -> Message | None:
        try:
            message = self._heard.get(timeout=seconds)
        except queue.Empty:
            return None
        if message is None:
            self._heard.put(None)
            code = self._popen.wait()
            raise Died(f"signal {-code}" if code < 0 else f"exit code {code}")
        return message

    def end(self) -> None:
        """Close its pipe, which ends it, and wait for that."""
        assert self._popen.stdin
        with suppress(OSError):
            self._popen.stdin.close()
        self._reader.join(_FAREWELL)
        self.kill()

    def kill(self) -> None:
        """End it now, with the processes that it started."""
        if sys.platform == "win32":
            self._popen.kill()
        elif self.alive:
            with suppress(ProcessLookupError):
                os.killpg(self._popen.pid, signal.SIGKILL)
        self._reader.join()

    def _read(self) -> None:
        assert self._popen.stdin
        assert self._popen.stdout
        for line in self._popen.stdout:
            if line.endswith(b"\n"):  # the last one of a killed process may be torn
                self._heard.put(wire.FromWorker.validate_json(line))
        self._popen.wait()
        self._popen.stdout.close()
        with suppress(OSError):
            self._popen.stdin.close()
        if self._lifeline is not None:
            os.close(self._lifeline)
        self._heard.put(None)


def _start(
    name: str, root: Path, operations: str, artifacts_url: str | None
) -> tuple[subprocess.Popen[bytes], int | None]:
    """The process, and the end of its lifeline that only this process holds (Linux)."""
    command = [sys.executable, "-P", "-m", "tools.pools.worker"]
    command += ["--name", name, "--root", str(root), "--operations", operations]
    if artifacts_url:
        command += ["--artifacts-url", artifacts_url]
    lifeline, ours = os.pipe() if sys.platform == "linux" else (None, None)
    if lifeline is not None:
        command += ["--lifeline", str(lifeline)]
    log = _open_log(root, name)
    try:
        popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},  # it imports what its owner does
            pass_fds=() if lifeline is None else (lifeline,),
            start_new_session=True,  # Ctrl-C at the terminal is for its owner to answer
        )
    finally:
        os.close(log)
        if lifeline is not None:
            os.close(lifeline)
    return popen, ours


def _open_log(root: Path, name: str) -> int:
    path = log_path(root, name)
    with writing_to(root):
        private_folder(path.parent)
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    if os.fstat(log).st_size > _LONGEST_LOG:
        os.ftruncate(log, 0)
    return log
