"""The table of models, ``models.toml``, read and asked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from pydantic import BaseModel, ConfigDict, model_validator


class Model(BaseModel):
    """One model: a part of a repository on the Hub, or an archive that is unpacked into a folder.

    ``files`` are patterns in the repository, or the files that the folder must hold. ``inside`` is the folder of the
    repository that users of the model look into. ``variable`` is the environment variable that names another place.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    used_by: tuple[str, ...]
    hub: str | None = None
    archive: str | None = None
    folder: str | None = None
    files: tuple[str, ...]
    inside: str = ""
    gigabytes: float
    licence: str
    commercial: bool = True
    variable: str

    @model_validator(mode="after")
    def _from_one_place(self) -> Model:
        if (self.hub is None) == (self.archive is None) or (self.archive is None) != (self.folder is None):
            raise ValueError(f"{self.name} must come from the Hub, or from an archive that has a folder")
        return self


@cache
def catalog() -> Mapping[str, Model]:
    """Every model by name, in the order of the table."""
    table = tomllib.loads((resources.files("tools.models") / "models.toml").read_text())
    return {name: Model(name=name, **entry) for name, entry in table.items()}


def needed(backends: Mapping[str, str]) -> list[Model]:
    """What backends need, given as capability to name."""
    users = {f"{capability}.{name}" for capability, name in backends.items()}
    return [model for model in catalog().values() if users.intersection(model.used_by)]
