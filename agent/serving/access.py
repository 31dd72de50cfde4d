"""Who may call the HTTP server, and as whom: the owner by the token, others by OAuth, browsers by a session."""

from __future__ import annotations

import hmac
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from pydantic import ValidationError

from tools.errors import InputError

if TYPE_CHECKING:
    from starlette.requests import Request

    from agent.serving.oauth import ResourceServer
    from agent.settings import Settings

SESSION_COOKIE = "steadface_session"
SESSION_SECONDS = 12 * 60 * 60
SHORTEST_TOKEN = 16
"""Characters of the owner's token."""


def current_client() -> str | None:
    """Whose call this is: an OAuth subject with its issuer.

    ``None`` is the owner of the installation: on stdio, on loopback without a token, or with STEADFACE_TOKEN.
    """
    caller = get_access_token()
    if caller is None or caller.subject is None:
        return None
    return f"{(caller.claims or {})['iss']} {caller.subject}"


@dataclass(frozen=True)
class Access:
    """What lets a caller in. Without a token and without OAuth it is open to whoever can reach the server."""

    token: str | None = None
    oauth: ResourceServer | None = None
    sessions: Sessions = field(default_factory=lambda: Sessions())

    @property
    def asked(self) -> bool:
        return self.token is not None or self.oauth is not None

    @property
    def scopes(self) -> list[str]:
        """What every OAuth token must have."""
        return self.oauth.scopes if self.oauth else []

    async def caller(self, request: Request) -> AccessToken | None:
        """Who sent a request, by its bearer token, else by its session; ``None`` for nobody that is known."""
        if "authorization" not in request.headers:
            return self.sessions.opened_by(request.cookies.get(SESSION_COOKIE, ""))
        scheme, _, bearer = request.headers["authorization"].partition(" ")
        return await self.holder(bearer.strip()) if scheme.lower() == "bearer" else None

    async def holder(self, bearer: str) -> AccessToken | None:
        """Who holds a bearer token. Raises ``Unavailable`` where the issuer cannot be asked for its keys."""
        if self.token is not None and hmac.compare_digest(bearer.encode(), self.token.encode()):
            return AccessToken(token=bearer, client_id="owner", scopes=self.scopes)
        return await self.oauth.verify_token(bearer) if self.oauth else None


class Sessions:
    """Logins of browsers: the cookie says who it is and until when, signed with a key that this process alone has."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def open(self, caller: AccessToken) -> str:
        """The value of the cookie. It ends with the token that it was opened with, and with the process."""
        until = int(time.time()) + SESSION_SECONDS
        ends = min(until, caller.expires_at) if caller.expires_at else until
        told = caller.model_copy(update={"token": "", "expires_at": ends}).model_dump_json().encode()
        return f"{urlsafe_b64encode(told).decode()}.{self._signature(told)}"

    def opened_by(self, cookie: str) -> AccessToken | None:
        told, _, signature = cookie.partition(".")
        try:
            data = urlsafe_b64decode(told)
            if not hmac.compare_digest(signature.encode(), self._signature(data).encode()):
                return None
            caller = AccessToken.model_validate_json(data)
        except (ValueError, ValidationError):
            return None
        return caller if caller.expires_at and caller.expires_at > time.time() else None

    def _signature(self, data: bytes) -> str:
        return hmac.digest(self._key, data, "sha256").hex()


def access_of(settings: Settings) -> Access:
    """As the settings say. Raises ``InputError`` for a token that is soon guessed, or OAuth settings that cannot be."""
    token = settings.token.get_secret_value() if settings.token else None
    if token is not None and len(token) < SHORTEST_TOKEN:
        raise InputError(
            f"STEADFACE_TOKEN is shorter than {SHORTEST_TOKEN} characters, so it is soon guessed; make one with: "
            "openssl rand -hex 32"
        )
    if settings.oauth_issuer is None and settings.oauth_resource_url is None:
        return Access(token)
    from agent.serving.oauth import resource_server

    return Access(token, resource_server(settings.oauth_issuer, settings.oauth_resource_url, settings.oauth_scopes))
