"""Rows as the owner of this installation writes them: photos by their paths, and people by their names."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from agent.batch.ledger import Ledger
from agent.batch.rows import Row
from agent.batch.terms import Terms
from agent.identities import Identities, name_in
from agent.requests import few_enough
from agent.settings import Recipe, Settings
from tools.paths import full_path

if TYPE_CHECKING:
    from agent.requests import Consent, JobRequest


class LocalRows:
    """``beside`` is the folder that paths are relative to. A photo is read once, however many rows name it."""

    def __init__(self, terms: Terms, beside: Path, settings: Settings, ledger: Ledger) -> None:
        self._terms = terms
        self._beside = beside
        self._home = settings.home
        self._artifacts = settings.open_artifacts()
        self._database = settings.database
        self._ledger = ledger

    def check(self, row: Row) -> str:
        """The preset of the row. Raises ``InputError`` for whatever can be found wrong without looking for a face."""
        few_enough(row.references)
        preset = self._terms.settings(row).preset
        for reference in row.references:
            self._hash(reference)
        self._terms.intent(row, self._saved(row))
        return preset

    def request(self, row: Row, attempt: int) -> tuple[JobRequest, Recipe]:
        """Photos are stored for it. Raises ``InputError``."""
        asked = self._terms.intent(row, self._saved(row), attempt)
        references = [self._located(reference) for reference in row.references]
        return asked.with_photos(self._artifacts, references), self._terms.settings(row).recipe()

    def _saved(self, row: Row) -> Consent | None:
        """What was said before of the first photo, where the row and the batch say nothing."""
        if self._terms.basis(row) is not None:
            return None
        saved = Identities(self._home).consent_of(row.references[0])
        if saved is not None:
            return saved
        from agent.consents import known_consent

        return known_consent(self._database, self._hash(row.references[0])).consent

    def _hash(self, reference: str) -> str:
        """Of the photo as it is stored; that of a person's first photo."""
        name = name_in(reference)
        if name is not None:
            return Identities(self._home).get(name).photos[0].image.partition(".")[0]
        from agent.serving.intake import read_photo

        path = str(self._located(reference))
        known = self._ledger.photo(path)
        if known is None:
            known = sha256(read_photo(Path(path))).hexdigest()
            self._ledger.keep_photo(path, known)
        return known

    def _located(self, reference: str) -> str:
        if name_in(reference) is not None:
            return reference
        return str(full_path(reference, self._beside))
