"""What is remembered of models from one pull to the next: small JSON files in the home folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Generic, TypeVar

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from tools.artifacts import private_folder, write_whole, writing_to
from tools.errors import InputError
from tools.home import home_folder

T = TypeVar("T")


class Ledger(Generic[T]):
    """One entry a model, by the model's name, in the file ``name`` of the home folder."""

    def __init__(self, name: str, entry: type[T]) -> None:
        self._name = name
        self._entries: TypeAdapter[dict[str, T]] = TypeAdapter(dict[str, entry])  # type: ignore[valid-type]

    @property
    def path(self) -> Path:
        return home_folder() / self._name

    def read(self) -> dict[str, T]:
        """Every entry. ``InputError`` where the file holds something else."""
        try:
            return self._entries.validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except ValidationError as error:
            raise InputError(f"{self.path} is damaged; mend it, or delete it so that it is begun anew.") from error

    def add(self, entries: Mapping[str, T]) -> None:
        """Put these beside the others, in place of those of the same name."""
        home = self.path.parent
        with writing_to(home):
            private_folder(home)
            with FileLock(self.path.with_suffix(".guard")):
                merged = dict(sorted({**self.read(), **entries}.items()))
                write_whole(self.path, self._entries.dump_json(merged, indent=2) + b"\n", home)
