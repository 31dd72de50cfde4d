"""Where a model lies on this machine. Nothing is downloaded here."""

from __future__ import annotations

import os
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

from tools.errors import Unavailable
from tools.models.catalog import Model, catalog


def folder_of(name: str) -> Path:
    """The folder of a model of the catalog: where its variable says, else where ``steadface models pull`` puts it.

    ``Unavailable``, with the command that gets it and its licence, where it is not here or not whole.
    """
    model = catalog()[name]
    named = os.environ.get(model.variable)
    folder = _named(named, model) if named else _usual(model)
    # What else a folder of one's own must hold is its reader's to say.
    for pattern in () if named and model.hub else model.files:
        if not any(folder.glob(pattern)):
            raise Unavailable(f"{model.title} is not whole: {folder} holds no {pattern}; {how_to_get(name)}.")
    return folder if named else folder / model.inside


def how_to_get(name: str) -> str:
    """What to do so that a model of the catalog is here, as the second half of a sentence."""
    model = catalog()[name]
    terms = "" if model.commercial else ", not for commercial use"
    return (
        f"get it with: steadface models pull {model.name} (licence: {model.licence}{terms}), "
        f"or name another place in {model.variable}"
    )


def _named(place: str, model: Model) -> Path:
    folder = Path(place).expanduser()
    return _unpacked(folder, model) if folder.is_dir() else _cached(place, model)


def _usual(model: Model) -> Path:
    return _unpacked(Path(model.folder).expanduser(), model) if model.folder else _cached(model.hub or "", model)


def _unpacked(folder: Path, model: Model) -> Path:
    """An archive may hold a folder of its own name, which is then unpacked into another of that name."""
    return folder / model.name if (folder / model.name).is_dir() else folder


def _cached(repository: str, model: Model) -> Path:
    try:
        return Path(snapshot_download(repository, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise Unavailable(f"{model.title} is not on this machine; {how_to_get(model.name)}.") from error
