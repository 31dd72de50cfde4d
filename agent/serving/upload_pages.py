"""The page on which a person gives a photo: one file, chosen or dropped, with or without scripts."""

from __future__ import annotations

import socket
import threading
from html import escape

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from agent.serving.bodies import TooLarge, capped
from agent.serving.intake import LARGEST_FILE
from agent.serving.pages import page, page_policy
from agent.serving.threads import run_long
from agent.serving.uploads import Link, Uploads
from tools.errors import SteadfaceError

_ENVELOPE = 64 * 1024
"""Bytes that a form adds to the file."""

_SCRIPT = """
const drop = document.querySelector(".drop"), input = drop.querySelector("input"), form = drop.closest("form");
const send = () => { if (input.files.length) form.requestSubmit(); };
input.addEventListener("change", send);
for (const kind of ["dragover", "dragleave", "drop"]) document.addEventListener(kind, (event) => {
  event.preventDefault();
  drop.classList.toggle("over", kind === "dragover");
  if (kind === "drop" && event.dataTransfer.files.length) { input.files = event.dataTransfer.files; send(); }
});
form.addEventListener("submit", () => { form.querySelector("button").textContent = "Sending the photo"; });
"""


def upload_path(link: Link) -> str:
    return f"/upload/{link.token}"


def upload_routes(uploads: Uploads) -> list[Route]:
    async def show(request: Request) -> Response:
        link = uploads.found(request.path_params["token"])
        if link is None:
            return _gone()
        return _received() if link.reference else _form(link)

    async def take(request: Request) -> Response:
        link = uploads.found(request.path_params["token"])
        if link is None:
            return _gone()
        if link.reference is not None:
            return _page("<h1>This link is used up</h1><p>It took its one photo; ask for another in the chat.</p>", 410)
        try:
            async with capped(request, LARGEST_FILE + _ENVELOPE).form(max_files=1, max_fields=1) as form:
                photo = form.get("photo")
                data = await photo.read() if isinstance(photo, UploadFile) else b""
                name = (photo.filename if isinstance(photo, UploadFile) else "") or "The photo"
            await run_long(uploads.receive, link, data, name)
        except TooLarge:
            return _form(link, f"The photo has more than {LARGEST_FILE // 10**6} MB; give a smaller one.", 413)
        except SteadfaceError as error:
            return _form(link, str(error), 400)
        return _received()

    return [
        Route("/upload/{token}", show, methods=["GET"]),
        Route("/upload/{token}", take, methods=["POST"]),
    ]


class LoopbackPages:
    """The upload page of a server on stdio: a server of its own on a free port of this machine, started when needed."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self._starting = threading.Lock()
        self._address: str | None = None

    def address(self) -> str:
        with self._starting:
            if self._address is None:
                self._address = self._start()
            return self._address

    def _start(self) -> str:
        import uvicorn

        from agent.serving.access import Access
        from agent.serving.gate import Gate, answering_to

        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        app = Gate(
            Starlette(routes=upload_routes(self._uploads)), Access(), answering_to(["127.0.0.1", "localhost"], port)
        )
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", lifespan="off"))
        threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="uploads", daemon=True).start()
        return f"http://127.0.0.1:{port}"


def _form(link: Link, wrong: str = "", status: int = 200) -> Response:
    told = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    body = f"""
<h1>Give Steadface a photo</h1>
<p>Choose a photo of the person, or drop it here. It stays on the computer that runs Steadface.</p>
{told}
<form method="post" enctype="multipart/form-data" action="{upload_path(link)}">
<div class="drop">
<label for="photo">One photo, JPEG, PNG, WebP or HEIC, at most {LARGEST_FILE // 10**6} MB</label>
<input id="photo" name="photo" type="file" accept="image/*,.heic,.heif" required>
</div>
<button>Send the photo</button>
</form>
<p>This page takes one photo, within {max(1, link.seconds_left // 60)} minutes.</p>"""
    return _page(body, status, _SCRIPT)


def _received() -> Response:
    return _page("<h1>The photo is in</h1><p>Go back to the chat; you can close this page.</p>")


def _gone() -> Response:
    return _page("<h1>This link has ended</h1><p>Ask for a new one in the chat.</p>", 404)


def _page(body: str, status: int = 200, script: str = "") -> Response:
    html = page("Steadface: a photo", body, script)
    headers = {"Content-Security-Policy": page_policy(html), "Cache-Control": "no-store"}
    return HTMLResponse(html, status, headers)
