"""Streamable HTTP: where it may listen, who may call, and for which host names it answers."""

from __future__ import annotations

import hmac
import ipaddress
import socket
import sys

import uvicorn
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from agent.serving.reach import Reach
from tools.errors import InputError

PATH = "/mcp"
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_GOODBYE = 1
"""Seconds that open connections get at the end."""


def reach_of(host: str, token: str | None) -> Reach:
    """Who can call a server that listens there. Raises ``InputError`` where that would be anyone at all."""
    if not _is_loopback(host) and not token:
        raise InputError(
            f"Without a token anyone on the network could use a server on {host}; set STEADFACE_TOKEN, or listen on "
            "127.0.0.1."
        )
    # A token on a loopback address is for callers that come through a tunnel or a proxy.
    return Reach.NETWORK if token else Reach.LOOPBACK


def serve_http(server: MCPServer[None], host: str, port: int, token: str | None, names: list[str]) -> None:
    """Serve until SIGTERM or Ctrl-C. ``names`` are further host names that callers know this machine by."""
    listening = _listen(host, port)
    port = listening.getsockname()[1]
    server.custom_route("/health", methods=["GET"])(_health)
    known = list(dict.fromkeys([*_LOOPBACK_NAMES, _bracketed(host), socket.gethostname(), *names]))
    app: ASGIApp = server.streamable_http_app(
        host=host, streamable_http_path=PATH, transport_security=_security(known, port)
    )
    if token:
        app = TokenGate(app, token)
    _say(f"Steadface listens on http://{_bracketed(host)}:{port}{PATH}")
    if not _is_loopback(host):
        _say(f"It answers to the host names {', '.join(known)}; add another with --allow-host.")
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_GOODBYE)
    uvicorn.Server(config).run(sockets=[listening])


class TokenGate:
    """Lets a request through only with the bearer token, but for ``/health``, which tells nothing."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/health" or self._knows(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        refusal = PlainTextResponse(
            "Send the header Authorization: Bearer with the server's STEADFACE_TOKEN.\n",
            status_code=401,
            headers={"WWW-Authenticate": "Bearer"},
        )
        await refusal(scope, receive, send)

    def _knows(self, headers: Headers) -> bool:
        return hmac.compare_digest(headers.get("authorization", "").encode(), self._expected)


async def _health(_: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"Nothing can listen on {host} port {port} ({why}); choose another with --host and --port."
        ) from None


def _security(names: list[str], port: int) -> TransportSecuritySettings:
    """Hosts and origins that a request may name: a page that points its own name at this machine is turned away."""
    hosts = [address for name in names for address in (name, f"{name}:{port}")]
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=hosts,
        allowed_origins=[f"{scheme}://{address}" for address in hosts for scheme in ("http", "https")],
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - for the person who started the server


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
