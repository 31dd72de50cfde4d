"""Which models a preset needs, and whether they are on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from agent.presets import preset_names
from agent.settings import Recipe, load_settings
from tools.errors import InputError, Unavailable
from tools.models.catalog import Model, catalog, needed, told_size
from tools.models.place import folder_of, named_place
from tools.registry import BackendCapability


def models_of(recipe: Recipe) -> list[Model]:
    """What its backends and its planner load."""
    backends = {capability: getattr(recipe, capability) for capability in ("planner", *get_args(BackendCapability))}
    return needed({capability: name for capability, name in backends.items() if name is not None})


def chosen(words: Sequence[str]) -> list[Model]:
    """The models that presets and names of models stand for, each once; ``InputError`` for a word that is neither."""
    found: dict[str, Model] = {}
    for word in words:
        if word in catalog():
            found[word] = catalog()[word]
        elif word in preset_names():
            found |= {model.name: model for model in models_of(load_settings(preset=word).recipe())}
        else:
            raise InputError(
                f'There is no preset or model "{word}"; presets are {", ".join(preset_names())}, and models are '
                f"{', '.join(catalog())}."
            )
    return list(found.values())


def missing_models(preset: str, recipe: Recipe) -> list[str]:
    """What is to be got, one sentence for all that one command gets, and one for each that a variable misplaces."""
    absent, misplaced = [], []
    for model in models_of(recipe):
        try:
            folder_of(model.name)
        except Unavailable as error:
            if named_place(model):
                misplaced.append(str(error))
            else:
                absent.append(model)
    if not absent:
        return misplaced
    names = ", ".join(f"{model.name} ({model.size})" for model in absent)
    total = told_size(sum(model.gigabytes for model in absent))
    sentence = f"Models are missing, {total} in all: {names}; get them with: steadface models pull {preset}."
    return [sentence, *misplaced]
