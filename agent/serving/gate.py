"""The one layer over the whole HTTP server: for which names it answers, who is let in, and what browsers are told.

The SDK checks host names and tokens at its own endpoint alone; here every route is behind the same gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.authentication import AuthCredentials
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.serving.access import Access
from agent.serving.pages import SHUT
from tools.errors import Unavailable

HEALTH, LOGIN, WELL_KNOWN = "/health", "/login", "/.well-known/"

_READS = ("GET", "HEAD", "OPTIONS")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": SHUT,
    "Cache-Control": "private, no-cache",
}
"""Of every answer that does not say otherwise itself."""


class Gate:
    """Lets a request through under a known host name, from no foreign page, and from a caller that is known.

    ``/health`` tells nothing and is open to all; the login and what OAuth clients must read first need no caller.
    """

    def __init__(self, app: ASGIApp, access: Access, names: TransportSecuritySettings) -> None:
        self._app = AuthContextMiddleware(app)
        self._access = access
        self._names = TransportSecurityMiddleware(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == HEALTH:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        refusal = await self._names.validate_request(request) or await self._stranger(request)
        await (refusal or self._app)(scope, receive, _with_headers(send))

    async def _stranger(self, request: Request) -> Response | None:
        """The answer to a caller who is not let in; who is, is noted in the request."""
        path = request.scope["path"]  # what is routed by; request.url is put together from what the caller sent
        if not self._access.asked or path == LOGIN or path.startswith(WELL_KNOWN):
            return None
        try:
            caller = await self._access.caller(request)
        except Unavailable as error:
            return JSONResponse({"error": str(error)}, 503)
        if caller is None:
            return self._asked_in(request)
        lacking = set(self._access.scopes) - set(caller.scopes)
        if lacking:
            told = f"The token lacks the scope {' '.join(sorted(lacking))}; ask its issuer for one that has it."
            return JSONResponse({"error": told}, 403, {"WWW-Authenticate": self._challenge("insufficient_scope")})
        if "authorization" not in request.headers and _is_unasked(request):
            return JSONResponse({"error": "A change comes from a page of this server, or with a bearer token."}, 403)
        request.scope["user"] = AuthenticatedUser(caller)
        request.scope["auth"] = AuthCredentials(caller.scopes)
        return None

    def _asked_in(self, request: Request) -> Response:
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(f"{LOGIN}?next={quote(request.scope['path'])}", 303)
        tried = "invalid_token" if "authorization" in request.headers and self._access.oauth else None
        what = "the server's STEADFACE_TOKEN" if self._access.token else "an access token of its OAuth issuer"
        return PlainTextResponse(
            f"Send the header Authorization: Bearer with {what}.\n", 401, {"WWW-Authenticate": self._challenge(tried)}
        )

    def _challenge(self, error: str | None) -> str:
        """As RFC 6750 and RFC 9728 want it, so that OAuth clients find the issuer."""
        facts = [f'error="{error}"'] if error else []
        if self._access.oauth is not None:
            facts.append(f'resource_metadata="{self._access.oauth.metadata_url}"')
        return f"Bearer {', '.join(facts)}".strip()


def answering_to(names: Sequence[str], port: int) -> TransportSecuritySettings:
    """Hosts and origins that a request may name: a page that points its own name at this machine is turned away."""
    hosts = [address for name in names for address in (name, f"{name}:{port}")]
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=hosts,
        allowed_origins=[f"{scheme}://{address}" for address in hosts for scheme in ("http", "https")],
    )


def _is_unasked(request: Request) -> bool:
    """Whether a browser with a session may have been led here: its own pages name their origin, which was checked."""
    return request.method not in _READS and "origin" not in request.headers


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sent
