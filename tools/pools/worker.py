"""One worker process: runs the calls of one queue, one after another, for the process that started it.

The owner speaks over standard input and output; both are moved away at the start, so that what a library prints goes
to the log. The worker ends when its owner's pipe does, whatever it is doing.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import pkgutil
import queue
import signal
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from tools.artifacts import Artifacts, room_on_disk
from tools.errors import BackendError, Cancelled, SteadfaceError
from tools.logs import formatter, logged_as
from tools.notes import noted
from tools.pools import wire
from tools.pools.bench import Bench, Operation, request_type
from tools.pools.calls import Message
from tools.pools.receipts import Receipt, Receipts
from tools.pools.usage import Meter

log = logging.getLogger("tools.pools.worker")


def log_path(root: Path, name: str) -> Path:
    """Where the worker called ``name`` writes what went wrong."""
    return root / "logs" / f"worker-{name}.log"


class Worker:
    def __init__(
        self, artifacts: Artifacts, log: Path, operations: Mapping[str, Operation], outgoing: BinaryIO
    ) -> None:
        self._log = log
        self._artifacts = artifacts
        self._receipts = Receipts(self._artifacts)
        self._bench = Bench(self._artifacts)
        self._operations = operations
        self._calls: queue.SimpleQueue[wire.Call] = queue.SimpleQueue()
        self._cancelled = -1
        self._outgoing = outgoing
        self._saying = threading.Lock()

    def listen(self, incoming: Iterable[bytes]) -> None:
        """Take messages until the owner is gone, then end the process, in the middle of a call too."""
        try:
            for line in incoming:
                match wire.ToWorker.validate_json(line):
                    case wire.Call() as call:
                        self._calls.put(call)
                    case wire.Cancel(number=number):
                        self._cancelled = number
        finally:
            os._exit(0)

    def work(self) -> None:
        """Answer every call in turn."""
        while True:
            call = self._calls.get()
            try:
                with logged_as(call.key.request_id, call.key.job_id):
                    done = self._done(call)
                self._say(wire.Answered(number=call.number, reply=done.reply, notes=done.notes, usage=done.usage))
            except (SteadfaceError, Cancelled) as error:
                self._say(wire.failure(call.number, error))

    def _done(self, call: wire.Call) -> Receipt:
        known = self._receipts.find(call.key, call.operation, call.request)
        if known is not None:
            log.info("%s was done before", call.operation)
            return known
        meter = Meter()
        with noted() as notes:
            reply = self._run(call)
        usage = meter.read()
        log.info("%s took %.2f s", call.operation, usage.worker_seconds)
        receipt = Receipt(reply=reply, notes=tuple(notes), usage=usage)
        self._receipts.write(call.key, call.operation, call.request, receipt)
        return receipt

    def _run(self, call: wire.Call) -> str:
        def report(done: int, total: int, message: str) -> None:
            if self._cancelled == call.number:
                raise Cancelled("The job was cancelled.")
            self._say(wire.Reported(number=call.number, done=done, total=total, message=message))

        self._bench.report = report
        try:
            with room_on_disk(self._artifacts.root):
                operation = self._operations[call.operation]
                request = request_type(operation).model_validate_json(call.request)
                return operation(request, self._bench).model_dump_json()
        except (SteadfaceError, Cancelled):
            raise
        except MemoryError as error:
            log.exception("%s failed", call.operation)
            raise BackendError(
                f"There is too little memory for {call.operation}; close other programs, or ask for less at once."
            ) from error
        except Exception as error:
            log.exception("%s failed", call.operation)
            of_request = f", request {call.key.request_id}" if call.key.request_id else ""
            raise BackendError(
                f"{call.operation} failed: {_in_one_line(error)}; the details are in {self._log}{of_request}"
            ) from error

    def _say(self, message: Message) -> None:
        with self._saying:
            self._outgoing.write(wire.line(message))
            self._outgoing.flush()


def _in_one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _end_with(lifeline: int) -> None:
    """Let the kernel kill this process group when the owner's end of the pipe closes (Linux).

    ``Worker.listen`` does the same in Python, which waits while C code holds the interpreter's lock.
    """
    import fcntl

    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    os.set_inheritable(lifeline, False)


def _take_standard_streams() -> tuple[BinaryIO, BinaryIO]:
    """The owner's pipes on descriptors of their own; standard output becomes the log, standard input is empty."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return incoming, outgoing


def _log_to_standard_error() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(formatter())
    logging.raiseExceptions = False  # a full disk must not end the worker
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    log.setLevel(logging.INFO)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--artifacts-url", help="of the shelf of artifacts, where it is not the root")
    parser.add_argument("--name", required=True, help="names the log file")
    parser.add_argument("--operations", required=True, help="module:name of the operations, by name")
    parser.add_argument("--lifeline", type=int, help="descriptor of a pipe that closes when the owner ends")
    given = parser.parse_args()

    incoming, outgoing = _take_standard_streams()
    faulthandler.enable()
    _log_to_standard_error()
    if given.lifeline is not None:
        _end_with(given.lifeline)
    artifacts = Artifacts(given.root, given.artifacts_url)
    artifacts.drop_abandoned()
    worker = Worker(artifacts, log_path(given.root, given.name), pkgutil.resolve_name(given.operations), outgoing)
    threading.Thread(target=worker.listen, args=(incoming,), daemon=True).start()
    worker.work()


if __name__ == "__main__":
    main()
