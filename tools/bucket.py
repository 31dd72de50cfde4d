"""Artifacts in object storage, of which each machine that works with them has copies.

Through fsspec, which reads credentials and end points where the client of each storage does: for S3 the environment,
``AWS_ENDPOINT_URL`` among it. An object is there whole or not at all; what was fetched is checked against its hash.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tools.artifacts import Folder, Kept, hash_of, room_on_disk
from tools.errors import InputError, SteadfaceError, StorageAway, Unavailable

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

log = logging.getLogger(__name__)

_EXTRAS = {"s3": "steadface[s3]", "s3a": "steadface[s3]", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
"""What is to be installed for a scheme."""

_FULL = {"XMinioStorageFull", "InsufficientStorage", "QuotaExceeded", "507"}
"""Codes with which servers that speak S3 say that they have no room."""

_AWAY = {
    "ConnectionError",
    "HTTPClientError",
    "TimeoutError",
    "ClientConnectionError",
    "ClientPayloadError",
    "ServiceRequestError",
    "ServiceResponseError",
}
"""Kinds of errors, by name since each client has its own, of which no server knows: botocore's, aiohttp's, Azure's."""

_FOR_NOW = {408, 429, 500, 502, 503, 504}
"""HTTP statuses of servers that may answer the same request later."""


