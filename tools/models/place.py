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
    if named:
        return Path(named).expanduser() if Path(named).expanduser().is_dir() else _cached(named, model)
    folder = Path(model.folder).expanduser() if model.folder else _cached(model.hub or "", model)
    for pattern in model.files:
        if not any(folder.glob(pattern)):
            raise Unavailable(f"{model.title} is not whole: {folder} holds no {pattern}; {how_to_get(model)}.")
    return folder / model.inside


def how_to_get(model: Model) -> str:
    """What to do so that the model is here, as the second half of a sentence."""
    terms = "" if model.commercial else ", not for commercial use"
    return (
        f"get it with: steadface models pull {model.name} (licence: {model.licence}{terms}), "
        f"or name another place in {model.variable}"
    )


def _cached(repository: str, model: Model) -> Path:
    try:
        return Path(snapshot_download(repository, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise Unavailable(f"{model.title} is not on this machine; {how_to_get(model)}.") from error
