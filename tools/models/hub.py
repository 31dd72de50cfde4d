"""Models that come from the Hub, into the cache that all of the Hub's clients share."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from tools.errors import BackendError
from tools.models.catalog import Model
from tools.models.lock import LOCK, File, Locked
from tools.models.room import Room


def listed(model: Model, entry: Locked | None) -> Locked:
    """The model's files as the Hub lists them, of the locked revision, or of the newest where none is locked."""
    if entry is not None and entry.patterns == model.files:
        return entry
    from huggingface_hub import HfApi

    info = HfApi().model_info(model.source, revision=entry.revision if entry else None, files_metadata=True)
    files = {
        file.rfilename: File(bytes=file.size or 0, sha256=file.lfs.sha256 if file.lfs else None)
        for file in info.siblings or []
        if any(fnmatchcase(file.rfilename, pattern) for pattern in model.files)
    }
    if not files or info.sha is None:
        raise BackendError(f"The repository {model.source} holds nothing of {model.title}; report this to Steadface.")
    known = entry.files if entry else {}
    return Locked(source=model.source, revision=info.sha, patterns=model.files, files=files | known)


def room(model: Model, entry: Locked) -> Room:
    """What is not in the cache yet."""
    from huggingface_hub import constants, try_to_load_from_cache

    missing = (
        file.bytes
        for name, file in entry.files.items()
        if not isinstance(try_to_load_from_cache(model.source, name, revision=entry.revision), str)
    )
    return Room(Path(constants.HF_HUB_CACHE), sum(missing))


def fetch(model: Model, entry: Locked) -> Locked:
    """Download what is missing; the revision is locked first, so that what breaks off is gone on with at the same.

    One file after another: the client's own threads would go on to the end of all after Ctrl-C.
    """
    from huggingface_hub import hf_hub_download

    LOCK.add({model.name: entry})
    for name in entry.files:
        hf_hub_download(model.source, name, revision=entry.revision)
    return entry
