"""What the first pull of a model saw: its revision, and the content of every file. It is held to from then on."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tools.contracts import Progress
from tools.models.catalog import Model
from tools.models.ledger import Ledger


class File(BaseModel):
    """``sha256`` is None until the first pull has seen the file, unless the Hub says what it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int
    sha256: str | None = None


class Locked(BaseModel):
    """A model as the first pull saw it.

    ``source`` is the repository on the Hub or the address of the archive; ``revision`` the commit there, or the
    archive's sha256. ``patterns`` are what the table asked for then. ``files`` are named by their paths in the
    repository's or the archive's folder, parted by ``/``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    revision: str
    patterns: tuple[str, ...]
    files: dict[str, File]

    def as_in(self, folder: Path, report: Progress) -> Locked:
        """The same with the files that the folder holds now, hashed; ``report`` counts bytes."""
        total, done, now = sum(file.bytes for file in self.files.values()), 0, {}
        for name, file in self.files.items():
            report(done, total, f"Checking {name}")
            if (folder / name).is_file():
                now[name] = File(bytes=(folder / name).stat().st_size, sha256=sha256_of(folder / name))
            done += file.bytes
        report(total, total, "Checked")
        return self.model_copy(update={"files": now})

    def differing(self, now: Locked) -> list[str]:
        """The files that are there and are not what they were."""
        return [name for name, file in now.files.items() if self.files[name].sha256 not in (None, file.sha256)]


LOCK = Ledger("models.lock.json", Locked)


def locked(model: Model) -> Locked | None:
    """None for a model that was never pulled, or that the table has from elsewhere by now."""
    entry = LOCK.read().get(model.name)
    return entry if entry and entry.source == model.source else None


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
