"""What a request may carry: so many bytes, and the rest is never read."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import Message

from tools.errors import InputError


class TooLarge(InputError):  # noqa: N818 - what it says
    """The body of a request has more bytes than it may."""


def capped(request: Request, most: int) -> Request:
    """The request with a body that raises ``TooLarge`` once ``most`` bytes of it were read."""
    read = 0

    async def receive() -> Message:
        nonlocal read
        message = await request.receive()
        read += len(message.get("body", b""))
        if read > most:
            raise TooLarge(f"More than {_told(most)} was sent; send less.")
        return message

    return Request(request.scope, receive)


def _told(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size >= 10**6 else f"{size / 1e3:.0f} KB"
