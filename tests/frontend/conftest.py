"""Headless Chromium, a host of MCP Apps round the player, and a small HTTP server under the gallery."""

from __future__ import annotations

import base64
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Frame, Page, sync_playwright

from tools.media import encode_mp4

APP = Path(__file__).parents[2] / "agent" / "serving" / "app"
HOST = Path(__file__).parent / "host.html"

DEFAULT_CSP = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; media-src 'self' data:; connect-src 'none'"
)
"""What hosts hold an MCP App to that asks for no more (SEP-1865)."""

CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync")  # fmt: skip

Json = dict[str, Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs the Debian package chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=CHROMIUM)
        yield launched
        launched.close()


@dataclass
class Site:
    """A server of one test: ``answers`` by path, each a status, headers and a body, or what makes them of a request."""

    url: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    posts: list[tuple[str, Json]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def file(self, path: str, body: bytes, media: str, **headers: str) -> None:
        self.answers[path] = (200, {"Content-Type": media, **headers}, body)

    def json(self, path: str, value: Any, status: int = 200) -> None:
        self.answers[path] = (status, {"Content-Type": "application/json"}, json.dumps(value).encode())


@pytest.fixture
def site() -> Iterator[Site]:
    known = Site()

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known.asked.append(self.path)
            self._answer()

        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/json"
            known.posts.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self._answer()

        def _answer(self) -> None:
            status, headers, body = known.answers.get(self.path.split("?")[0], (404, {}, b""))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    class Patient(ThreadingHTTPServer):
        request_queue_size = 64  # a page asks for all its pictures at once

    server = Patient(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    known.url = f"http://127.0.0.1:{server.server_port}"
    yield known
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Visit:
    """A page under test; ``problems`` collects what the browser complains of, a breach of the policy above all."""

    page: Page
    problems: list[str] = field(default_factory=list)

    def until(self, true: Callable[[], Any]) -> None:
        """Let the page go on until something holds."""
        ends = time.monotonic() + 10
        while not true():
            assert time.monotonic() < ends, "it did not happen within 10 s"
            self.page.wait_for_timeout(20)

    def expects(self, status: int) -> None:
        """The browser has complained of an answer with this status, and that is as it should be."""
        complaints = [problem for problem in self.problems if f"status of {status}" in problem]
        assert complaints
        self.problems = [problem for problem in self.problems if problem not in complaints]


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Visit]:  # the page goes before its server
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    visit = Visit(context.new_page())

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            visit.problems.append(message.text)

    visit.page.on("console", heard)
    visit.page.on("pageerror", lambda error: visit.problems.append(str(error)))
    yield visit
    context.close()
    assert visit.problems == []


class Host:
    """A minimal host of MCP Apps: it shows the player under the default policy and answers by what the test set."""

    def __init__(self, visit: Visit, site: Site) -> None:
        self.visit = visit
        self.site = site
        self.context: Json = {"theme": "light"}
        self.capabilities: Json = {"serverTools": {}, "serverResources": {}, "updateModelContext": {}}
        self.tools: dict[str, Callable[[Json], Json]] = {
            "list_video_jobs": lambda _: {"structuredContent": {"jobs": []}}
        }
        self.resources: dict[str, tuple[str, bytes]] = {}
        self.calls: list[tuple[str, Json]] = []
        self.messages: list[Json] = []

    def open(self, arguments: Json | None = None, result: Json | None = None) -> Frame:
        """Show the player as the app of a call: its arguments, and its result where there is one already."""
        page = self.visit.page
        page.expose_function("received", self._received)
        self.site.file("/host.html", HOST.read_bytes(), "text/html")
        self.site.file(
            "/player.html", (APP / "player.html").read_bytes(), "text/html", **{"Content-Security-Policy": DEFAULT_CSP}
        )
        page.goto(f"{self.site.url}/host.html")
        page.evaluate("app.src = '/player.html'")
        self.visit.until(lambda: self.heard("ui/notifications/initialized"))
        self.tell("ui/notifications/tool-input", {"arguments": arguments or {}})
        if result is not None:
            self.tell("ui/notifications/tool-result", result)
        return next(frame for frame in page.frames if frame.url.endswith("/player.html"))

    def tell(self, method: str, params: Json) -> None:
        self.visit.page.evaluate("message => send(message)", {"method": method, "params": params})

    def heard(self, method: str) -> list[Json]:
        return [message["params"] for message in self.messages if message.get("method") == method]

    def asked(self, tool: str) -> list[Json]:
        return [arguments for name, arguments in self.calls if name == tool]

    def _received(self, message: Json) -> Json | None:
        self.messages.append(message)
        if "id" not in message or "method" not in message:
            return None
        params = message["params"]
        match message["method"]:
            case "ui/initialize":
                told = {"hostInfo": {"name": "test", "version": "0"}, "hostCapabilities": self.capabilities}
                return {"result": {"protocolVersion": "2026-01-26", **told, "hostContext": self.context}}
            case "tools/call":
                self.calls.append((params["name"], params["arguments"]))
                return self.call(params["name"], params["arguments"])
            case "resources/read":
                return self.read(params["uri"])
        return {"result": {}}

    def call(self, tool: str, arguments: Json) -> Json:
        return {"result": self.tools[tool](arguments)}

    def read(self, uri: str) -> Json:
        if uri not in self.resources:
            return {"error": {"code": -32602, "message": f"There is no {uri}."}}
        media, data = self.resources[uri]
        blob = base64.b64encode(data).decode()
        return {"result": {"contents": [{"uri": uri, "mimeType": media, "blob": blob}]}}


@pytest.fixture
def host(visit: Visit, site: Site) -> Host:
    return Host(visit, site)


GALLERY_CSP = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; media-src 'self'; connect-src 'self'"
)


