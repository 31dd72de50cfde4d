"""Clips by a server of one's own that speaks ``POST /v1/videos``, such as vLLM-Omni or SGLang with a Wan I2V model.

No server takes fixed frames besides the first over HTTP, so windows cannot be repaired there. ``STEADFACE_VIDEOS_URL``
says where it is, up to ``/v1``; ``STEADFACE_VIDEOS_MODEL`` and ``STEADFACE_VIDEOS_KEY`` go to it where they are set.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from av.error import FFmpegError
from pydantic import Field

from tools import media
from tools.artifacts import write_whole
from tools.contracts import ClipSpec, Given, Progress, RGBImage, Size
from tools.errors import BackendError, InputError, Unavailable
from tools.home import home_folder
from tools.notes import note
from tools.video.conditioning import fitted
from tools.video.video_server import Forgotten, Outage, RemoteJob, VideoServer

PAUSES = (0.5, 5.0)
"""Seconds between two looks at a job: at first, and growing by a half each time, at the most."""

ABSENCE, OUTAGE = 5.0, 60.0
"""Seconds without an answer after which a server is not there, and after which one that was is given up."""

MOST_AGAIN = 2
"""How often a job that the server forgot is asked for again."""

_GLANCE = 0.25
"""Seconds within which a cancelled job is noticed."""


@dataclass(frozen=True)
class OpenAIVideos:
    """The options; what is not set is the server's to choose. ``seconds`` is the most that a clip may take."""

    steps: Annotated[int, Field(ge=1, le=200)] | None = None
    guidance: Annotated[float, Field(ge=0, le=20)] | None = None
    shift: Annotated[float, Field(gt=0, le=20)] | None = None
    negative_prompt: str | None = None
    seconds: Annotated[int, Field(ge=1)] = 3600

    needs: ClassVar[frozenset[str]] = frozenset({"first_frame"})
    takes_keyframes: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _address()

    def check(self, clip: ClipSpec) -> None:
        """``Unavailable`` where nobody answers; which clips it makes is the server's to say when it is asked."""
        server = _server()
        until = time.monotonic() + ABSENCE
        try:
            while not _there(server, until):
                time.sleep(_GLANCE)
        finally:
            server.close()

    def generate(self, prompt: str, clip: ClipSpec, given: Given, seed: int, report: Progress) -> Iterator[RGBImage]:
        """Where a worker died over it, the job that the server still has is waited for, not asked for again."""
        picture = media.png_bytes(given.frames[0])
        fields = {name: str(value) for name, value in self._fields(prompt, clip, seed).items() if value is not None}
        with TemporaryDirectory(prefix="steadface-video-") as folder:
            path = Path(folder) / "video.mp4"
            server = _server()
            try:
                _Errand(server, fields, picture, self.seconds, report).run(path)
            finally:
                server.close()
            yield from _frames(path, clip)

    def _fields(self, prompt: str, clip: ClipSpec, seed: int) -> Mapping[str, object]:
        return {
            "model": os.environ.get("STEADFACE_VIDEOS_MODEL") or None,
            "prompt": prompt,
            "negative_prompt": self.negative_prompt,
            "size": f"{clip.size.width}x{clip.size.height}",
            "num_frames": clip.frames,
            "fps": clip.fps,
            "seed": seed % 2**31,
            "num_inference_steps": self.steps,
            "guidance_scale": self.guidance,
            "flow_shift": self.shift,
        }


