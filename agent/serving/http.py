"""Streamable HTTP: where it may listen, who may call, and for which host names it answers."""

from __future__ import annotations

import ipaddress
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from types import FrameType

import uvicorn
from mcp.server import MCPServer
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from agent.serving.access import Access
from agent.serving.gate import HEALTH, Gate, answering_to
from agent.serving.login import login_routes
from agent.serving.reach import Reach
from tools.errors import InputError

PATH = "/mcp"
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_GOODBYE = 1
"""Seconds that open connections get at the end."""
_KEPT_OPEN = 75
"""Seconds that an idle connection stays open; longer than clients keep theirs, for one that is closed just as its
client asks is an error to the client."""


def reach_of(host: str, access: Access) -> Reach:
    """Who can call a server that listens there. Raises ``InputError`` where that would be anyone at all."""
    if not _is_loopback(host) and not access.asked:
        raise InputError(
            f"Without a token anyone on the network could use a server on {host}; set STEADFACE_TOKEN, or the OAuth "
            "settings, or listen on 127.0.0.1."
        )
    # A token on a loopback address is for callers that come through a tunnel or a proxy.
    return Reach.NETWORK if access.asked else Reach.LOOPBACK


def serve_http(
    server: MCPServer[None],
    routes: Sequence[BaseRoute],
    access: Access,
    host: str,
    port: int,
    names: Sequence[str],
    drain: Callable[[], None],
) -> None:
    """Serve until SIGTERM, which calls ``drain`` first, or Ctrl-C: MCP and the pages and files of ``routes``.

    ``names`` are further host names that callers know this machine by.
    """
    listening = listen(host, port)
    port = listening.getsockname()[1]
    known = list(dict.fromkeys([*_LOOPBACK_NAMES, _bracketed(host), socket.gethostname(), *names]))
    security = answering_to(known, port)
    app = server.streamable_http_app(host=host, streamable_http_path=PATH, transport_security=security)
    app.router.routes += [Route(HEALTH, _health), *login_routes(access), *routes]
    if access.oauth is not None:
        app.router.routes += access.oauth.metadata_routes()
    _say(f"Steadface listens on http://{_bracketed(host)}:{port}{PATH}")
    if not _is_loopback(host):
        _say(f"It answers to the host names {', '.join(known)}; add another with --allow-host.")
    config = uvicorn.Config(
        Gate(app, access, security),
        log_config=None,
        log_level="warning",
        ws="none",
        timeout_graceful_shutdown=_GOODBYE,
        timeout_keep_alive=_KEPT_OPEN,
    )
    _Server(config, drain).run(sockets=[listening])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, drain: Callable[[], None]) -> None:
        super().__init__(config)
        self._drain = drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGTERM:
            self._drain()
        super().handle_exit(sig, frame)


async def _health(_: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """Raises ``InputError`` where nothing can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"Nothing can listen on {host} port {port} ({why}); choose another with --host and --port."
        ) from None
    # Connections have it from here; asyncio sets it for sockets that it opened itself. Without it an answer of two
    # writes waits 40 ms for the client's acknowledgement of the first.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - for the person who started the server


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
