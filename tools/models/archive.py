"""Models that come as a zip, unpacked into a folder."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile, ZipInfo

from tools.errors import BackendError
from tools.models.catalog import Model
from tools.models.lock import File, Locked, sha256_of
from tools.models.room import Room
from tools.paths import full_path

_LARGEST = 4
"""An archive that unpacks to so many times what the table says is refused."""


@dataclass(frozen=True)
class Offer:
    """The archive as its server offers it now; ``part`` is where it is downloaded to, and gone on with."""

    bytes: int | None
    part: Path


def offered(model: Model) -> Offer:
    from huggingface_hub import get_session

    answer = get_session().head(model.source, follow_redirects=True, headers={"Accept-Encoding": "identity"})
    answer.raise_for_status()
    length = answer.headers.get("Content-Length")
    version = hashlib.sha256(f"{answer.headers.get('ETag')} {length}".encode()).hexdigest()[:12]
    folder = _folder(model)
    return Offer(int(length) if length else None, folder.with_name(f"{folder.name}.{version}.part"))


def room(model: Model, offer: Offer) -> Room:
    """The rest of the archive, and as much again for what it holds."""
    size = offer.bytes or int(model.gigabytes * 1e9)
    had = offer.part.stat().st_size if offer.part.exists() else 0
    return Room(_folder(model).parent, 2 * size - had)


def fetch(model: Model, offer: Offer, entry: Locked | None) -> Locked:
    """Download and unpack. ``BackendError`` where it is not the archive that the first pull saw."""
    _download(model, offer)
    revision = sha256_of(offer.part)
    if entry and entry.revision != revision:
        offer.part.unlink()
        raise BackendError(
            f"{model.source} is not the archive that the first pull of {model.title} saw; nothing of it was kept."
        )
    try:
        names = unpack(offer.part, _folder(model), int(_LARGEST * model.gigabytes * 1e9))
    finally:
        offer.part.unlink()
    files = {name: File(bytes=(_folder(model) / name).stat().st_size) for name in names}
    known = entry.files if entry else {}
    return Locked(source=model.source, revision=revision, patterns=model.files, files=files | known)


def unpack(archive: Path, folder: Path, most: int) -> list[str]:
    """The names of the files that the zip held, now in the folder, less a folder of its own name that they were in.

    ``BackendError``, with nothing unpacked, for what is no whole zip, leads out of the folder or is larger than
    ``most`` bytes.
    """
    try:
        with ZipFile(archive) as held, TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.") as draft:
            files = [info for info in held.infolist() if not info.is_dir()]
            names = [_below(info) for info in files]
            if sum(info.file_size for info in files) > most:
                raise BackendError(f"The archive for {folder} is larger than it should be; nothing of it was unpacked.")
            for info in files:
                held.extract(info, draft)
            return [_settled(Path(draft) / name, name, folder) for name in names]
    except BadZipFile as error:
        raise BackendError(f"The archive for {folder} did not arrive whole; run the same command again.") from error


def _below(info: ZipInfo) -> PurePosixPath:
    """The name, where it leads to a place below the folder."""
    name = PurePosixPath(info.filename)
    if name.is_absolute() or ".." in name.parts or "\\" in info.filename or ":" in info.filename:
        raise BackendError(f"The archive would write outside its folder, to {info.filename!r}; nothing was unpacked.")
    return name


def _settled(draft: Path, name: PurePosixPath, folder: Path) -> str:
    own = name.relative_to(folder.name) if name.parts[0] == folder.name and len(name.parts) > 1 else name
    (folder / own).parent.mkdir(parents=True, exist_ok=True)
    shutil.move(draft, folder / own)
    return str(own)


def _download(model: Model, offer: Offer) -> None:
    from huggingface_hub.file_download import http_get

    offer.part.parent.mkdir(parents=True, exist_ok=True)
    with offer.part.open("ab") as file:
        http_get(
            model.source,
            file,
            resume_size=file.tell(),
            expected_size=offer.bytes,
            displayed_filename=f"{model.name}.zip",
        )


def _folder(model: Model) -> Path:
    assert model.folder is not None
    return full_path(model.folder)
