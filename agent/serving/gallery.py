"""The web gallery: its page, the jobs as JSON under ``/api``, and the files of each job."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from agent.errors import Busy, UnknownJob
from agent.queue import JobQueue, Queue
from agent.serving.bodies import TooLarge, capped
from agent.serving.engine import LateEngine
from agent.serving.pages import SHUT, page_policy
from agent.serving.reach import Reach
from agent.serving.results import VideoJob, job_of, plainly
from agent.serving.threads import run_long
from agent.status import Status
from agent.views import JobView
from tools.errors import InputError, SteadfaceError

Endpoint = Callable[[Request], Awaitable[Response]]
Asked = TypeVar("Asked", bound=BaseModel)

_FILES = {
    "video.mp4": ("video", "video/mp4"),
    "first_frame.png": ("first_frame", "image/png"),
    "contact_sheet.jpg": ("contact_sheet", "image/jpeg"),
    "report.json": ("report", "application/json"),
    "report.html": ("page", "text/html"),
}
"""By name: the field of ``Delivered`` that has its path, and what it is."""

_LARGEST_BODY = 64 * 1024
"""Bytes."""

_SHOWN = (1280, 1280)
"""Pixels of a picture at the most."""

_FILE_CSP = f"{SHUT}; img-src 'self' data:; media-src 'self' data:; style-src 'unsafe-inline'"
"""For files, which show themselves and run nothing; a report is one page with its pictures in it."""


class _Search(BaseModel):
    model_config = ConfigDict(extra="ignore")

    limit: int = Field(50, ge=1, le=500)
    status: Status | None = None
    q: str | None = Field(None, max_length=200)


class _Refine(BaseModel):
    instruction: str


class _Animate(BaseModel):
    candidate: int = Field(ge=1)


class _Priority(BaseModel):
    priority: int | None = None


class _Nothing(BaseModel):
    """Nothing more to say."""


def gallery_routes(engine: LateEngine, reach: Reach) -> list[Route]:
    return _Gallery(engine, reach).routes()


class _Gallery:
    def __init__(self, engine: LateEngine, reach: Reach) -> None:
        self._engine = engine
        self._reach = reach

    def routes(self) -> list[Route]:
        return [
            self._route("/", self.page),
            self._route("/api/jobs", self.jobs),
            self._route("/api/jobs/{job_id}", self.job),
            self._route("/api/jobs/{job_id}/refine", self.refine, "POST"),
            self._route("/api/jobs/{job_id}/animate", self.animate, "POST"),
            self._route("/api/jobs/{job_id}/cancel", self.cancel, "POST"),
            self._route("/api/jobs/{job_id}/priority", self.prioritise, "POST"),
            self._route("/api/queue", self.queue),
            self._route("/api/queue/pause", self.pause, "POST"),
            self._route("/api/queue/resume", self.resume, "POST"),
            self._route("/jobs/{job_id}/candidates/{number:int}.jpg", self.candidate),
            self._route("/jobs/{job_id}/attachments/{label}.jpg", self.attachment),
            self._route("/jobs/{job_id}/{name}", self.file),
        ]

    def _route(self, path: str, endpoint: Endpoint, method: str = "GET") -> Route:
        return Route(path, self._told_plainly(endpoint), methods=[method])

    async def page(self, _: Request) -> Response:
        built = resources.files("agent.serving") / "app" / "gallery.html"
        if not built.is_file():
            raise InputError("The page of the gallery is not in this installation; install Steadface again.")
        html = built.read_text(encoding="utf-8")
        return HTMLResponse(html, headers={"Content-Security-Policy": page_policy(html)})

    async def jobs(self, request: Request) -> Response:
        asked = _checked(_Search, dict(request.query_params))

        def look() -> list[VideoJob]:
            found = self._engine.get().views(asked.limit, status=asked.status, words=asked.q)
            return [job_of(view, self._engine, self._reach) for view in found]

        found = await anyio.to_thread.run_sync(look)
        return JSONResponse({"jobs": [job.model_dump(mode="json") for job in found]})

    async def job(self, request: Request) -> Response:
        return await self._job(request.path_params["job_id"])

    async def refine(self, request: Request) -> Response:
        job_id, asked = request.path_params["job_id"], await _body(request, _Refine)
        refined = await run_long(lambda: self._engine.get().refine(job_id, asked.instruction))
        if refined.job_id is not None:
            return await self._job(refined.job_id)
        return await self._job(job_id, question=refined.question, message=refined.told)

    async def animate(self, request: Request) -> Response:
        job_id, asked = request.path_params["job_id"], await _body(request, _Animate)
        made = await anyio.to_thread.run_sync(lambda: self._engine.get().animate(job_id, asked.candidate))
        return await self._job(made)

    async def cancel(self, request: Request) -> Response:
        await _body(request, _Nothing)
        await anyio.to_thread.run_sync(lambda: self._engine.get().cancel(request.path_params["job_id"]))
        return await self._job(request.path_params["job_id"])

    async def prioritise(self, request: Request) -> Response:
        """Without a priority the job is put first."""
        job_id, asked = request.path_params["job_id"], await _body(request, _Priority)
        if asked.priority is None:
            return await self._queue(lambda queue: queue.put_first(job_id))
        priority = asked.priority
        return await self._queue(lambda queue: queue.set_priority(job_id, priority))

    async def queue(self, _: Request) -> Response:
        return await self._queue()

    async def pause(self, request: Request) -> Response:
        await _body(request, _Nothing)
        return await self._queue(lambda queue: queue.pause())

    async def resume(self, request: Request) -> Response:
        await _body(request, _Nothing)
        return await self._queue(lambda queue: queue.resume())

    async def file(self, request: Request) -> Response:
        job_id, name = request.path_params["job_id"], request.path_params["name"]
        if name not in _FILES:
            raise _Missing(f"There is no {name[:100]} of a job; there are {', '.join(_FILES)}.")
        field, media = _FILES[name]
        view = await anyio.to_thread.run_sync(lambda: self._engine.get().view(job_id))
        path = getattr(view.result or view.first_frames, field, None)
        if path is None:
            raise _Missing(f"Job {job_id} has no {name}: it is {view.status}.")
        if not Path(path).is_file():
            raise _Missing(f"The {name} of job {job_id} is no longer where it was delivered.")
        return FileResponse(path, media_type=media, headers={"Content-Security-Policy": _FILE_CSP})

    async def candidate(self, request: Request) -> Response:
        job_id, number = request.path_params["job_id"], request.path_params["number"]
        picture = await anyio.to_thread.run_sync(lambda: _candidate(self._engine.get().view(job_id), number))
        return _shown(picture)

    async def attachment(self, request: Request) -> Response:
        """A picture that shows why the job failed."""
        job_id, label = request.path_params["job_id"], request.path_params["label"]
        picture = await anyio.to_thread.run_sync(lambda: _attachment(self._engine.get().view(job_id), label))
        return _shown(picture)

    async def _job(self, job_id: str, **told: str | None) -> Response:
        view = await anyio.to_thread.run_sync(lambda: self._engine.get().view(job_id))
        job = job_of(view, self._engine, self._reach).model_copy(update=told)
        return JSONResponse(job.model_dump(mode="json"))

    async def _queue(self, change: Callable[[JobQueue], None] = lambda _: None) -> Response:
        """The queue after the change."""

        def changed() -> Queue:
            queue = self._engine.get().queue
            change(queue)
            return queue.show()

        now = await anyio.to_thread.run_sync(changed)
        return JSONResponse(now.model_dump(mode="json"))

    def _told_plainly(self, endpoint: Endpoint) -> Endpoint:
        """Every error of ours as one sentence, and a status that says whose it is."""

        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except SteadfaceError as error:
                told = plainly(str(error), self._engine, self._reach)
                return JSONResponse({"error": told}, _status(error))

        return answer


class _Missing(InputError):  # noqa: N818 - what it says
    """There is nothing at this address."""


class _NotJson(InputError):  # noqa: N818 - what it says
    """A body that is not JSON, or not said to be."""


def _shown(picture: bytes) -> Response:
    headers = {"Content-Security-Policy": _FILE_CSP, "Cache-Control": "private, max-age=86400"}
    return Response(picture, media_type="image/jpeg", headers=headers)


def _candidate(view: JobView, number: int) -> bytes:
    file = next((candidate.file for candidate in view.candidates if candidate.number == number), None)
    if file is None or not Path(file).is_file():
        raise _Missing(f"Job {view.job_id} has no candidate {number}.")
    return _jpeg(Path(file))


def _attachment(view: JobView, label: str) -> bytes:
    file = view.error.attachments.get(label) if view.error else None
    if file is None or not Path(file).is_file():
        raise _Missing(f"Job {view.job_id} has no {label[:100]}.")
    return _jpeg(Path(file))


def _jpeg(file: Path) -> bytes:
    """A picture as large as a page shows it."""
    from PIL import Image

    out = BytesIO()
    with Image.open(file) as image:
        shown = image.convert("RGB")
    shown.thumbnail(_SHOWN)
    shown.save(out, "JPEG", quality=85)
    return out.getvalue()


def _status(error: SteadfaceError) -> int:
    match error:
        case UnknownJob() | _Missing():
            return 404
        case TooLarge():
            return 413
        case _NotJson():
            return 415
        case Busy():
            return 429
        case InputError():
            return 400
        case _:
            return 503


async def _body(request: Request, kind: type[Asked]) -> Asked:
    """What a POST asks for. Only JSON that says so is read: a form of a foreign page cannot say it."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise _NotJson("Send the body as JSON, with the header Content-Type: application/json.")
    try:
        data = json.loads(await capped(request, _LARGEST_BODY).body() or b"{}")
    except ValueError:
        raise _NotJson("The body is no JSON; send an object.") from None
    return _checked(kind, data)


def _checked(kind: type[Asked], data: object) -> Asked:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"])) or "body"
        raise InputError(f"{name} cannot be taken: {first['msg']}.") from None
