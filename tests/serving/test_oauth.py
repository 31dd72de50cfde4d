"""Which OAuth tokens are good: JWTs of the one issuer, for this server, signed with a key that the issuer publishes."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from issuer import RESOURCE, Issuer, rsa_key

from agent.serving import oauth
from agent.serving.access import access_of
from agent.serving.oauth import ResourceServer, resource_server
from agent.settings import load_settings
from tools.errors import InputError, Unavailable

pytestmark = pytest.mark.anyio

METADATA = "/realm/.well-known/openid-configuration"


def server(issuer: Issuer) -> ResourceServer:
    return resource_server(issuer.url, RESOURCE, ["video"])


@pytest.mark.parametrize("given", [{}, {"kid": "two", "alg": "ES256"}, {"aud": [RESOURCE, "https://other.example"]}])
async def test_a_good_token_names_its_subject_its_client_and_its_scopes(issuer: Issuer, given: dict[str, Any]) -> None:
    caller = await server(issuer).verify_token(issuer.token("ada", client_id="desk", scope="video more", **given))
    assert caller is not None
    assert (caller.subject, caller.client_id, caller.scopes) == ("ada", "desk", ["video", "more"])
    assert caller.claims == {"iss": issuer.url}
    assert caller.resource == RESOURCE


@pytest.mark.parametrize("scopes", [{"scp": "video"}, {"scp": ["video"]}])
async def test_scopes_are_read_as_other_issuers_write_them(issuer: Issuer, scopes: dict[str, Any]) -> None:
    caller = await server(issuer).verify_token(issuer.token(scope=None, **scopes))
    assert caller is not None
    assert caller.scopes == ["video"]


def _resigned(token: str, alg: str, secret: bytes | None) -> str:
    """A token whose head names another algorithm, signed by it with a secret, or not at all."""
    head, claims, _ = token.split(".")
    told = json.loads(base64.urlsafe_b64decode(head + "=="))
    signed = f"{_url_safe(json.dumps({**told, 'alg': alg}).encode())}.{claims}"
    signature = hmac.digest(secret, signed.encode(), "sha256") if secret is not None else b""
    return f"{signed}.{_url_safe(signature)}"


def _url_safe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _published(issuer: Issuer) -> bytes:
    return issuer.keys["one"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


BAD: dict[str, Callable[[Issuer], str]] = {
    "of another issuer": lambda issuer: issuer.token(iss="https://evil.example"),
    "for another server": lambda issuer: issuer.token(aud="https://other.example/mcp"),
    "for nobody in particular": lambda issuer: issuer.token(aud=None),
    "that is over": lambda issuer: issuer.token(exp=int(time.time()) - 60),
    "without an end": lambda issuer: issuer.token(exp=None),
    "that is not good yet": lambda issuer: issuer.token(nbf=int(time.time()) + 600),
    "of no subject": lambda issuer: issuer.token(sub=None),
    "signed by somebody else": lambda issuer: issuer.token(key=rsa_key()),
    "of an unknown key": lambda issuer: issuer.token(key=rsa_key(), kid="nine"),
    "with its claims changed": lambda issuer: ".".join(
        (issuer.token().split(".")[0], issuer.token("eve").split(".")[1], issuer.token().split(".")[2])
    ),
    "not signed": lambda issuer: _resigned(issuer.token(), "none", None),
    "signed with the public key as a secret": lambda issuer: _resigned(issuer.token(), "HS256", _published(issuer)),
    "with the algorithm of another key": lambda issuer: issuer.token(key=issuer.keys["two"], alg="ES256", kid="one"),
    "that is none": lambda issuer: "nonsense",
    "that is empty": lambda issuer: "",
}


@pytest.mark.parametrize("made", BAD.values(), ids=BAD.keys())
async def test_a_bad_token_is_refused(issuer: Issuer, made: Callable[[Issuer], str]) -> None:
    verifier = server(issuer)
    assert await verifier.verify_token(issuer.token()) is not None
    assert await verifier.verify_token(made(issuer)) is None


async def test_keys_are_fetched_once_and_unknown_ones_do_not_have_them_fetched_again_and_again(issuer: Issuer) -> None:
    verifier = server(issuer)
    for _ in range(3):
        assert await verifier.verify_token(issuer.token()) is not None
        assert await verifier.verify_token(BAD["of an unknown key"](issuer)) is None
    assert issuer.asked.count("/realm/keys") == 1


async def test_a_new_key_of_the_issuer_is_found(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oauth, "_ASKED_AGAIN", 0)
    verifier = server(issuer)
    assert await verifier.verify_token(issuer.token()) is not None
    issuer.keys["three"] = rsa_key()
    assert await verifier.verify_token(issuer.token(kid="three")) is not None


async def test_an_issuer_that_answers_as_rfc_8414_says_is_found(issuer: Issuer) -> None:
    metadata = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"}
    issuer.changed = {METADATA: None, "/.well-known/oauth-authorization-server/realm": metadata}
    assert await server(issuer).verify_token(issuer.token()) is not None


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({METADATA: None}, id="no metadata"),
        pytest.param({METADATA: {"issuer": "https://evil.example", "jwks_uri": "x"}}, id="of another issuer"),
        pytest.param({METADATA: {"jwks_uri": "http://video.example/keys"}}, id="keys not over https"),
        pytest.param({METADATA: "/realm/keys"}, id="redirected"),
        pytest.param({METADATA: b"[]"}, id="no object"),
        pytest.param({"/realm/keys": b"<html>"}, id="no JSON"),
        pytest.param({"/realm/keys": {"keys": 3}}, id="no keys"),
        pytest.param({"/realm/keys": b" " * 300_000 + b"{}"}, id="too much"),
    ],
)
async def test_without_sound_keys_it_is_said_that_the_issuer_cannot_be_asked(
    issuer: Issuer, changed: dict[str, Any]
) -> None:
    if isinstance(changed.get(METADATA), dict):
        changed = {METADATA: {"issuer": issuer.url, **changed[METADATA]}}
    issuer.changed = changed
    with pytest.raises(Unavailable, match="keys of the OAuth issuer cannot be had"):
        await server(issuer).verify_token(issuer.token())


async def test_an_issuer_that_is_away_is_told_as_such(issuer: Issuer) -> None:
    token = issuer.token()
    issuer.stop()
    with pytest.raises(Unavailable):
        await server(issuer).verify_token(token)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"oauth_issuer": "https://issuer.example"}, "set both"),
        ({"oauth_resource_url": RESOURCE}, "set both"),
        ({"oauth_issuer": "http://issuer.example", "oauth_resource_url": RESOURCE}, "STEADFACE_OAUTH_ISSUER cannot be"),
        ({"oauth_issuer": "https://issuer.example", "oauth_resource_url": "mcp"}, "RESOURCE_URL cannot be 'mcp'"),
    ],
)
def test_settings_that_cannot_be_are_told(settings: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        access_of(load_settings(**settings))
