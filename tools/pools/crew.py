"""The workers of one queue, and the callers who wait for one of them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from tools.errors import Cancelled, Unavailable
from tools.pools import Closed
from tools.pools.connection import Connection

GLANCE = 0.05
"""Seconds between two looks at whether the caller has cancelled."""


@dataclass(frozen=True)
class Overdue:
    """How long a caller waits while there are no workers but starting ones, and what it is then told."""

    seconds: float
    message: str


class Crew:
    """Between ``least`` and ``most`` workers, each with one call at a time; callers are served as they came.

    ``start(place)`` starts a worker and does not wait until it is ready; places are counted from 0, and one that
    became free is given again.
    """

    def __init__(
        self, start: Callable[[int], Connection], most: int = 1, least: int = 0, overdue: Overdue | None = None
    ) -> None:
        self._start, self._most, self._least, self._overdue = start, most, least, overdue
        self._changed = threading.Condition()
        self._callers: deque[object] = deque()
        self._places: dict[Connection, int] = {}
        self._starting: list[Connection] = []
        self._idle: list[tuple[Connection, float]] = []  # with the time from which; the one used last at the end
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    def fill(self) -> None:
        """Start workers up to the least, ahead of need."""
        with self._changed:
            while not self._closed and len(self._places) < self._least:
                self._starting.append(self._new())

    def take(self, cancelled: threading.Event, first: bool = False) -> Connection:
        """Wait for a worker; ``Cancelled`` if the caller gives up before there is one.

        ``first`` goes before all others: it is for who was served already, by a worker that died.
        """
        me = object()
        with self._changed:
            (self._callers.appendleft if first else self._callers.append)(me)
            try:
                return self._served(me, cancelled)
            finally:
                self._callers.remove(me)
                self._changed.notify_all()

    def give_back(self, worker: Connection) -> None:
        with self._changed:
            self._idle.append((worker, time.monotonic()))
            self._changed.notify_all()

    def dismiss(self, worker: Connection) -> None:
        """Have a taken worker killed instead of given back."""
        worker.kill()
        with self._changed:
            self._places.pop(worker, None)
            self._changed.notify_all()

    def taken(self) -> bool:
        with self._changed:
            return bool(self._callers) or self._working() > 0

    def trim(self, seconds: float) -> None:
        """End the workers beyond ``least`` that nobody has needed for so long."""
        with self._changed:
            if self._callers or self._closed:
                return
            unneeded = [worker for worker, since in self._idle if since < time.monotonic() - seconds]
            surplus = [*self._starting, *unneeded][: max(0, len(self._places) - self._least)]
            for worker in surplus:
                self._forget(worker)
        for worker in surplus:
            worker.end()

    def close(self) -> None:
        """End the workers; whoever waits gets ``Closed``, whoever has one hears that it died."""
        with self._changed:
            self._closed = True
            workers = list(self._places)
            self._changed.notify_all()
        for worker in workers:
            worker.end()

    def _served(self, me: object, cancelled: threading.Event) -> Connection:
        begun = time.monotonic()
        while True:
            if self._closed:
                raise Closed("The pool was closed.")
            if self._callers[0] is me:
                self._greet()
                if self._idle:
                    return self._idle.pop()[0]
                if len(self._places) < self._most and len(self._starting) < len(self._callers):
                    self._starting.append(self._new())
                    continue
                if self._overdue and not self._working() and time.monotonic() - begun > self._overdue.seconds:
                    raise Unavailable(self._overdue.message)
            self._changed.wait(GLANCE)
            if cancelled.is_set():
                raise Cancelled("The job was cancelled.")

    def _greet(self) -> None:
        """Take up who has started, and let go of who has ended meanwhile."""
        for worker in [worker for worker in (*self._starting, *(idle for idle, _ in self._idle)) if not worker.alive]:
            self._forget(worker)
        for worker in list(self._starting):
            try:
                ready = worker.ready()
            except Unavailable:
                self._forget(worker)
                raise
            if ready:
                self._starting.remove(worker)
                self._idle.append((worker, time.monotonic()))

    def _new(self) -> Connection:
        place = next(place for place in range(self._most) if place not in self._places.values())
        worker = self._start(place)
        self._places[worker] = place
        return worker

    def _forget(self, worker: Connection) -> None:
        del self._places[worker]
        self._idle = [(other, since) for other, since in self._idle if other is not worker]
        with suppress(ValueError):
            self._starting.remove(worker)

    def _working(self) -> int:
        return len(self._places) - len(self._idle) - len(self._starting)
