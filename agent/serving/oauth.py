"""OAuth: access tokens as JWTs, verified with the keys that their issuer publishes."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
import jwt
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from pydantic import AnyHttpUrl
from starlette.routing import Route

from tools.errors import InputError, Unavailable

log = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Asymmetric ones alone: with any other, whoever knows the published key could sign."""

_KEY_TYPES = ("RSA", "EC", "OKP")
_LARGEST_ANSWER = 256 * 1024
"""Bytes that the issuer may answer with."""
_LONGEST_FETCH = 10
_KEPT = 3600.0
_ASKED_AGAIN = 10.0
"""Seconds: a fetch, for how long its keys are good, and until an unknown key is asked for again."""
_LEEWAY = 30
"""Seconds that the clocks of issuer and server may be apart."""


def resource_server(issuer: str | None, resource: str | None, scopes: list[str]) -> ResourceServer:
    """As the settings say. Raises ``InputError`` for settings that cannot be."""
    if issuer is None or resource is None:
        raise InputError("STEADFACE_OAUTH_ISSUER and STEADFACE_OAUTH_RESOURCE_URL belong together; set both.")
    for name, url in (("STEADFACE_OAUTH_ISSUER", issuer), ("STEADFACE_OAUTH_RESOURCE_URL", resource)):
        if not _is_safe(url):
            raise InputError(f"{name} cannot be {url!r}; give an https URL.")
    return ResourceServer(issuer, resource, scopes)


class ResourceServer:
    """This server to the OAuth world: where its tokens come from, and which are good. A ``TokenVerifier`` of the SDK's.

    A token is a JWT of the issuer, made out for this server's URL and nobody else's.
    """

    def __init__(self, issuer: str, resource: str, scopes: list[str]) -> None:
        self._issuer, self._resource, self.scopes = issuer, resource, scopes
        self._keys = _IssuersKeys(issuer)

    @property
    def metadata_url(self) -> str:
        """Where clients learn which server gives out tokens for this one (RFC 9728)."""
        return str(build_resource_metadata_url(AnyHttpUrl(self._resource)))

    def metadata_routes(self) -> list[Route]:
        return create_protected_resource_routes(
            resource_url=AnyHttpUrl(self._resource),
            authorization_servers=[AnyHttpUrl(self._issuer)],
            scopes_supported=self.scopes,
            resource_name="Steadface",
        )

    async def verify_token(self, token: str) -> AccessToken | None:
        """Who the token is for; ``None`` for a token that is not good. Raises ``Unavailable`` without keys."""
        resource = self._resource.removesuffix("/")
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                return None
            key = await self._keys.named(header.get("kid"))
            if key is None:
                return None
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                issuer=self._issuer,
                audience=[resource, f"{resource}/"],
                leeway=_LEEWAY,
                options={"require": ["iss", "sub", "aud", "exp"]},
            )
        except jwt.PyJWTError as error:
            log.info("A token was refused: %s", error)
            return None
        return AccessToken(
            token=token,
            client_id=str(claims.get("client_id") or claims.get("azp") or claims["sub"]),
            scopes=_scopes(claims),
            expires_at=int(claims["exp"]) + _LEEWAY,
            resource=resource,
            subject=claims["sub"],
            claims={"iss": claims["iss"]},
        )


class _IssuersKeys:
    """The issuer's keys, fetched when they are first needed and again when they are old or one is not among them."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._keys: list[jwt.PyJWK] = []
        self._fetched = self._tried = float("-inf")
        self._fetching = anyio.Lock()

    async def named(self, kid: str | None) -> jwt.PyJWK | None:
        """The key of a name; without one the only key there is. Raises ``Unavailable`` where there are none to ask."""
        found = self._found(kid)
        if found is not None and time.monotonic() - self._fetched < _KEPT:
            return found
        async with self._fetching:
            if time.monotonic() - self._tried >= _ASKED_AGAIN:
                await self._fetch()
        if time.monotonic() - self._fetched >= _KEPT:
            raise Unavailable("The keys of the OAuth issuer cannot be had at the moment; try again in a minute.")
        return self._found(kid)

    def _found(self, kid: str | None) -> jwt.PyJWK | None:
        keys = self._keys if kid is None else [key for key in self._keys if key.key_id == kid]
        return keys[0] if len(keys) == 1 else None

    async def _fetch(self) -> None:
        self._tried = time.monotonic()
        try:
            with anyio.fail_after(_LONGEST_FETCH):
                async with httpx2.AsyncClient(timeout=_LONGEST_FETCH, follow_redirects=False) as http:
                    self._keys = _usable(await _json(http, await _keys_url(http, self._issuer)))
        except (httpx2.HTTPError, TimeoutError, ValueError) as error:
            log.warning("The keys of the OAuth issuer could not be fetched: %s", error or type(error).__name__)
            return
        self._fetched = time.monotonic()


async def _keys_url(http: httpx2.AsyncClient, issuer: str) -> str:
    """Where the issuer says its keys are (OpenID Connect Discovery, or RFC 8414)."""
    parts = urlsplit(issuer)
    places = (
        f"{issuer.removesuffix('/')}/.well-known/openid-configuration",
        f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path.removesuffix('/')}",
    )
    for place in places:
        try:
            metadata = await _json(http, place)
        except httpx2.HTTPStatusError as error:
            if error.response.status_code == 404:
                continue
            raise
        if metadata.get("issuer") != issuer:
            raise ValueError(f"{place} is about another issuer")
        return str(metadata.get("jwks_uri", ""))
    raise ValueError(f"neither {places[0]} nor {places[1]} is there")


async def _json(http: httpx2.AsyncClient, url: str) -> dict[str, Any]:
    if not _is_safe(url):
        raise ValueError(f"{url!r} is no https URL")
    body = bytearray()
    async with http.stream("GET", url) as response:
        response.raise_for_status()  # a redirect is an error too
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _LARGEST_ANSWER:
                raise ValueError(f"{url} answers with more than {_LARGEST_ANSWER} bytes")
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError(f"{url} holds no JSON object")
    return found


def _usable(key_set: dict[str, Any]) -> list[jwt.PyJWK]:
    """The keys that verify signatures; of what a set may hold besides, nothing."""
    listed = key_set.get("keys")
    if not isinstance(listed, Sequence):
        raise ValueError("the key set has no keys")
    keys = []
    for entry in listed:
        if isinstance(entry, dict) and entry.get("kty") in _KEY_TYPES and entry.get("use", "sig") == "sig":
            try:
                keys.append(jwt.PyJWK(entry))
            except jwt.PyJWTError:  # of a kind that this library does not know
                continue
    return keys


def _scopes(claims: dict[str, Any]) -> list[str]:
    """``scope`` as RFC 9068 has it, or ``scp`` as Entra and Okta do."""
    told = claims.get("scope", claims.get("scp", []))
    return told.split() if isinstance(told, str) else [str(scope) for scope in told]


def _is_safe(url: str) -> bool:
    """https; on this machine http too."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and _is_loopback(parts.hostname or "")


def _is_loopback(name: str) -> bool:
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
