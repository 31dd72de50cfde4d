"""The table of models, ``models.toml``, read and asked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from pydantic import BaseModel, ConfigDict, model_validator


class Clips(BaseModel):
    """What says how much room a clip needs: the ``width`` of the transformer's hidden states, its ``blocks``, how many
    of them have a hint as in VACE, and the pixels of a token's side."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int
    blocks: int
    hints: int = 0
    pixels: int = 16


class Memory(BaseModel):
    """What a model takes of a GPU.

    ``half`` and ``full`` are its parts, in billions of parameters that are kept in two and in four bytes. Beside them
    it needs ``room``, GiB by an estimate, or what follows from a clip.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    half: dict[str, float]
    full: dict[str, float] = {}
    room: float | None = None
    clips: Clips | None = None

    @model_validator(mode="after")
    def _one_room(self) -> Memory:
        if (self.room is None) == (self.clips is None):
            raise ValueError("memory has either a room or clips")
        return self


class Model(BaseModel):
    """One model: a part of a repository on the Hub, or an archive that is unpacked into a folder.

    ``files`` are patterns in the repository, or the files that the folder must hold. ``inside`` is the folder of the
    repository that users of the model look into. ``variable`` is the environment variable that names another place.
    ``page`` tells the licence of an archive; the Hub's pages tell theirs. ``memory`` is left out where nothing of a
    model comes on a GPU.
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
    page: str = ""
    memory: Memory | None = None

    @model_validator(mode="after")
    def _from_one_place(self) -> Model:
        if (self.hub is None) == (self.archive is None) or (self.archive is None) != (self.folder is None):
            raise ValueError(f"{self.name} must come from the Hub, or from an archive that has a folder")
        if self.archive and not self.page:
            raise ValueError(f"{self.name} must name the page that tells its licence")
        return self

    @property
    def source(self) -> str:
        """The repository on the Hub, or the address of the archive."""
        return self.hub or self.archive or ""

    @property
    def told_at(self) -> str:
        """The page that tells of the model and its licence."""
        return self.page or f"https://huggingface.co/{self.hub}"

    @property
    def terms(self) -> str:
        """The licence, and whether it keeps commerce out."""
        return self.licence if self.commercial else f"{self.licence}, not for commercial use"

    @property
    def size(self) -> str:
        return told_size(self.gigabytes)


@cache
def catalog() -> Mapping[str, Model]:
    """Every model by name, in the order of the table."""
    table = tomllib.loads((resources.files("tools.models") / "models.toml").read_text())
    return {name: Model(name=name, **entry) for name, entry in table.items()}


def needed(backends: Mapping[str, str]) -> list[Model]:
    """What backends need, given as capability to name."""
    users = {f"{capability}.{name}" for capability, name in backends.items()}
    return [model for model in catalog().values() if users.intersection(model.used_by)]


def told_size(gigabytes: float) -> str:
    """A size for people, such as ``16.4 GB`` or ``39 MB``."""
    return f"{gigabytes:.3g} GB" if gigabytes >= 1 else f"{gigabytes * 1000:.3g} MB"
