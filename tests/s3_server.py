"""A server that speaks S3, in threads of the tests, on loopback."""

from __future__ import annotations

import logging
from datetime import timedelta
from itertools import count

from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import FakeBucket, S3Backend, s3_backends
from moto.server import ThreadedMotoServer

KEY, SECRET = "AKIASTEADFACETESTS00", "secret-4711/of+tests"


class S3Server:
    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._number = count(1)
        self._port = 0
        self.start()
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def new_bucket(self) -> Bucket:
        name = f"bucket-{next(self._number)}"
        self._backend.create_bucket(name, "us-east-1")
        return Bucket(self._backend, name)

    def start(self) -> None:
        self._server: ThreadedMotoServer | None = ThreadedMotoServer("127.0.0.1", self._port, verbose=False)
        self._server.start()
        _, self._port = self._server.get_host_and_port()

    def stop(self) -> None:
        """Nobody answers then; what lies in the buckets stays."""
        if self._server:
            self._server.stop()
            self._server._server.server_close()
            self._server = None

    def start_again(self) -> None:
        """Where it was stopped."""
        if not self._server:
            self.start()

    @property
    def _backend(self) -> S3Backend:
        return s3_backends[DEFAULT_ACCOUNT_ID]["aws"]


class Bucket:
    """What lies in a bucket, as nobody who speaks to the server can see or change it."""

    def __init__(self, backend: S3Backend, name: str) -> None:
        self._backend, self.name = backend, name
        self.url = f"s3://{name}/videos"

    @property
    def keys(self) -> list[str]:
        return sorted(self._bucket.keys)

    def read(self, key: str) -> bytes:
        return self._bucket.keys[key].value

    def write(self, key: str, data: bytes) -> None:
        self._backend.put_object(self.name, key, data)

    def drop(self, key: str) -> None:
        self._backend.delete_object(self.name, key)

    def age(self, seconds: float) -> None:
        for key in self._bucket.keys.values():
            key.last_modified -= timedelta(seconds=seconds)

    @property
    def _bucket(self) -> FakeBucket:
        return self._backend.buckets[self.name]