class Bucket:
    """Implements ``Shelf``. The copies that nobody used for a day go."""

    def __init__(self, root: Path, url: str) -> None:
        """``root`` is the folder of the copies."""
        self._url = url.rstrip("/")
        self._copies = Folder(root)

    @cached_property
    def _storage(self) -> tuple[AbstractFileSystem, str]:
        """The client, and what stands before each key."""
        scheme = urlsplit(self._url).scheme
        try:
            from fsspec.core import url_to_fs

            storage, prefix = url_to_fs(self._url, skip_instance_cache=True, use_listings_cache=False)
        except ImportError as error:
            package = _EXTRAS.get(scheme)
            hint = f"get it with: pip install '{package}'" if package else f"fsspec says: {error}"
            raise Unavailable(f"What speaks to {scheme}:// is not installed; {hint}.") from None
        except ValueError as error:
            raise Unavailable(f"Nothing speaks to {self._url} ({error}); write s3://, gs:// or az://.") from None
        return storage, prefix

    def draft(self, suffix: str) -> AbstractContextManager[Path]:
        return self._copies.draft(suffix)

    def keep(self, draft: Path, key: str) -> None:
        self._upload(draft, key)
        self._copies.keep(draft, key)

    def path(self, key: str) -> Path | None:
        return self._copies.place(key) if self._copies.renew(key) else self._fetched(key)

    def mend(self, key: str) -> Path | None:
        self._copies.drop(key)
        return self._fetched(key)

    def whole(self, key: str) -> bool:
        """Reads the copy, where there is one, and compares the object's size with it."""
        fact = self.fact(key)
        if fact is None or not self._copies.whole(key):
            return fact is not None and self.mend(key) is not None
        copy = self._copies.fact(key)
        return copy is not None and copy.bytes == fact.bytes

    def fact(self, key: str) -> Kept | None:
        with self._spoken_to() as (storage, prefix):
            try:
                facts = storage.info(f"{prefix}/{key}")
            except FileNotFoundError:
                return None
            return _kept(key, facts, storage)

    def read(self, key: str) -> bytes | None:
        with self._spoken_to() as (storage, prefix):
            try:
                data: bytes = storage.cat_file(f"{prefix}/{key}")
            except FileNotFoundError:
                return None
            return data

    def write(self, key: str, data: bytes) -> None:
        with self._spoken_to() as (storage, prefix):
            storage.pipe_file(f"{prefix}/{key}", data)

    def below(self, folder: str) -> Iterator[Kept]:
        with self._spoken_to() as (storage, prefix):
            found = storage.find(f"{prefix}/{folder}", detail=True)
            listed = [_kept(name.removeprefix(f"{prefix}/"), facts, storage) for name, facts in found.items()]
        yield from listed

    def renew(self, key: str) -> bool:
        if not self.whole(key):
            return False
        self._upload(self._copies.place(key), key)
        return True

    def drop(self, key: str) -> None:
        self._copies.drop(key)
        with self._spoken_to() as (storage, prefix), suppress(FileNotFoundError):
            storage.rm_file(f"{prefix}/{key}")

    def drop_below(self, folder: str) -> None:
        self._copies.drop_below(folder)
        with self._spoken_to() as (storage, prefix):
            names = storage.find(f"{prefix}/{folder}")
            if names:
                storage.rm(names)

    def abandoned(self) -> list[Kept]:
        return [*self._copies.abandoned(), *self._copies.unused("artifacts"), *self._copies.unused("scratch")]

    def drop_abandoned(self) -> None:
        for copy in self.abandoned():
            self._copies.drop(copy.key)

    def _upload(self, file: Path, key: str) -> None:
        with self._spoken_to() as (storage, prefix):
            storage.put_file(str(file), f"{prefix}/{key}")

    def _fetched(self, key: str) -> Path | None:
        """The copy, made now; a torn object is deleted."""
        with self._copies.draft(PurePosixPath(key).suffix) as draft:
            with self._spoken_to() as (storage, prefix), room_on_disk(self._copies.root):
                try:
                    storage.get_file(f"{prefix}/{key}", str(draft))
                except FileNotFoundError:
                    return None
            if hash_of(draft) != PurePosixPath(key).stem:
                log.warning("%s/%s was torn and is deleted", self._url, key)
                self.drop(key)
                return None
            self._copies.keep(draft, key)
        return self._copies.place(key)

    @contextmanager
    def _spoken_to(self) -> Iterator[tuple[AbstractFileSystem, str]]:
        """What goes wrong on the way, in one sentence; the details are logged."""
        storage = self._storage
        try:
            yield storage
        except SteadfaceError:
            raise
        except Exception as error:  # each client has its own
            told = self._plainly(error)
            level = logging.INFO if isinstance(told, StorageAway) else logging.WARNING  # who waits for it tells once
            log.log(level, "%s failed: %s: %s", self._url, type(error).__name__, error)
            raise told from error

    def _plainly(self, error: Exception) -> SteadfaceError:
        code = _code(error)
        if code in _FULL or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)):
            return InputError(f"The storage at {self._url} is full; free some space there.")
        if isinstance(error, PermissionError) or "Credentials" in type(error).__name__:
            return Unavailable(
                f"The storage at {self._url} does not let Steadface in; check the credentials in the environment, and "
                "that they may list, read, write and delete there."
            )
        if isinstance(error, FileNotFoundError):
            return Unavailable(f"There is no {self._url}; make its bucket, or correct STEADFACE_ARTIFACTS_URL.")
        what = code or type(error).__name__
        if _is_away(error):
            return StorageAway(
                f"The storage at {self._url} cannot be used now ({what}); jobs go on when it is back. See that it can "
                "be reached from this machine."
            )
        return Unavailable(
            f"The storage at {self._url} does not answer as it should ({what}); see its log, and that "
            "STEADFACE_ARTIFACTS_URL is right."
        )


def _is_away(error: Exception) -> bool:
    status = _response(error).get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status in _FOR_NOW or not _AWAY.isdisjoint(kind.__name__ for kind in type(error).__mro__)


def _code(error: Exception) -> str:
    """What an S3 server called its error; empty where it is none of one."""
    return str(_response(error).get("Error", {}).get("Code", ""))


def _response(error: Exception) -> dict[str, Any]:
    """What an S3 server answered; empty where the error is none of one."""
    for each in (error, error.__cause__):
        response = getattr(each, "response", None)
        if isinstance(response, dict):
            return response
    return {}


def _kept(key: str, facts: dict[str, Any], storage: AbstractFileSystem) -> Kept:
    modified = facts.get("LastModified") or storage.modified(facts["name"])
    return Kept(key, int(facts["size"]), modified.timestamp())
