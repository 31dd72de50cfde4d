"""``/metrics``: figures of all jobs for Prometheus, for the owner of the installation alone."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agent.serving.access import current_client
from agent.serving.engine import LateEngine
from tools.errors import SteadfaceError

if TYPE_CHECKING:
    from agent.metrics import JobMetrics

PATH = "/metrics"


def metrics_routes(engine: LateEngine) -> list[Route]:
    return [Route(PATH, _Figures(engine).answer, methods=["GET"])]


class _Figures:
    def __init__(self, engine: LateEngine) -> None:
        self._engine = engine

    async def answer(self, _: Request) -> Response:
        if current_client() is not None:
            told = "The figures tell of everybody's jobs; ask for them with the server's STEADFACE_TOKEN."
            return JSONResponse({"error": told}, 403)
        try:
            text = await anyio.to_thread.run_sync(lambda: self._metrics.text())
        except SteadfaceError as error:
            return JSONResponse({"error": str(error)}, 503)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    @cached_property
    def _metrics(self) -> JobMetrics:
        from agent.metrics import JobMetrics

        return JobMetrics(self._engine.get().store)
