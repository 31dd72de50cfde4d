"""Bytes kept by their content hash, in a folder that the agent and the workers share.

    <root>/artifacts/ab/abcdef….png      kept
    <root>/scratch/<job id>/abcdef….mkv  kept until the job ends
    <root>/receipts/<job id>/….json      calls that were done (``tools.pools.receipts``), kept until the job ends
    <root>/unfinished/…                  being written

The id of an artifact is its file name; ``<job id>/`` stands before it for scratch. A file appears whole under its name
or not at all. Folders are 0700 and files 0600: they hold photos of people.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.errors import BackendError, InputError

_ID = re.compile(r"(?:(?P<job>[\w-]+)/)?(?P<name>(?P<hash>[0-9a-f]{64})\.[a-z0-9]+)")
_IN_JSON = re.compile(r'"((?:[\w-]+/)?[0-9a-f]{64}\.[a-z0-9]+)"')
_JOB = re.compile(r"[\w-]+")
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


class Artifacts:
    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, data: bytes, kind: str) -> str:
        """Keep the bytes; ``kind`` is the suffix without its dot, such as ``png``."""
        artifact = f"{hashlib.sha256(data).hexdigest()}.{kind}"
        write_whole(self._place(artifact), data, self.root)
        return artifact

    def put_file(self, path: Path, kind: str, job_id: str | None = None) -> str:
        """Move a file in that ``new_file`` gave; with ``job_id`` it is scratch that goes when the job ends."""
        artifact = f"{_hash(path)}.{kind}"
        if job_id is not None:
            artifact = f"{job_id}/{artifact}"
        _settle(path, self._place(artifact), self.root)
        return artifact

    def path(self, artifact: str) -> Path:
        """Where the artifact lies; ``BackendError`` where it is no longer kept."""
        place = self._place(artifact)
        if not place.is_file():
            raise BackendError(f"The file {artifact} is no longer kept; run the job again.")
        return place

    def read(self, artifact: str) -> bytes:
        """The bytes, checked against their hash; a damaged file is deleted and ``BackendError`` raised."""
        data = self.path(artifact).read_bytes()
        if hashlib.sha256(data).hexdigest() != _matched(artifact)["hash"]:
            self._place(artifact).unlink(missing_ok=True)
            raise BackendError(f"The file {artifact} was damaged and has been deleted; run the job again.")
        return data

    def exists(self, artifact: str, verify: bool = False) -> bool:
        """Whether the artifact is kept; ``verify`` reads it whole and compares the hash."""
        place = self._place(artifact)
        if not place.is_file():
            return False
        return not verify or _hash(place) == _matched(artifact)["hash"]

    def kept(self) -> Iterator[Path]:
        """The files of all artifacts, but for scratch; a file's stem is its hash."""
        return (self.root / "artifacts").glob("*/*.*")

    def renew(self, artifact: str) -> bool:
        """Have it count as written now; ``False`` where it is not kept."""
        try:
            os.utime(self._place(artifact))
        except FileNotFoundError:
            return False
        return True

    def drop(self, artifact: str) -> None:
        """Delete an artifact that nothing needs any more; one that is not kept is no error."""
        self._place(artifact).unlink(missing_ok=True)

    @contextmanager
    def new_file(self, kind: str) -> Iterator[Path]:
        """An empty file to write to and then give to ``put_file``; gone at the end of the block."""
        with _unfinished(self.root, f".{kind}") as draft:
            yield draft

    def receipts(self, job_id: str) -> Path:
        """Where workers leave the receipts of a job."""
        return self._of_job("receipts", job_id)

    def drop_job(self, job_id: str) -> None:
        """Delete the scratch files and the receipts of a job that ended."""
        for folder in ("scratch", "receipts"):
            shutil.rmtree(self._of_job(folder, job_id), ignore_errors=True)

    def jobs(self) -> set[str]:
        """The jobs that have scratch files or receipts."""
        return {folder.name for folder in self.job_folders()}

    def job_folders(self, jobs: Collection[str] | None = None) -> list[Path]:
        """Where the scratch files and the receipts of jobs lie, each folder named by its job; of all that have some."""
        folders = [job for folder in ("scratch", "receipts") for job in (self.root / folder).glob("*")]
        return [folder for folder in folders if jobs is None or folder.name in jobs]

    def abandoned(self) -> list[Path]:
        """What a killed process left half-written, a day after it last wrote to it."""
        oldest = time.time() - _ABANDONED
        return [draft for draft in _drafts(self.root).glob("*") if draft.stat().st_mtime < oldest]

    def drop_abandoned(self) -> None:
        for draft in self.abandoned():
            draft.unlink(missing_ok=True)

    def _place(self, artifact: str) -> Path:
        found = _matched(artifact)
        if found["job"]:
            return self._of_job("scratch", found["job"]) / found["name"]
        return self.root / "artifacts" / found["hash"][:2] / found["name"]

    def _of_job(self, folder: str, job_id: str) -> Path:
        if not _JOB.fullmatch(job_id):
            raise ValueError(f"{job_id!r} is not a job id")
        return self.root / folder / job_id


def _matched(artifact: str) -> re.Match[str]:
    found = _ID.fullmatch(artifact)
    if found is None:
        raise ValueError(f"{artifact!r} is not an artifact id")
    return found


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _drafts(root: Path) -> Path:
    return root / "unfinished"


@contextmanager
def _unfinished(root: Path, suffix: str) -> Iterator[Path]:
    """A new empty file beside the kept ones, deleted at the end of the block if it is still there."""
    with room_on_disk(root):
        with writing_to(root):
            handle, name = tempfile.mkstemp(dir=private_folder(_drafts(root)), suffix=suffix)
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
