"""A pool that asks the workers of its queues."""

from __future__ import annotations

import atexit
import itertools
import threading
import time
from collections.abc import Mapping

from tools.contracts import Progress
from tools.errors import BackendError, Cancelled
from tools.pools import CallKey, Closed, Done, wire
from tools.pools.calls import Queue, Request
from tools.pools.connection import Connection, Died, Lost
from tools.pools.crew import GLANCE, Crew


class QueuedPool:
    """Implements ``tools.pools.Pool`` over one crew a queue."""

    def __init__(self, crews: Mapping[Queue, Crew], cancel_grace: float, retry_for: float) -> None:
        """``cancel_grace``: seconds that a worker on a cancelled call has to reach its next report.

        ``retry_for``: seconds from its begin in which a call whose machine is lost is run again.
        """
        self._crews = crews
        self._cancel_grace = cancel_grace
        self._retry_for = retry_for
        self._numbers = itertools.count(1)
        atexit.register(self.close)

    def call(self, request: Request, key: CallKey, report: Progress, cancelled: threading.Event) -> Done:
        begun = time.monotonic()
        notes: list[str] = []
        deaths = 0
        while True:
            worker = self._crews[request.queue].take(cancelled, first=bool(notes))
            try:
                answer = self._ask(worker, request, key, report, cancelled)
            except Lost as loss:
                if time.monotonic() - begun > self._retry_for:
                    raise BackendError(_in_vain(request, loss, worker)) from loss
                notes.append(_note(request, loss))
            except Died as death:
                deaths += 1
                if deaths == 2:
                    raise BackendError(_in_vain(request, death, worker)) from death
                notes.append(_note(request, death))
            else:
                reply = request.reply.model_validate_json(answer.reply)
                return Done(reply, time.monotonic() - begun, (*notes, *answer.notes), len(notes), answer.usage)

    def busy(self) -> bool:
        return any(crew.taken() for crew in self._crews.values())

    def close(self) -> None:
        """End the workers; a call that still runs raises ``Closed``."""
        atexit.unregister(self.close)
        for crew in self._crews.values():
            crew.close()

    def _ask(
        self, worker: Connection, request: Request, key: CallKey, report: Progress, cancelled: threading.Event
    ) -> wire.Answered:
        """The answer. The worker goes back to its crew, at once or when it is off the call."""
        crew, number = self._crews[request.queue], next(self._numbers)
        call = wire.Call(number=number, key=key, operation=request.operation, request=request.model_dump_json())
        worker.say(call)
        try:
            ended = self._end_of(worker, number, report, cancelled)
        except Died:
            crew.dismiss(worker)
            if crew.closed:
                raise Closed("The pool was closed.") from None
            raise
        except BaseException:
            worker.say(wire.Cancel(number=number))
            threading.Thread(target=self._see_off, args=(crew, worker, number), name="cancel", daemon=True).start()
            raise
        crew.give_back(worker)
        if isinstance(ended, wire.Failed):
            raise wire.error_of(ended)
        return ended

    def _end_of(
        self, worker: Connection, number: int, report: Progress, cancelled: threading.Event
    ) -> wire.Answered | wire.Failed:
        while True:
            if cancelled.is_set():
                raise Cancelled("The job was cancelled.")
            match worker.hear(GLANCE):
                case wire.Reported(number=about) as news if about == number:
                    report(news.done, news.total, news.message)
                case wire.Answered(number=about) | wire.Failed(number=about) as ended if about == number:
                    return ended

    def _see_off(self, crew: Crew, worker: Connection, number: int) -> None:
        """Wait for the end of a cancelled call, and kill its worker when the grace is over."""
        patience = time.monotonic() + self._cancel_grace
        try:
            while (left := patience - time.monotonic()) > 0:
                match worker.hear(left):
                    case wire.Answered(number=about) | wire.Failed(number=about) if about == number:
                        crew.give_back(worker)
                        return
        except Died:
            pass
        crew.dismiss(worker)


def _note(request: Request, death: Died) -> str:
    if isinstance(death, Lost):
        return f"A {request.queue} worker was lost ({death}); {request.operation} was run again by another."
    return (
        f"The {request.queue} worker died ({death}) during {request.operation} and was replaced; "
        "the call was run again."
    )


def _in_vain(request: Request, death: Died, worker: Connection) -> str:
    if isinstance(death, Lost):
        return (
            f"The {request.queue} workers of {request.operation} are lost again and again ({death}); "
            "look after their machines, then try again."
        )
    short = "; the machine may be short of memory" if str(death) == "signal 9" else ""
    return (
        f"The {request.queue} worker died twice during {request.operation} ({death}){short}; "
        f"the details are in {worker.log}"
    )