class _Errand:
    """One clip, from asking for it to having it, whatever becomes of the server on the way."""

    def __init__(
        self, server: VideoServer, fields: Mapping[str, str], picture: bytes, seconds: float, report: Progress
    ) -> None:
        self._server, self._fields, self._picture, self._report = server, fields, picture, report
        self._seconds = seconds
        self._name = _name(fields, picture)
        self._memory = home_folder() / "remote" / self._name
        self._job: str | None = self._memory.read_text() if self._memory.is_file() else None
        self._again = 0
        self._silent_since: float | None = None
        self._reached = False
        self._news = (0, 100, "Asking the video server")

    def run(self, path: Path) -> None:
        try:
            self._wait_for(path)
        except BaseException:
            if self._job is not None:
                self._server.take_back(self._job)
            self._memory.unlink(missing_ok=True)
            raise
        self._memory.unlink(missing_ok=True)

    def _wait_for(self, path: Path) -> None:
        until = time.monotonic() + self._seconds
        pause, longest = PAUSES
        while not self._step(path):
            if time.monotonic() > until:
                raise BackendError(
                    f"The video server did not make the clip in {self._seconds} seconds; ask for fewer frames or "
                    "steps, or set the option seconds higher."
                )
            self._sleep(pause)
            pause = min(1.5 * pause, longest)

    def _step(self, path: Path) -> bool:
        """Ask for the clip, look at it or fetch it, whichever is next; whether it is there."""
        try:
            job = self._server.look(self._job) if self._job else self._ask()
            self._reached, self._silent_since = True, None
            if job.stage == "failed":
                self._job = None
                raise BackendError(f"The video server failed: {job.words or 'it does not say why'}.")
            self._tell(job)
            if job.stage == "done":
                self._server.fetch(job.id, path, lambda: self._tell(job))
                return True
        except Forgotten:
            self._start_again()
        except Outage as outage:
            self._bear(outage)
        return False

    def _ask(self) -> RemoteJob:
        job = self._server.submit(self._fields, self._picture, self._name)
        self._job = job.id
        write_whole(self._memory, job.id.encode(), home_folder())
        return job

    def _start_again(self) -> None:
        self._job = None
        self._again += 1
        if self._again > MOST_AGAIN:
            raise BackendError(f"The video server forgot the job {self._again} times; look why it restarts.")
        note("The video server had forgotten the job, and was asked again.")

    def _bear(self, outage: Outage) -> None:
        """A server that is away for a while may come back."""
        now = time.monotonic()
        self._silent_since = self._silent_since or now
        if now - self._silent_since > (OUTAGE if self._reached or self._job else ABSENCE):
            raise _absent(outage)
        self._say(self._news[0], f"The video server {outage}; waiting for it")

    def _tell(self, job: RemoteJob) -> None:
        said = {"waiting": "Waiting at the video server", "done": "Fetching the clip"}.get(job.stage, "Making the clip")
        self._say(100 if job.stage == "done" else min(job.progress, 99), said)

    def _say(self, done: int, message: str) -> None:
        self._news = (done, 100, message)
        self._report(*self._news)

    def _sleep(self, seconds: float) -> None:
        """In slices, each of which may raise ``Cancelled``."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _GLANCE))
            self._report(*self._news)


def _frames(path: Path, clip: ClipSpec) -> Iterator[RGBImage]:
    """As many as were asked for, in their order and in the size asked for."""
    try:
        facts = media.clip_facts(path)
    except (FFmpegError, IndexError) as error:
        raise BackendError("What the video server made cannot be read as a video.") from error
    if facts.frames < clip.frames:
        raise BackendError(f"The video server made {facts.frames} frames instead of {clip.frames}.")
    if facts.frames > clip.frames:
        note(f"The video server made {facts.frames} frames; the first {clip.frames} were taken.")
    if facts.size != clip.size:
        note(f"The video server made {_spoken(facts.size)}; it was scaled and cut to {_spoken(clip.size)}.")
    if abs(facts.fps - clip.fps) > 0.01 * clip.fps:
        note(f"The video server made {facts.fps:g} frames a second; they are shown at {clip.fps}.")
    for image in islice(media.read_clip(path), clip.frames):
        yield fitted(image, clip.size)


def _there(server: VideoServer, until: float) -> bool:
    try:
        server.answers()
    except Outage as outage:
        if time.monotonic() > until:
            raise _absent(outage) from outage
        return False
    return True


def _server() -> VideoServer:
    return VideoServer(_address(), os.environ.get("STEADFACE_VIDEOS_KEY") or None)


def _address() -> str:
    url = os.environ.get("STEADFACE_VIDEOS_URL")
    if not url:
        raise Unavailable(
            "The video backend openai-videos needs a server that speaks POST /v1/videos, such as vLLM-Omni or SGLang; "
            "set STEADFACE_VIDEOS_URL to its address, such as http://127.0.0.1:8000/v1."
        )
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InputError("STEADFACE_VIDEOS_URL is no web address; write it like http://127.0.0.1:8000/v1.")
    return url


def _absent(outage: Outage) -> Unavailable:
    return Unavailable(f"The video server {outage}; start it, or set STEADFACE_VIDEOS_URL to where it is.")


def _name(fields: Mapping[str, str], picture: bytes) -> str:
    """Of a request: the same one has the same name, after a restart too."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode() + picture).hexdigest()[:32]


def _spoken(size: Size) -> str:
    return f"{size.width}x{size.height}"
