"""From a row to the request of its job, by what holds for the whole batch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from agent.requests import ConsentSource
from agent.seeds import derive_seed
from agent.settings import Recipe, Settings, load_settings
from tools.errors import InputError

if TYPE_CHECKING:
    from agent.batch.rows import Row
    from agent.intent import Intent
    from agent.requests import Consent


@dataclass(frozen=True)
class Terms:
    """What holds for each row that says nothing else; ``source`` is who stated the consent."""

    consent: str | None
    source: ConsentSource
    preset: str | None = None
    may_override: frozenset[str] = frozenset(Recipe.model_fields)

    def settings(self, row: Row) -> Settings:
        """Raises ``InputError`` for an override that cannot be."""
        unknown = row.overrides.keys() - self.may_override
        if unknown:
            raise InputError(
                f"A row cannot override {sorted(unknown)[0]!r}; it can override {', '.join(sorted(self.may_override))}."
            )
        return _settings(self.preset, json.dumps(row.overrides, sort_keys=True))

    def basis(self, row: Row) -> str | None:
        return self.consent if row.consent is None else row.consent

    def intent(self, row: Row, saved: Consent | None, attempt: int = 0) -> Intent:
        """Raises ``InputError``. ``saved`` holds where no basis was stated.

        A row without a seed has one that follows from its ``custom_id``, and another one each time it is tried again.
        """
        from agent.intent import prepare

        drawn = derive_seed(0, f"row {row.custom_id}", attempt)
        return prepare(
            self.settings(row),
            prompt=row.prompt,
            consent=self.basis(row),
            source=self.source,
            seed=drawn if row.seed is None else row.seed,
            out=None,
            face=row.face,
            saved_consent=saved,
        )


@lru_cache(maxsize=64)
def _settings(preset: str | None, overrides: str) -> Settings:
    return load_settings(**{"preset": preset, **json.loads(overrides)})
