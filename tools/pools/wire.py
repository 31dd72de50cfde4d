"""What a pool and a worker process say to each other: one JSON line a message."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from tools.errors import BackendError, Cancelled, InputError, SteadfaceError, StorageAway, Unavailable
from tools.pools import CallKey
from tools.pools.calls import Message
from tools.pools.usage import Usage

_ERRORS = (InputError, Unavailable, StorageAway, BackendError, SteadfaceError, Cancelled)
"""What crosses with its type and text kept; a class before the one that it derives from."""


class Call(Message):
    """Run one operation. ``number`` is the pool's own, and comes back with everything said about the call.

    ``request`` is the JSON of the operation's ``Request``.
    """

    say: Literal["call"] = "call"
    number: int
    key: CallKey
    operation: str
    request: str


class Cancel(Message):
    """Stop the call at its next report."""

    say: Literal["cancel"] = "cancel"
    number: int


class Reported(Message):
    say: Literal["reported"] = "reported"
    number: int
    done: int
    total: int
    message: str


class Answered(Message):
    """``reply`` is the JSON of the request's reply type, ``notes`` are sentences for the report."""

    say: Literal["answered"] = "answered"
    number: int
    reply: str
    notes: tuple[str, ...] = ()
    usage: Usage = Usage()


class Failed(Message):
    """``error`` is the name of a class in ``tools.errors``."""

    say: Literal["failed"] = "failed"
    number: int
    error: str
    message: str
    attachments: dict[str, str]


ToWorker: TypeAdapter[Call | Cancel] = TypeAdapter(Annotated[Call | Cancel, Field(discriminator="say")])
FromWorker: TypeAdapter[Reported | Answered | Failed] = TypeAdapter(
    Annotated[Reported | Answered | Failed, Field(discriminator="say")]
)


def line(message: Message) -> bytes:
    return message.model_dump_json().encode() + b"\n"


def failure(number: int, error: SteadfaceError | Cancelled) -> Failed:
    name = next(kind.__name__ for kind in _ERRORS if isinstance(error, kind))
    attachments = error.attachments if isinstance(error, InputError) else {}
    return Failed(number=number, error=name, message=str(error), attachments=attachments)


def error_of(failed: Failed) -> SteadfaceError | Cancelled:
    if failed.error == InputError.__name__:
        return InputError(failed.message, failed.attachments)
    kind = next(kind for kind in _ERRORS if kind.__name__ == failed.error)
    return kind(failed.message)
