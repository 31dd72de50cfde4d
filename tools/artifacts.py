"""Bytes kept by their content hash, on a shelf that the agent and the workers share.

    artifacts/ab/abcdef….png      kept
    scratch/<job id>/abcdef….mkv  kept until the job ends
    receipts/<job id>/….json      calls that were done (``tools.pools.receipts``), kept until the job ends

The shelf is a folder, or object storage (``tools.bucket``) with a folder of copies on each machine. The id of an
artifact is its file name; ``<job id>/`` stands before it for scratch. A file appears whole under its name or not at
all: it is written to ``unfinished/`` first. Folders are 0700 and files 0600: they hold photos of people.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from tools.errors import BackendError, InputError

_ID = re.compile(r"(?:(?P<job>[\w-]+)/)?(?P<name>(?P<hash>[0-9a-f]{64})\.[a-z0-9]+)")
_IN_JSON = re.compile(r'"((?:[\w-]+/)?[0-9a-f]{64}\.[a-z0-9]+)"')
_JOB = re.compile(r"[\w-]+")
_OF_JOBS = ("scratch", "receipts")
_ABANDONED = 24 * 3600.0


def private_folder(path: Path) -> Path:
    """Make the folder, and what it lies in, for this user alone."""
    if not path.is_dir():
        private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


@contextmanager
def room_on_disk(root: Path, mend: str = "set STEADFACE_HOME to another disk") -> Iterator[None]:
    """Say in one sentence that the disk is full; ``mend`` is what else to do than free some space."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(f"The disk that holds {root} is full; free some space, or {mend}.") from error
        raise


@contextmanager
def writing_to(root: Path) -> Iterator[None]:
    """Say in one sentence that the disk is full, or that the folder is not ours to write to."""
    try:
        with room_on_disk(root):
            yield
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise InputError(
                f"Steadface may not write to {root}; make it writable, or set STEADFACE_HOME to another folder."
            ) from error
        raise


def write_whole(path: Path, data: bytes, root: Path) -> None:
    """Write the file so that it is there whole or not at all; ``root`` is on the same disk."""
    with _unfinished(root, path.suffix) as draft:
        draft.write_bytes(data)
        _settle(draft, path, root)


def named_in(text: str) -> set[str]:
    """The artifacts that a text in JSON names."""
    return set(_IN_JSON.findall(text))


@dataclass(frozen=True)
class Kept:
    """A file on a shelf. ``modified`` is when it was written or renewed, in seconds since 1970."""

    key: str
    bytes: int
    modified: float

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """Its hash, where it is an artifact."""
        return self.name.partition(".")[0]

    @property
    def job_id(self) -> str:
        """Whose it is, where it is scratch or a receipt."""
        return self.key.split("/")[1]


class Shelf(Protocol):
    """Files by their keys, such as ``artifacts/ab/abcdef….png``, each there whole or not at all."""

    def draft(self, suffix: str) -> AbstractContextManager[Path]:
        """A new empty file on this machine, gone at the end of the block."""
        ...

    def keep(self, draft: Path, key: str) -> None:
        """Move a finished draft in; it is kept when this returns."""
        ...

    def path(self, key: str) -> Path | None:
        """Where an artifact lies on this machine, fetched if need be; ``None`` where it is not kept."""
        ...

    def mend(self, key: str) -> Path | None:
        """Delete what ``path`` gave, which is damaged; where it lies whole, if it is kept elsewhere too."""
        ...

    def whole(self, key: str) -> bool:
        """Whether the artifact is kept and matches its hash."""
        ...

    def fact(self, key: str) -> Kept | None: ...

    def read(self, key: str) -> bytes | None:
        """What is kept now under a key that may be written again."""
        ...

    def write(self, key: str, data: bytes) -> None: ...

    def below(self, folder: str) -> Iterator[Kept]: ...

    def renew(self, key: str) -> bool:
        """Have it count as written now; ``False`` where it is not kept."""
        ...

    def drop(self, key: str) -> None: ...

    def drop_below(self, folder: str) -> None: ...

    def abandoned(self) -> list[Kept]:
        """What nobody goes on with of what lies on this machine alone."""
        ...

    def drop_abandoned(self) -> None: ...


