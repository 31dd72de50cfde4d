"""Where the weights of a model lie on this machine. Nothing is downloaded."""

from __future__ import annotations

import json
from pathlib import Path

from tools.errors import InputError, Unavailable
from tools.models import place
from tools.models.catalog import catalog
from tools.paths import full_path


def folder_of(model: str) -> Path:
    """The folder that holds a model, given as a folder or as the id of a model in the Hub's local cache.

    ``InputError`` for what can be neither, ``Unavailable`` with the command that gets the weights where some are
    missing.
    """
    folder = full_path(model)
    if not folder.is_dir():
        folder = _cached(model)
    missing = [name for name in _parts(folder) if not (folder / name).exists()]
    if missing:
        raise Unavailable(f'The language model "{model}" is not whole: {missing[0]} is missing; {how_to_get(model)}.')
    return folder


def how_to_get(model: str) -> str:
    """What to do so that the weights are here, as the second half of a sentence."""
    if full_path(model).is_dir():
        return "copy its folder again"
    for listed in catalog().values():
        if listed.hub == model:
            return place.how_to_get(listed.name)
    return f"get it with: hf download {model}"


def _cached(model: str) -> Path:
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return place.snapshot(model)
    except HFValidationError as error:
        raise InputError(
            f'There is no folder "{model}", and no model on the Hub can have that name; '
            "set STEADFACE_PLANNER_MODEL to a folder of weights or to an id such as Qwen/Qwen3-8B."
        ) from error
    except LocalEntryNotFoundError as error:
        raise Unavailable(f'The language model "{model}" is not on this machine; {how_to_get(model)}.') from error


def _parts(folder: Path) -> list[str]:
    """The files that a model in the published layout must have; weights are safetensors, in one file or in shards."""
    index = folder / "model.safetensors.index.json"
    weights = sorted(set(json.loads(index.read_text())["weight_map"].values())) if index.exists() else []
    return ["config.json", "tokenizer_config.json", *(weights or ["model.safetensors"])]
