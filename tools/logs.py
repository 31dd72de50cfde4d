"""Lines of a log: what they are about, and how they are written, for people or as JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from tools.environment import choice

FORMAT = "STEADFACE_LOG_FORMAT"
"""Environment variable: ``text`` or ``json``; workers have it of who starts them."""

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""What asked for the work that is being done, from the call of a client to the worker."""

_job_id: ContextVar[str | None] = ContextVar("job_id", default=None)


@contextmanager
def logged_as(request: str | None, job: str | None = None) -> Iterator[None]:
    """Have every record of the block, in this context, say what it is about."""
    of_request, of_job = request_id.set(request), _job_id.set(job)
    try:
        yield
    finally:
        request_id.reset(of_request)
        _job_id.reset(of_job)


def formatter() -> logging.Formatter:
    """As the environment says; ``InputError`` where it says what there is not."""
    return _JsonLines() if choice(FORMAT, ("text", "json")) == "json" else _TextLines()


class _TextLines(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        about = [f"{name}={value}" for name, value in _about().items()]
        return " ".join([super().formatMessage(record), *about])


class _JsonLines(logging.Formatter):
    """One object a line; a traceback is a field of it."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
            **_about(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _about() -> dict[str, str]:
    known = {"request_id": request_id.get(), "job_id": _job_id.get()}
    return {name: value for name, value in known.items() if value is not None}
