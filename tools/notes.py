"""Sentences for the report of a job, said where something worth telling happens: in an operation or in a backend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_said: ContextVar[list[str] | None] = ContextVar("said", default=None)


def note(sentence: str) -> None:
    """Tell what the user should know and progress would lose; once, however often it is said. Outside a call, nobody
    hears it."""
    said = _said.get()
    if said is not None and sentence not in said:
        said.append(sentence)


@contextmanager
def noted() -> Iterator[list[str]]:
    """Within the block, what is noted on this thread."""
    said: list[str] = []
    token = _said.set(said)
    try:
        yield said
    finally:
        _said.reset(token)
