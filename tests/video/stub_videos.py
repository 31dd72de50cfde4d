"""A server that speaks ``POST /v1/videos`` as vLLM-Omni and SGLang do, strict in what it takes, and with bad days."""

from __future__ import annotations

import email
import email.policy
import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from tools import media

FIELDS = {
    "model", "prompt", "negative_prompt", "size", "num_frames", "fps", "seed", "num_inference_steps",
    "guidance_scale", "flow_shift", "user",
}  # fmt: skip


@dataclass
class Videos:
    """What the server was asked, and what it is told to do wrong.

    ``looks`` is how many times a job is looked at before it is done; ``forgets`` how often jobs are forgotten after the
    first look; ``away`` how many requests are answered with 503; ``refuses`` a status and a body for every submission.
    """

    looks: int = 2
    forgets: int = 0
    away: int = 0
    key: str | None = None
    refuses: tuple[int, str] | None = None
    fails: str | None = None
    garbles: int = 0
    frames_more: int = 0
    size: tuple[int, int] | None = None
    fps: int | None = None
    content: bytes | None = None

    submitted: list[dict[str, Any]] = field(default_factory=list)
    taken_back: list[str] = field(default_factory=list)
    _jobs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def jobs(self) -> list[dict[str, Any]]:
        return list(self._jobs.values())

    def submit(self, fields: dict[str, Any]) -> dict[str, Any]:
        self.submitted.append(fields)
        job = {"id": f"video_gen_{len(self.submitted)}", "object": "video", "status": "queued", "looked": 0, **fields}
        self._jobs[job["id"]] = job
        return told(job)

    def look(self, name: str) -> dict[str, Any] | None:
        job = self._jobs.get(name)
        if job is None:
            return None
        job["looked"] += 1
        if self.forgets and job["looked"] > 1:
            self.forgets -= 1
            self._jobs.clear()
            return None
        done = job["looked"] > self.looks
        job["status"] = "failed" if done and self.fails else "completed" if done else "in_progress"
        job["progress"] = min(100, 100 * job["looked"] // (self.looks + 1))
        return told(job) | ({"error": {"message": self.fails}} if job["status"] == "failed" else {})

    def video(self, name: str) -> bytes | None:
        job = self._jobs.get(name)
        if job is None or job["status"] != "completed":
            return None
        return self.content if self.content is not None else self._made(job)

    def _made(self, job: dict[str, Any]) -> bytes:
        """Brighter from frame to frame."""
        width, height = self.size or map(int, job["size"].split("x"))
        count = int(job["num_frames"]) + self.frames_more
        frames = [np.full((height, width, 3), 40 + 2 * number, np.uint8) for number in range(count)]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "made.mp4"
            media.encode_mp4(frames, self.fps or int(job["fps"]), path, "t", "c")
            return path.read_bytes()


def told(job: dict[str, Any]) -> dict[str, Any]:
    return {name: job[name] for name in ("id", "object", "status", "progress") if name in job}


@contextmanager
def serving(videos: Videos) -> Iterator[str]:
    """The address of a server of these videos, up to ``/v1``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self._refused():
                return
            parts = self.path.removeprefix("/v1/").split("/")
            if parts == ["models"]:
                self._json(200, {"data": []})
            elif len(parts) == 3:
                content = videos.video(parts[1])
                self._send(404 if content is None else 200, content or b"", "video/mp4")
            elif videos.garbles:
                videos.garbles -= 1
                self._send(200, b'{"id": "video_gen_1", "sta', "application/json")
            else:
                job = videos.look(parts[1])
                self._json(404 if job is None else 200, job or {"detail": "no such video"})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self._refused():
                return
            if self.path != "/v1/videos":
                self._json(404, {"detail": "Not Found"})
            elif videos.refuses:
                self._send(videos.refuses[0], videos.refuses[1].encode(), "application/json")
            else:
                fields = parsed(self.headers["content-type"], body)
                unknown = fields.keys() - FIELDS - {"input_reference"}
                if unknown:
                    self._json(422, {"detail": f"unknown fields: {sorted(unknown)}"})
                else:
                    self._json(200, videos.submit(fields))

        def do_DELETE(self) -> None:
            videos.taken_back.append(self.path.rsplit("/", 1)[-1])
            self._json(200, {"deleted": True})

        def _refused(self) -> bool:
            if videos.away:
                videos.away -= 1
                self._json(503, {"detail": "loading"})
                return True
            if videos.key and self.headers["authorization"] != f"Bearer {videos.key}":
                self._json(401, {"detail": "wrong key"})
                return True
            return False

        def _json(self, status: int, said: object) -> None:
            self._send(status, json.dumps(said).encode(), "application/json")

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def parsed(kind: str, body: bytes) -> dict[str, Any]:
    """The fields of a multipart form; a file is its bytes."""
    message = email.message_from_bytes(b"content-type: " + kind.encode() + b"\r\n\r\n" + body, policy=email.policy.HTTP)
    fields = {}
    for part in message.iter_parts():  # type: ignore[attr-defined]
        content = part.get_payload(decode=True)
        named = part["content-disposition"].params
        fields[named["name"]] = content if "filename" in named else content.decode()
    return fields
