"""A Hub on loopback, as its client sees it: repositories with commits, and archives; connections break when asked."""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zipfile import ZipFile

LFS = (".onnx", ".safetensors")


@dataclass
class StubHub:
    """``repositories`` hold commits, the newest last; ``archives`` are bytes by path.

    ``drops`` counts down, by path, how often the connection breaks off halfway. ``requests`` are method, path
    and range. ``wrong_sizes`` and ``wrong_hashes`` are told instead of the true ones.
    """

    repositories: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    archives: dict[str, bytes] = field(default_factory=dict)
    drops: dict[str, int] = field(default_factory=dict)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    wrong_sizes: dict[str, int] = field(default_factory=dict)
    wrong_hashes: dict[str, str] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    tokens: dict[str, str | None] = field(default_factory=dict)
    """By path, who the caller said they are."""
    held: dict[str, threading.Event] = field(default_factory=dict)
    """By path: half of the file is sent, and the rest when the event is set."""

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Answers,), {"hub": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def commit(self, repository: str, files: Mapping[str, bytes]) -> str:
        commits = self.repositories.setdefault(repository, {})
        revision = hashlib.sha1(f"{repository} {len(commits)}".encode()).hexdigest()
        commits[revision] = dict(files)
        return revision

    def downloads(self) -> list[str]:
        """The files whose content was asked for."""
        return [path.rpartition("/")[2] for method, path, _ in self.requests if method == "GET" and "/api/" not in path]

    def ranges(self) -> list[str]:
        return [asked for method, _, asked in self.requests if method == "GET" and asked]


class _Answers(BaseHTTPRequestHandler):
    hub: StubHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        url = urlsplit(self.path)
        self.hub.requests.append((self.command, url.path, self.headers.get("Range")))
        self.hub.tokens[url.path] = self.headers.get("Authorization")
        if url.path.startswith("/api/models/"):
            self._api(url.path.removeprefix("/api/models/"), parse_qs(url.query))
        elif "/resolve/" in url.path:
            repository, _, rest = url.path[1:].partition("/resolve/")
            revision, _, name = rest.partition("/")
            files = self.hub.repositories.get(repository, {}).get(revision)
            if files is None or name not in files:
                self._refuse(404, "EntryNotFound")
                return
            if repository in self.hub.gated:  # which are listed to anybody
                self._refuse(403, "GatedRepo")
                return
            tag = _oid(files[name]) if not name.endswith(LFS) else hashlib.sha256(files[name]).hexdigest()
            self._send(name, files[name], {"ETag": f'"{tag}"', "X-Repo-Commit": revision})
        elif url.path.startswith("/stored/"):
            content = self.hub.archives[url.path.removeprefix("/stored")]
            self._send(url.path.rpartition("/")[2], content, {"ETag": f'"{hashlib.md5(content).hexdigest()}"'})
        elif url.path in self.hub.archives:  # releases are stored elsewhere
            self._empty(302, {"Location": f"{self.hub.url}/stored{url.path}"})
        else:
            self._refuse(404, "RepoNotFound")

    def _api(self, path: str, query: Mapping[str, list[str]]) -> None:
        match = re.fullmatch(r"([\w.-]+/[\w.-]+)(?:/(revision|tree)/([^/]+))?", path)
        assert match, path
        repository, kind, revision = match.groups()
        commits = self.hub.repositories.get(repository)
        if commits is None:
            self._refuse(404, "RepoNotFound")
            return
        revision = list(commits)[-1] if revision in (None, "main") else revision
        files = [self._told(name, content) for name, content in commits[revision].items()]
        if kind == "tree":
            self._json(
                [{"type": "file", "path": file.pop("rfilename"), "oid": file.pop("blobId"), **file} for file in files]
            )
            return
        assert "blobs" in query or not query
        self._json({"id": repository, "modelId": repository, "sha": revision, "siblings": files, "private": False})

    def _told(self, name: str, content: bytes) -> dict[str, Any]:
        size = self.hub.wrong_sizes.get(name, len(content))
        told: dict[str, Any] = {"rfilename": name, "size": size, "blobId": _oid(content)}
        if name.endswith(LFS):
            digest = self.hub.wrong_hashes.get(name, hashlib.sha256(content).hexdigest())
            told["lfs"] = {"sha256": digest, "oid": digest, "size": size, "pointerSize": 134}
        return told

    def _send(self, name: str, content: bytes, headers: Mapping[str, str]) -> None:
        """The file or the rest of it, as asked for; half of it where the connection is to break."""
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        start = int(asked[1]) if asked else 0
        self.send_response(206 if asked else 200)
        for header, value in headers.items():
            self.send_header(header, value)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        size = self.hub.wrong_sizes.get(name, len(content) - start)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        if self.command == "HEAD":
            return
        half = start + (len(content) - start) // 2
        if self.hub.drops.get(name):
            self.hub.drops[name] -= 1
            self.wfile.write(content[start:half])
            self.close_connection = True
            return
        self.wfile.write(content[start:half])
        self.wfile.flush()
        if name in self.hub.held:
            self.hub.held[name].wait(30)
        self.wfile.write(content[half:])

    def _json(self, answer: object) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status: int, code: str) -> None:
        self._empty(status, {"X-Error-Code": code, "X-Error-Message": code})

    def _empty(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _oid(content: bytes) -> str:
    """What git calls a blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def zipped(files: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with ZipFile(whole, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return whole.getvalue()
