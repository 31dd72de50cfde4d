"""Where a model lies on this machine. Nothing is downloaded here."""

from __future__ import annotations

import os
from pathlib import Path

from tools.errors import Unavailable
from tools.models.catalog import Model, catalog
from tools.models.lock import locked
from tools.paths import full_path


def folder_of(name: str) -> Path:
    """The folder of a model of the catalog: where its variable says, else where ``steadface models pull`` puts it.

    That is the revision that the first pull locked, where there was one. ``Unavailable``, with the command that gets
    it and its licence, where it is not here or not whole.
    """
    model = catalog()[name]
    folder = root_of(model)
    named = named_place(model)
    # What else a folder of one's own must hold is its reader's to say.
    for pattern in () if named and model.hub else _files(model):
        if not any(folder.glob(pattern)):
            raise Unavailable(f"{model.title} is not whole: {folder} holds no {pattern}; {how_to_get(name)}.")
    return folder if named else folder / model.inside


def is_here(model: Model) -> bool:
    """Whether ``folder_of`` finds it."""
    try:
        folder_of(model.name)
    except Unavailable:
        return False
    return True


def how_to_get(name: str) -> str:
    """What to do so that a model of the catalog is here, as the second half of a sentence."""
    model = catalog()[name]
    return (
        f"get it with: steadface models pull {model.name} (licence: {model.terms}), "
        f"or name another place in {model.variable}"
    )


def named_place(model: Model) -> str | None:
    """What the variable of the model says, where that is another place than the table's."""
    named = os.environ.get(model.variable)
    return named if named and named != model.source else None


def root_of(model: Model) -> Path:
    """The folder of the whole repository or archive; ``Unavailable`` where there is none."""
    named = named_place(model)
    folder = full_path(named or model.folder or "")
    if (named or model.folder) and folder.is_dir():
        return _unpacked(folder, model)
    if model.folder and not named:
        raise _absent(model)
    return _cached(named or model.source, model)


def snapshot(repository: str) -> Path:
    """The folder of a repository in the Hub's cache: of the locked revision, where it is one of the catalog's.

    Raises what the Hub's client does where it is not there, or known to it as not whole.
    """
    from huggingface_hub import snapshot_download

    listed = next((model for model in catalog().values() if model.hub == repository), None)
    entry = locked(listed) if listed else None
    return Path(
        snapshot_download(
            repository,
            revision=entry.revision if entry else None,
            allow_patterns=list(listed.files) if listed and not entry else [],
            local_files_only=True,
        )
    )


def _unpacked(folder: Path, model: Model) -> Path:
    """An archive may hold a folder of its own name, which is then unpacked into another of that name."""
    own = folder / model.name
    return own if own.is_dir() and not (folder / model.files[0]).exists() else folder


def _cached(repository: str, model: Model) -> Path:
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return snapshot(repository)
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise _absent(model) from error


def _absent(model: Model) -> Unavailable:
    named = named_place(model)
    where = f"in {named}, where {model.variable} says" if named else "on this machine"
    return Unavailable(f"{model.title} is not {where}; {how_to_get(model.name)}.")


def _files(model: Model) -> list[str]:
    """What must be there: every file that the first pull saw, else patterns."""
    entry = locked(model)
    if entry is None or named_place(model):
        return list(model.files)
    return [*entry.files, *(pattern for pattern in model.files if pattern not in entry.patterns)]
