"""An OAuth issuer for tests: it publishes its metadata and keys on loopback, and signs whatever a test wants signed."""

from __future__ import annotations

import json
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

RESOURCE = "https://video.example/mcp"

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def _first_key() -> rsa.RSAPrivateKey:
    return rsa_key()


class Issuer:
    """``changed`` maps a path to another answer: an object for JSON, bytes, an address to redirect to, or nothing."""

    def __init__(self) -> None:
        self.keys: dict[str, Key] = {"one": _first_key(), "two": ec.generate_private_key(ec.SECP256R1())}
        self.asked: list[str] = []
        self.changed: dict[str, Any] = {}
        issuer = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                status, body, headers = issuer._answer(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._server.server_port}/realm"

    def __enter__(self) -> Issuer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def _answer(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        usual = {
            "/realm/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/realm/keys": {"keys": [_published(name, key) for name, key in self.keys.items()]},
        }
        found = {**usual, **self.changed}.get(path)
        if found is None:
            return 404, b"", {}
        if isinstance(found, str):
            return 302, b"", {"Location": found}
        return 200, found if isinstance(found, bytes) else json.dumps(found).encode(), {}

    def token(
        self, subject: str = "ada", *, key: Any = None, alg: str = "RS256", kid: str = "one", **claims: Any
    ) -> str:
        """A token that is good, but for what is given; a claim of ``None`` is left out."""
        now = int(time.time())
        usual = {"iss": self.url, "aud": RESOURCE, "sub": subject, "iat": now, "exp": now + 600, "scope": "video"}
        told = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return jwt.encode(told, self.keys[kid] if key is None else key, alg, headers={"kid": kid})


def _published(name: str, key: Key) -> dict[str, Any]:
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": name, "use": "sig"}