class Folder:
    """Implements ``Shelf`` in a folder of this machine, or of one that shares it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def draft(self, suffix: str) -> AbstractContextManager[Path]:
        return _unfinished(self.root, suffix)

    def keep(self, draft: Path, key: str) -> None:
        _settle(draft, self.place(key), self.root)

    def place(self, key: str) -> Path:
        return self.root / key

    def path(self, key: str) -> Path | None:
        return self.place(key) if self.place(key).is_file() else None

    def mend(self, key: str) -> None:
        self.drop(key)

    def whole(self, key: str) -> bool:
        path = self.path(key)
        return path is not None and hash_of(path) == path.stem

    def fact(self, key: str) -> Kept | None:
        try:
            facts = self.place(key).stat()
        except FileNotFoundError:
            return None
        return Kept(key, facts.st_size, facts.st_mtime)

    def read(self, key: str) -> bytes | None:
        try:
            return self.place(key).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, key: str, data: bytes) -> None:
        write_whole(self.place(key), data, self.root)

    def below(self, folder: str) -> Iterator[Kept]:
        for top, _, names in os.walk(self.place(folder)):
            for name in names:
                fact = self.fact((Path(top) / name).relative_to(self.root).as_posix())
                if fact:  # else another process deleted it meanwhile
                    yield fact

    def renew(self, key: str) -> bool:
        try:
            os.utime(self.place(key))
        except FileNotFoundError:
            return False
        return True

    def drop(self, key: str) -> None:
        self.place(key).unlink(missing_ok=True)

    def drop_below(self, folder: str) -> None:
        shutil.rmtree(self.place(folder), ignore_errors=True)

    def abandoned(self) -> list[Kept]:
        """What a killed process left half-written."""
        return self.unused("unfinished")

    def drop_abandoned(self) -> None:
        for draft in self.abandoned():
            self.drop(draft.key)

    def unused(self, folder: str) -> list[Kept]:
        """What nobody wrote to or renewed for a day."""
        oldest = time.time() - _ABANDONED
        return [kept for kept in self.below(folder) if kept.modified < oldest]


class Artifacts:
    def __init__(self, root: Path, url: str | None = None) -> None:
        """``url`` is of the shelf, as ``expect_shelf`` lets it pass; the folder ``root`` without one."""
        self.root, self.url = root, url
        self._shelf = _shelf(root, url)

    def put(self, data: bytes, kind: str) -> str:
        """Keep the bytes; ``kind`` is the suffix without its dot, such as ``png``."""
        artifact = f"{hashlib.sha256(data).hexdigest()}.{kind}"
        with self._shelf.draft(f".{kind}") as draft:
            draft.write_bytes(data)
            self._shelf.keep(draft, _key(artifact))
        return artifact

    def put_file(self, path: Path, kind: str, job_id: str | None = None) -> str:
        """Move a file in that ``new_file`` gave; with ``job_id`` it is scratch that goes when the job ends."""
        artifact = f"{hash_of(path)}.{kind}"
        if job_id is not None:
            artifact = f"{job_id}/{artifact}"
        self._shelf.keep(path, _key(artifact))
        return artifact

    def path(self, artifact: str) -> Path:
        """Where the artifact lies on this machine; ``BackendError`` where it is no longer kept."""
        place = self._shelf.path(_key(artifact))
        if place is None:
            raise BackendError(f"The file {artifact} is no longer kept; run the job again.")
        return place

    def read(self, artifact: str) -> bytes:
        """The bytes, checked against their hash; a damaged file is deleted and ``BackendError`` raised."""
        place: Path | None = self.path(artifact)
        while place is not None:
            data = place.read_bytes()
            if hashlib.sha256(data).hexdigest() == _matched(artifact)["hash"]:
                return data
            place = self._shelf.mend(_key(artifact))
        raise BackendError(f"The file {artifact} was damaged and has been deleted; run the job again.")

    def exists(self, artifact: str, verify: bool = False) -> bool:
        """Whether the artifact is kept; ``verify`` reads it whole and compares the hash."""
        return self._shelf.whole(_key(artifact)) if verify else self._shelf.fact(_key(artifact)) is not None

    def kept(self) -> Iterator[Kept]:
        """All artifacts, but for scratch."""
        return self._shelf.below("artifacts")

    def fact(self, kept: Kept) -> Kept | None:
        """The same file as it is now; ``None`` where it is no longer kept."""
        return self._shelf.fact(kept.key)

    def renew(self, artifact: str) -> bool:
        """Have it count as written now; ``False`` where it is not kept."""
        return self._shelf.renew(_key(artifact))

    def drop(self, artifact: str) -> None:
        """Delete an artifact that nothing needs any more; one that is not kept is no error."""
        self._shelf.drop(_key(artifact))

    def new_file(self, kind: str) -> AbstractContextManager[Path]:
        """An empty file to write to and then give to ``put_file``; gone at the end of the block."""
        return self._shelf.draft(f".{kind}")

    def receipt(self, job_id: str, name: str) -> bytes | None:
        """What ``write_receipt`` kept last under this name."""
        return self._shelf.read(_receipt(job_id, name))

    def write_receipt(self, job_id: str, name: str, data: bytes) -> None:
        self._shelf.write(_receipt(job_id, name), data)

    def receipts(self, job_id: str) -> Iterator[bytes]:
        """All receipts of a job."""
        for kept in self._shelf.below(_of_job("receipts", job_id)):
            data = self._shelf.read(kept.key)
            if data is not None:
                yield data

    def drop_job(self, job_id: str) -> None:
        """Delete the scratch files and the receipts of a job that ended."""
        for folder in _OF_JOBS:
            self._shelf.drop_below(_of_job(folder, job_id))

    def jobs(self) -> dict[str, list[Kept]]:
        """The scratch files and the receipts of each job that has some."""
        found: dict[str, list[Kept]] = {}
        for kept in (kept for folder in _OF_JOBS for kept in self._shelf.below(folder)):
            found.setdefault(kept.job_id, []).append(kept)
        return found

    def abandoned(self) -> list[Kept]:
        """What nobody goes on with of what lies on this machine alone, a day after it was last used."""
        return self._shelf.abandoned()

    def drop_abandoned(self) -> None:
        self._shelf.drop_abandoned()


def expect_shelf(url: str) -> None:
    """Raises ``ValueError``, which does not repeat it, for what cannot be the URL of a shelf."""
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("credentials have no place in it, give them in the environment, such as AWS_ACCESS_KEY_ID")
    if parts.scheme == "memory":
        raise ValueError("workers are processes of their own and share no memory")
    if parts.scheme == "file" and not parts.netloc and parts.path.strip("/"):
        return
    if "::" in url or parts.scheme in ("", "file", "http", "https") or not parts.netloc:
        raise ValueError("write s3://bucket/prefix, or gs://, az:// and the like, or file:/// and the path of a folder")


def _shelf(root: Path, url: str | None) -> Shelf:
    if url is None:
        return Folder(root)
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Folder(Path(unquote(parts.path)))
    from tools.bucket import Bucket

    return Bucket(root, url)


def _key(artifact: str) -> str:
    found = _matched(artifact)
    if found["job"]:
        return f"{_of_job('scratch', found['job'])}/{found['name']}"
    return f"artifacts/{found['hash'][:2]}/{found['name']}"


def _receipt(job_id: str, name: str) -> str:
    return f"{_of_job('receipts', job_id)}/{name}.json"


def _of_job(folder: str, job_id: str) -> str:
    if not _JOB.fullmatch(job_id):
        raise ValueError(f"{job_id!r} is not a job id")
    return f"{folder}/{job_id}"


def _matched(artifact: str) -> re.Match[str]:
    found = _ID.fullmatch(artifact)
    if found is None:
        raise ValueError(f"{artifact!r} is not an artifact id")
    return found


def hash_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _unfinished(root: Path, suffix: str) -> Iterator[Path]:
    """A new empty file beside the kept ones, deleted at the end of the block if it is still there."""
    with room_on_disk(root):
        with writing_to(root):
            handle, name = tempfile.mkstemp(dir=private_folder(root / "unfinished"), suffix=suffix)
        os.close(handle)
        draft = Path(name)
        try:
            yield draft
        finally:
            draft.unlink(missing_ok=True)


def _settle(draft: Path, place: Path, root: Path) -> None:
    """Give a finished draft its name, once its bytes are on the disk."""
    with writing_to(root):
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.chmod(0o600)
        private_folder(place.parent)
        draft.replace(place)