class Gallery:
    """The gallery on a server of the test's own."""

    def __init__(self, visit: Visit, site: Site) -> None:
        self.visit = visit
        self.site = site

    def open(self, place: str = "") -> Page:
        html = (APP / "gallery.html").read_bytes()
        self.site.file("/", html, "text/html; charset=utf-8", **{"Content-Security-Policy": GALLERY_CSP})
        self.visit.page.goto(f"{self.site.url}/{place}")
        return self.visit.page


@pytest.fixture
def gallery(visit: Visit, site: Site, clip: bytes) -> Gallery:
    for name in ("one", "two", "next", "four"):
        site.file(f"/jobs/{name}/video.mp4", clip, "video/mp4")
        site.file(f"/jobs/{name}/contact_sheet.jpg", painted(180, (900, 300)), "image/jpeg")
        for number in range(1, 5):
            site.file(f"/jobs/{name}/candidates/{number}.jpg", painted(40 * number), "image/jpeg")
    site.json("/api/queue", {"paused": False, "unfinished": 0, "jobs": []})
    return Gallery(visit, site)


@pytest.fixture
def nameless() -> Callable[[Page | Frame], list[Json]]:
    """The controls and pictures of a page that a screen reader could not name."""

    def found(page: Page | Frame) -> list[Json]:
        context = page.page.context if isinstance(page, Frame) else page.context
        nodes = context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
        controls = [node for node in nodes if not node["ignored"] and node["role"]["value"] in CONTROLS]
        assert controls
        return [node for node in controls if not node["name"]["value"].strip()]

    return found


CONTROLS = frozenset(
    {"button", "link", "textbox", "searchbox", "combobox", "slider", "radio", "checkbox", "progressbar",
     "ProgressIndicator", "img", "image", "Video"}
)  # fmt: skip


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Four seconds of an H.264 video whose colour says how late it is."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    frames = (np.full((90, 160, 3), (4 * number, 90, 200 - 3 * number), np.uint8) for number in range(64))
    encode_mp4(frames, 16, path, "clip", "")
    return path.read_bytes()


def painted(shade: int, size: tuple[int, int] = (320, 180), media: str = "JPEG") -> bytes:
    out = BytesIO()
    Image.new("RGB", size, (shade, 120, 255 - shade)).save(out, media)
    return out.getvalue()


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    return painted


