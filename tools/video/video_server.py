"""What is said to a server that speaks ``POST /v1/videos``, and what its answers mean.

vLLM-Omni and SGLang both take a multipart form and give a job; fields and words of status are those they share.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn
from urllib.parse import quote

import httpx2

from tools.errors import BackendError, Unavailable

Stage = Literal["waiting", "running", "done", "failed"]

LARGEST = 500_000_000
"""Bytes of a finished video."""

_STAGES: dict[str, Stage] = {
    **dict.fromkeys(("queued", "pending", "created"), "waiting"),
    **dict.fromkeys(("in_progress", "processing", "running"), "running"),
    **dict.fromkeys(("completed", "succeeded"), "done"),
    **dict.fromkeys(("failed", "error", "cancelled", "canceled", "expired"), "failed"),
}

_SECONDS = httpx2.Timeout(60, connect=5)
_LAST_WORDS = 2.0
"""Seconds that taking a job back may take: nobody waits for it."""


class Outage(Exception):  # noqa: N818 - it may pass
    """The server did not answer, or not so that it can be read; its text says which, for a sentence."""


class Forgotten(Exception):  # noqa: N818
    """The server does not know the job: it restarted, or threw it away."""


@dataclass(frozen=True)
class RemoteJob:
    """``progress`` is 0 to 100, where the server tells; ``words`` why it failed."""

    id: str
    stage: Stage
    progress: int
    words: str


class VideoServer:
    """One server, at its address up to ``/v1``. The key goes to it alone, never to where it redirects."""

    def __init__(self, url: str, key: str | None) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx2.Client(base_url=f"{url.rstrip('/')}/", headers=headers, timeout=_SECONDS)

    def answers(self) -> None:
        """``Outage`` where nobody is there, ``Unavailable`` where the key is refused."""
        with _told():
            reply = self._http.get("models")
        if reply.status_code in (401, 403):
            _refused(reply)

    def submit(self, fields: Mapping[str, str], picture: bytes, name: str) -> RemoteJob:
        """``name`` is the request's own, by which a server that knows how sees that it has the job already."""
        with _told():
            reply = self._http.post(
                "videos",
                data={**fields, "user": name},
                files={"input_reference": ("first_frame.png", picture, "image/png")},
                headers={"Idempotency-Key": name},
            )
        return _job(reply)

    def look(self, job: str) -> RemoteJob:
        with _told():
            reply = self._http.get(_path(job))
        if reply.status_code == 404:
            raise Forgotten
        return _job(reply)

    def fetch(self, job: str, path: Path, tell: Callable[[], None]) -> None:
        """Write the finished video to ``path``, telling of each piece."""
        with (
            _told(),
            self._http.stream("GET", f"{_path(job)}/content", follow_redirects=True) as reply,
            path.open("wb") as file,
        ):
            if reply.status_code == 404:
                raise Forgotten
            if reply.status_code != 200:
                reply.read()
                _refused(reply)
            for piece in reply.iter_bytes(2**20):
                tell()
                file.write(piece)
                if file.tell() > LARGEST:
                    raise BackendError(f"The video server's clip is larger than {LARGEST // 10**6} MB.")

    def take_back(self, job: str) -> None:
        """Cancel the job; where the server does not, it goes on there, and nobody fetches it."""
        try:
            self._http.delete(_path(job), timeout=_LAST_WORDS)
        except httpx2.HTTPError:
            return

    def close(self) -> None:
        self._http.close()


def _path(job: str) -> str:
    return f"videos/{quote(job, safe='')}"


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong on the way, as an ``Outage``."""
    try:
        yield
    except httpx2.TimeoutException as error:
        raise Outage("does not answer in time") from error
    except httpx2.ConnectError as error:
        raise Outage("takes no connection") from error
    except httpx2.TransportError as error:
        raise Outage("broke the connection") from error
    except httpx2.InvalidURL as error:
        raise Outage("has an address that cannot be") from error


def _job(reply: httpx2.Response) -> RemoteJob:
    if reply.status_code >= 300:
        _refused(reply)
    try:
        said: dict[str, Any] = reply.json()
        stage = _STAGES[str(said["status"]).lower()]
        return RemoteJob(str(said["id"]), stage, int(said.get("progress") or 0), _words(said.get("error")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Outage("gives answers that cannot be read") from error


def _refused(reply: httpx2.Response) -> NoReturn:
    status = reply.status_code
    if status >= 500 or status == 429:
        raise Outage(f"is busy or broken ({status})")
    if status in (401, 403):
        raise Unavailable(f"The video server refused the key ({status}); set STEADFACE_VIDEOS_KEY to its own.")
    if status == 404:
        raise Unavailable(
            "The video server has no /v1/videos (404); STEADFACE_VIDEOS_URL must end in /v1, as in "
            "http://127.0.0.1:8000/v1, and STEADFACE_VIDEOS_MODEL be a model that it serves."
        )
    raise BackendError(f"The video server refused the clip ({status}): {_said_in(reply) or 'it does not say why'}.")


def _said_in(reply: httpx2.Response) -> str:
    try:
        said = reply.json()
    except ValueError:
        return _words(reply.text)
    return _words(said.get("error") or said.get("detail") or said) if isinstance(said, dict) else _words(said)


def _words(said: object) -> str:
    """In one line, without what a terminal would obey, and not at any length."""
    text = str(said.get("message", said)) if isinstance(said, dict) else str(said or "")
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return re.sub(r"\s+", " ", printable).strip().rstrip(".")[:300]
