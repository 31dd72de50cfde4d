"""Operations for the tests of the pool; they run inside real worker processes."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from pathlib import Path
from typing import ClassVar

from tools import errors
from tools.notes import note
from tools.pools.calls import ArtifactId, Backend, Message, Request


class Worked(Message):
    pid: int
    begun: float
    ended: float


class Work(Request):
    """Report ``steps`` times, ``pause`` seconds apart, and note ``sentence`` each time."""

    operation: ClassVar[str] = "work"
    queue: ClassVar[str] = "render"
    reply: ClassVar[type[Message]] = Worked

    steps: int = 1
    pause: float = 0.0
    sentence: str | None = None


class QuickWork(Work):
    operation: ClassVar[str] = "quick_work"
    queue: ClassVar[str] = "quick"


class Babble(Work):
    """Print to standard output as libraries do, from Python and from C."""

    operation: ClassVar[str] = "babble"


class Compute(Work):
    """Compute for ``pause`` seconds without a report, ``in_c`` without letting go of the interpreter's lock."""

    operation: ClassVar[str] = "compute"

    in_c: bool = False


class Die(Work):
    """Die, unless ``times`` workers have already died here."""

    operation: ClassVar[str] = "die"

    tally: str
    times: int
    how: int = signal.SIGKILL


class Fail(Work):
    operation: ClassVar[str] = "fail"

    error: str


class Written(Message):
    artifact: ArtifactId


class Write(Request):
    """Keep ``text`` as an artifact, ``pause`` seconds later, and leave a mark in ``tally`` each time."""

    operation: ClassVar[str] = "write"
    queue: ClassVar[str] = "render"
    reply: ClassVar[type[Message]] = Written

    text: str
    tally: str
    pause: float = 0.0


class Cut(Message):
    said: str
    backends_made: int


class CutWith(Request):
    """Ask a matting backend for its ``motto``, twice."""

    operation: ClassVar[str] = "cut_with"
    queue: ClassVar[str] = "quick"
    reply: ClassVar[type[Message]] = Cut

    backend: Backend


def work(request: Work, bench):
    begun = time.time()
    for step in range(request.steps):
        bench.report(step + 1, request.steps, f"step {step + 1}")
        if request.sentence:
            note(request.sentence)
        time.sleep(request.pause)
    return Worked(pid=os.getpid(), begun=begun, ended=time.time())


def babble(request: Babble, bench):
    print('{"say": "answered", "number": 1, "reply": "nonsense"}')  # noqa: T201
    os.write(1, b"noise from C\n")
    sys.__stdout__.write("more noise\n")
    return work(request, bench)


def compute(request: Compute, bench):
    bench.report(0, 1, str(os.getpid()))
    until = time.time() + request.pause
    while time.time() < until:
        if request.in_c:
            pow(7, 10**9)
    return work(request, bench)


def die(request: Die, bench):
    tally = Path(request.tally)
    before = len(tally.read_text()) if tally.exists() else 0
    if before < request.times:
        tally.write_text("x" * (before + 1))
        os.kill(os.getpid(), request.how)
    return work(request, bench)


def fail(request: Fail, bench):
    made = {
        "InputError": lambda: errors.InputError("There is no face.", {"picture": "0" * 64 + ".png"}),
        "Unavailable": lambda: errors.Unavailable("There is no GPU."),
        "StorageAway": lambda: errors.StorageAway("Nobody answers."),
        "BackendError": lambda: errors.BackendError("The model broke."),
        "ValueError": lambda: ValueError("two\nlines"),
        "MemoryError": MemoryError,
        "disk full": lambda: OSError(errno.ENOSPC, "No space left on device"),
    }
    raise made[request.error]()


def write(request: Write, bench):
    time.sleep(request.pause)
    note("Written.")
    with Path(request.tally).open("a") as tally:
        tally.write("x")
    return Written(artifact=bench.artifacts.put(request.text.encode(), "txt"))


def cut_with(request: CutWith, bench):
    assert bench.backend("matting", request.backend) is bench.backend("matting", request.backend)
    backend = bench.backend("matting", request.backend)
    return Cut(said=backend.motto, backends_made=type(backend).made)


OPERATIONS = {
    "work": work,
    "quick_work": work,
    "babble": babble,
    "compute": compute,
    "die": die,
    "fail": fail,
    "write": write,
    "cut_with": cut_with,
}
