"""Worker processes on this machine, one a queue."""

from __future__ import annotations

import atexit
import itertools
import threading
import time
from collections import deque
from pathlib import Path
from typing import get_args

from tools.contracts import Progress
from tools.errors import BackendError, Cancelled
from tools.pools import CallKey, Closed, Done, wire
from tools.pools.calls import Queue, Request
from tools.pools.process import Died, Process
from tools.pools.worker import log_path

_GLANCE = 0.05
"""Seconds between two looks at whether the caller has cancelled."""


class LocalPool:
    """Implements ``tools.pools.Pool``; a worker starts at its first call, or with ``warm``."""

    def __init__(self, root: Path, cancel_grace: float = 60.0, operations: str = "tools.pools.work:OPERATIONS") -> None:
        """``cancel_grace``: seconds that a worker on a cancelled call has to reach its next report."""
        self._seats = {name: _Seat(name, root, operations, cancel_grace) for name in get_args(Queue)}
        atexit.register(self.close)

    def call(self, request: Request, key: CallKey, report: Progress, cancelled: threading.Event) -> Done:
        return self._seats[request.queue].call(request, key, report, cancelled)

    def warm(self) -> None:
        """Start the workers ahead of need."""
        for seat in self._seats.values():
            seat.warm()

    def busy(self) -> bool:
        return any(seat.busy() for seat in self._seats.values())

    def close(self) -> None:
        """End the workers; a call that still runs raises ``Closed``."""
        atexit.unregister(self.close)
        for seat in self._seats.values():
            seat.close()


class _Turns:
    """One caller at a time, in the order in which they came."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._callers: deque[object] = deque()

    def take(self, cancelled: threading.Event) -> None:
        """Wait for the turn; ``Cancelled`` if the caller gives up before it comes."""
        me = object()
        with self._changed:
            self._callers.append(me)
            while self._callers[0] is not me:
                self._changed.wait(_GLANCE)
                if cancelled.is_set():
                    self._callers.remove(me)
                    self._changed.notify_all()
                    raise Cancelled("The job was cancelled.")

    def give_back(self) -> None:
        with self._changed:
            self._callers.popleft()
            self._changed.notify_all()

    def taken(self) -> bool:
        with self._changed:
            return bool(self._callers)


class _Seat:
    """One queue: its callers in turn, and the process that works for them."""

    def __init__(self, name: str, root: Path, operations: str, cancel_grace: float) -> None:
        self._name = name
        self._root = root
        self._operations = operations
        self._cancel_grace = cancel_grace
        self._turns = _Turns()
        self._numbers = itertools.count(1)
        self._working_on: int | None = None
        self._starting = threading.Lock()
        self._process: Process | None = None
        self._closed = False

    def call(self, request: Request, key: CallKey, report: Progress, cancelled: threading.Event) -> Done:
        begun = time.monotonic()
        self._turns.take(cancelled)
        try:
            answer, notes = self._ask_twice(request, key, report, cancelled)
        except BaseException:
            self._leave()
            raise
        self._turns.give_back()
        reply = request.reply.model_validate_json(answer.reply)
        return Done(reply, time.monotonic() - begun, (*notes, *answer.notes))

    def warm(self) -> None:
        self._living_process()

    def busy(self) -> bool:
        return self._turns.taken()

    def close(self) -> None:
        with self._starting:
            self._closed = True
        if self._process is not None:
            self._process.end()

    def _ask_twice(
        self, request: Request, key: CallKey, report: Progress, cancelled: threading.Event
    ) -> tuple[wire.Answered, tuple[str, ...]]:
        """The answer, and what there is to note of the worker: one that dies is replaced, and asked again once."""
        try:
            return self._ask(request, key, report, cancelled), ()
        except Died as death:
            note = (
                f"The {self._name} worker died ({death}) during {request.operation} and was replaced; "
                "the call was run again."
            )
        try:
            return self._ask(request, key, report, cancelled), (note,)
        except Died as death:
            short = "; the machine may be short of memory" if str(death) == "signal 9" else ""
            raise BackendError(
                f"The {self._name} worker died twice during {request.operation} ({death}){short}; "
                f"the details are in {log_path(self._root, self._name)}"
            ) from death

    def _ask(self, request: Request, key: CallKey, report: Progress, cancelled: threading.Event) -> wire.Answered:
        process = self._living_process()
        number = self._working_on = next(self._numbers)
        process.say(wire.Call(number=number, key=key, operation=request.operation, request=request.model_dump_json()))
        try:
            while True:
                if cancelled.is_set():
                    raise Cancelled("The job was cancelled.")
                match process.hear(_GLANCE):
                    case wire.Reported(number=about) as news if about == number:
                        report(news.done, news.total, news.message)
                    case wire.Answered(number=about) as answer if about == number:
                        self._working_on = None
                        return answer
                    case wire.Failed(number=about) as failed if about == number:
                        self._working_on = None
                        raise wire.error_of(failed)
        except Died:
            self._working_on = None
            if self._closed:
                raise Closed("The pool was closed.") from None
            raise

    def _living_process(self) -> Process:
        with self._starting:
            if self._closed:
                raise Closed("The pool was closed.")
            if self._process is None or not self._process.alive:
                self._process = Process(self._name, self._root, self._operations)
            return self._process

    def _leave(self) -> None:
        """Give the turn back, but not before the worker is off the call."""
        if self._working_on is None or self._process is None:
            self._turns.give_back()
            return
        self._process.say(wire.Cancel(number=self._working_on))
        threading.Thread(
            target=self._see_off, args=(self._process, self._working_on), name=f"{self._name} cancel", daemon=True
        ).start()

    def _see_off(self, process: Process, number: int) -> None:
        """Wait for the end of a cancelled call, and kill its worker when the grace is over."""
        patience = time.monotonic() + self._cancel_grace
        try:
            while (left := patience - time.monotonic()) > 0:
                match process.hear(left):
                    case wire.Answered(number=about) | wire.Failed(number=about) if about == number:
                        return
            process.kill()
        except Died:
            pass
        finally:
            self._working_on = None
            self._turns.give_back()
