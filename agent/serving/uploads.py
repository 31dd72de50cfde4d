"""Photos that people give on a page: links that each take one photo, and where the photo then lies."""

from __future__ import annotations

import hmac
import re
import secrets
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from agent.serving.access import current_client
from agent.serving.reach import Reach
from agent.serving.results import SCHEME
from tools.errors import InputError

if TYPE_CHECKING:
    from agent.serving.engine import LateEngine
    from agent.settings import Settings

LINK_SECONDS = 15 * 60
UPLOAD_URI = f"{SCHEME}://uploads/"

_KEPT_SECONDS = 24 * 60 * 60
"""How long a photo that came over the network may wait to be used."""

_MOST_LINKS, _MOST_KEPT = 10, 50
"""Of one client."""

_NAME = re.compile(r"[\w-]{22}")


@dataclass(eq=False)
class Link:
    """``reference`` is what to give as reference, once the photo is in."""

    token: str
    client: str | None
    ends: float = field(default_factory=lambda: time.monotonic() + LINK_SECONDS)
    receiving: threading.Lock = field(default_factory=threading.Lock)
    reference: str | None = None

    @property
    def seconds_left(self) -> int:
        return max(0, round(self.ends - time.monotonic()))


class Uploads:
    def __init__(self, engine: LateEngine, reach: Reach) -> None:
        self._engine = engine
        self._reach = reach
        self._links: list[Link] = []

    def open(self) -> Link:
        """A new link for the current client, whose oldest are forgotten where there are too many."""
        client = current_client()
        self._links = [link for link in self._links if link.seconds_left]
        own = [link for link in self._links if link.client == client]
        for old in own[: max(0, len(own) + 1 - _MOST_LINKS)]:
            self._links.remove(old)
        self._links.append(Link(secrets.token_urlsafe(16), client))
        return self._links[-1]

    def found(self, token: str) -> Link | None:
        """The link of a token; compared with all there are, so that the time it takes tells nothing."""
        same = [link for link in self._links if hmac.compare_digest(link.token.encode(), token.encode())]
        return same[0] if same and same[0].seconds_left else None

    def receive(self, link: Link, data: bytes, name: str) -> None:
        """Take the one photo of a link. Raises ``InputError`` for what is no photo; the link then stays open."""
        from agent.serving.intake import open_photo

        with link.receiving:
            if link.reference is not None:
                raise InputError("The photo of this link is in already; ask for another link in the chat.")
            link.reference = self._kept(open_photo(data, name), link.client)

    def _kept(self, png: bytes, client: str | None) -> str:
        """Store the photo under a name of our own; what to give as reference then."""
        if self._reach.takes_paths:
            from agent.serving.inbox import inbox_of

            name = f"{datetime.now().astimezone():%Y-%m-%d %H.%M.%S} {secrets.token_hex(2)}.png"
            file = inbox_of(self._engine.settings) / name
            file.write_bytes(png)
            return str(file)
        name, folder = secrets.token_urlsafe(16), _folder(self._engine.settings, client)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _forget_oldest(folder)
        (folder / f"{name}.png").write_bytes(png)
        return f"{UPLOAD_URI}{name}"


def uploaded(reference: str, settings: Settings) -> bytes:
    """The photo of a ``steadface://uploads/`` reference as PNG. Raises ``InputError`` where the current client has none
    of that name."""
    name = reference.removeprefix(UPLOAD_URI)
    try:
        file = _folder(settings, current_client()) / f"{name}.png"
        if _NAME.fullmatch(name) and not _old(file):
            return file.read_bytes()
    except FileNotFoundError:
        pass
    raise InputError(f"There is no photo {reference[:100]}; photos are kept for a day, so call request_photo again.")


def _folder(settings: Settings, client: str | None) -> Path:
    """Each client's photos apart: a reference is good for who was given it."""
    whose = sha256(client.encode()).hexdigest()[:32] if client is not None else "owner"
    return settings.home / "uploads" / whose


def _forget_oldest(folder: Path) -> None:
    """Leave room for one more. Those that were kept long enough go with the housekeeping."""
    files = sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in files[_MOST_KEPT - 1 :]:
        file.unlink(missing_ok=True)


def _old(file: Path) -> bool:
    return time.time() - file.stat().st_mtime > _KEPT_SECONDS