def _candidate(number: int, similarity: float | None, passed: bool, chosen: bool = False) -> Json:
    return {
        "number": number,
        "attempt": 1 + (number - 1) // 2,
        "similarity": similarity,
        "passed": passed,
        "fault": None if passed else "The face is 30 px, below the smallest size of 48 px.",
        "chosen": chosen,
        "spatial_prompt": f"a woman, calm face, in a desert at dusk, take {number}",
        "file": f"/videos/candidates/{number}.png",
        "uri": f"steadface://jobs/job/candidates/{number}.jpg",
    }


SIMILARITIES = (0.86, 0.84, 0.81, 0.78, None, 0.62, 0.71, 0.8, 0.83)


def _delivered() -> Json:
    return {
        "folder": "/videos/2026-11-20 walks",
        "video": "/videos/2026-11-20 walks/video.mp4",
        "first_frame": "/videos/2026-11-20 walks/first_frame.png",
        "contact_sheet": "/videos/2026-11-20 walks/contact_sheet.jpg",
        "report": "/videos/2026-11-20 walks/report.json",
        "page": "/videos/2026-11-20 walks/report.html",
        "preset": "preview",
        "sketch": True,
        "recogniser": "dlib ResNet",
        "first_frame_similarity": 0.86,
        "first_frame_passed": True,
        "attempts": 2,
        "identity_skip": 0.78,
        "identity_zero": 0.69,
        "face_rate": 8 / 9,
        "seconds": 4.0,
        "width": 160,
        "height": 90,
        "seed": 7,
        "warnings": ["The framing was loosened from 'wide shot' to 'full shot', because the face was too small."],
        "stages": {"animate": 5.9},
        "curve": [
            {"frame": 8 * place, "second": place / 2, "similarity": similarity, "tile": place + 1}
            for place, similarity in enumerate(SIMILARITIES[:-1])
        ],
        "good_from": 0.7,
        "temporal_prompt": "A woman walks through a desert at dusk and smiles softly.",
        "spatial_prompt": "a woman, calm face, in a desert at dusk, full shot",
    }


@pytest.fixture
def job() -> Callable[..., Json]:
    """A finished job as the server tells it, with changes; ``status`` running or queued takes its results away."""

    def told(status: str = "completed", **changes: Any) -> Json:
        done = status == "completed"
        base = {
            "job_id": "job",
            "status": status,
            "waiting_before": 0,
            "stage": None if done else "animate",
            "stages_begun": 0,
            "doing": "" if done else "Animating",
            "done": 0 if done else 3,
            "total": 0 if done else 12,
            "detail": "" if done else "step 3 of 12",
            "prompt": "A woman walks through a desert at dusk and smiles.",
            "parent": None,
            "understood": "",
            "siblings": [],
            "estimate_seconds": None if done else 40.0,
            "created": 1_700_000_000.0,
            "candidates": [
                _candidate(1, None, False), _candidate(2, 0.41, False),
                _candidate(3, 0.86, True, chosen=True), _candidate(4, 0.74, True),
            ],
            "first_frames": None,
            "result": _delivered() if done else None,
            "error": None,
            "message": "completed" if done else "Animating: step 3 of 12",
            "next_step": None,
            "video_uri": "steadface://jobs/job/video.mp4" if done else None,
            "question": None,
            "awaits": None,
        }  # fmt: skip
        return {**base, **changes}

    return told


@pytest.fixture
def answer(job: Callable[..., Json]) -> Callable[..., Json]:
    """A job as the result of a tool."""

    def answered(status: str = "completed", **changes: Any) -> Json:
        told = job(status, **changes)
        return {"content": [{"type": "text", "text": told["message"]}], "structuredContent": told, "isError": False}

    return answered


@pytest.fixture
def shown(host: Host, clip: bytes) -> Host:
    """A host whose server has the video and the pictures of jobs ``job`` and ``next``."""
    for name in ("job", "next"):
        host.resources[f"steadface://jobs/{name}/preview.mp4"] = ("video/mp4", clip)
        host.resources[f"steadface://jobs/{name}/contact_sheet.jpg"] = ("image/jpeg", painted(180, (900, 300)))
        for number in range(1, 5):
            uri = f"steadface://jobs/{name}/candidates/{number}.jpg"
            host.resources[uri] = ("image/jpeg", painted(40 * number))
    return host
