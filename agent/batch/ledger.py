"""What a batch knows of its rows, on disk, so that memory does not grow with them.

It is made anew of the manifest and of the files of results whenever a batch is looked at, and kept nowhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.batch.results import ResultFiles, RowError, RowResult
from agent.batch.rows import Row
from tools.errors import InputError

_SCHEMA = """
CREATE TABLE rows (
    custom_id TEXT PRIMARY KEY COLLATE NOCASE, line INTEGER NOT NULL, fingerprint TEXT NOT NULL, preset TEXT NOT NULL,
    to_do INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE outcomes (
    custom_id TEXT PRIMARY KEY COLLATE NOCASE, fingerprint TEXT NOT NULL, completed INTEGER NOT NULL,
    passed INTEGER NOT NULL, recogniser TEXT, similarity REAL, zero REAL, seconds REAL NOT NULL, kind TEXT,
    failures INTEGER NOT NULL, offset INTEGER NOT NULL
);
CREATE TABLE stages (custom_id TEXT NOT NULL COLLATE NOCASE, stage TEXT NOT NULL, seconds REAL NOT NULL);
CREATE INDEX stages_of ON stages (custom_id);
CREATE TABLE photos (path TEXT PRIMARY KEY, hash TEXT NOT NULL);
CREATE VIEW known AS SELECT outcomes.* FROM outcomes JOIN rows USING (custom_id, fingerprint);
"""


@dataclass(frozen=True)
class Outcome:
    """How a row ended; ``failures`` is how often it failed."""

    fingerprint: str
    completed: bool
    failures: int


class Ledger:
    """For one thread."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # a private file that goes with the connection
        self._db.executescript(_SCHEMA)
        self._db.execute("PRAGMA synchronous=OFF")

    def close(self) -> None:
        self._db.close()

    def add(self, custom_id: str, line: int, fingerprint: str, preset: str) -> int | None:
        """Enter a row of the manifest; where its id was taken before, the line that has it."""
        taken = self._db.execute("SELECT line FROM rows WHERE custom_id = ?", (custom_id,)).fetchone()
        if taken:
            return int(taken[0])
        self._db.execute("INSERT INTO rows VALUES (?, ?, ?, ?, 0)", (custom_id, line, fingerprint, preset))
        return None

    def load(self, files: ResultFiles) -> None:
        """Take over what the files of results say, and forget what was known of outcomes before."""
        self._db.execute("DELETE FROM outcomes")
        self._db.execute("DELETE FROM stages")
        self._db.execute("BEGIN")
        for offset, result in files.read(RowResult):
            self.completed(result, offset)
        for offset, error in files.read(RowError):
            self.failed(error, offset)
        self._db.execute("COMMIT")

    def choose(self, only: Sequence[str], retry_failed: bool) -> int:
        """Mark the rows to do, and count them: neither completed nor, but for a retry, failed.

        ``only`` are ids or patterns of them. Raises ``InputError`` for one that no row has.
        """
        for pattern in only:
            if not self._one("SELECT count(*) FROM rows WHERE custom_id GLOB ?", pattern):
                raise InputError(f"No row that can be run is called {pattern}; see the manifest.")
        ended = "SELECT custom_id FROM known WHERE completed OR NOT ?"
        self._db.execute(f"UPDATE rows SET to_do = custom_id NOT IN ({ended})", (retry_failed,))
        if only:
            wanted = " OR ".join("custom_id GLOB ?" for _ in only)
            self._db.execute(f"UPDATE rows SET to_do = 0 WHERE NOT ({wanted})", tuple(only))
        return int(self._one("SELECT count(*) FROM rows WHERE to_do"))

    def is_to_do(self, row: Row, line: int) -> bool:
        found = self._db.execute(
            "SELECT 1 FROM rows WHERE custom_id = ? AND line = ? AND fingerprint = ? AND to_do",
            (row.custom_id, line, row.fingerprint),
        )
        return found.fetchone() is not None

    def to_do_by_preset(self) -> dict[str, int]:
        return dict(self._db.execute("SELECT preset, count(*) FROM rows WHERE to_do GROUP BY preset ORDER BY preset"))

    def completed(self, result: RowResult, offset: int) -> None:
        """``offset`` is where the line begins in the file of results."""
        self._write(
            result.custom_id,
            (result.row, True, result.passed, result.recogniser, result.identity_skip, result.identity_zero),
            (result.seconds, None, offset),
        )
        self._db.execute("DELETE FROM stages WHERE custom_id = ?", (result.custom_id,))
        self._db.executemany(
            "INSERT INTO stages VALUES (?, ?, ?)",
            [(result.custom_id, stage, seconds) for stage, seconds in result.stages.items()],
        )

    def failed(self, error: RowError, offset: int) -> None:
        """A row that was completed stays so."""
        known = self.outcome(error.custom_id)
        if known and known.completed:
            return
        self._write(
            error.custom_id, (error.row, False, False, None, None, None), (error.seconds, error.error.kind, offset)
        )
        again = known.failures if known and known.fingerprint == error.row else 0
        self._db.execute("UPDATE outcomes SET failures = ? WHERE custom_id = ?", (again + 1, error.custom_id))

    def _write(self, custom_id: str, scores: tuple[object, ...], rest: tuple[float, str | None, int]) -> None:
        """Seconds add up over all attempts of a row."""
        seconds, kind, offset = rest
        self._db.execute(
            "INSERT INTO outcomes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?) ON CONFLICT (custom_id) DO UPDATE SET "
            "fingerprint = excluded.fingerprint, completed = excluded.completed, passed = excluded.passed, "
            "recogniser = excluded.recogniser, similarity = excluded.similarity, zero = excluded.zero, "
            "seconds = seconds + excluded.seconds, kind = excluded.kind, offset = excluded.offset",
            (custom_id, *scores, seconds, kind, offset),
        )

    def outcome(self, custom_id: str) -> Outcome | None:
        found = self._db.execute(
            "SELECT fingerprint, completed, failures FROM outcomes WHERE custom_id = ?", (custom_id,)
        ).fetchone()
        return Outcome(found[0], bool(found[1]), found[2]) if found else None

    def photo(self, path: str) -> str | None:
        """The hash of a photo that was read before."""
        found = self._db.execute("SELECT hash FROM photos WHERE path = ?", (path,)).fetchone()
        return str(found[0]) if found else None

    def keep_photo(self, path: str, photo: str) -> None:
        self._db.execute("INSERT INTO photos VALUES (?, ?)", (path, photo))

    def rows(self) -> int:
        return int(self._one("SELECT count(*) FROM rows"))

    def counts(self) -> tuple[int, int, int]:
        """Rows of the manifest that were completed, that failed, and that passed."""
        return (
            int(self._one("SELECT count(*) FROM known WHERE completed")),
            int(self._one("SELECT count(*) FROM known WHERE NOT completed")),
            int(self._one("SELECT count(*) FROM known WHERE passed")),
        )

    def seconds(self) -> float:
        """Of the device, for all rows that ever ended, failed ones too."""
        return self._one("SELECT total(seconds) FROM outcomes")

    def similarities(self) -> dict[str, tuple[float | None, float]]:
        """By recogniser: the mean of identity_skip over the rows that have one, and that of identity_zero."""
        found = self._db.execute(
            "SELECT recogniser, avg(similarity), avg(zero) FROM known WHERE completed GROUP BY recogniser ORDER BY 1"
        )
        return {name: (skip, zero) for name, skip, zero in found}

    def errors(self) -> dict[str, int]:
        """By kind, the most frequent first."""
        found = self._db.execute(
            "SELECT kind, count(*) FROM known WHERE NOT completed GROUP BY kind ORDER BY 2 DESC, 1"
        )
        return dict(found)

    def stages(self) -> dict[str, tuple[float, float]]:
        """By stage, the median and the 95th percentile of its seconds."""
        names = [name for (name,) in self._db.execute("SELECT DISTINCT stage FROM stages ORDER BY rowid")]
        return {name: (self._percentile(name, 0.5), self._percentile(name, 0.95)) for name in names}

    def _percentile(self, stage: str, share: float) -> float:
        count = self._one("SELECT count(*) FROM stages WHERE stage = ?", stage)
        at = round((count - 1) * share)
        return self._one("SELECT seconds FROM stages WHERE stage = ? ORDER BY seconds LIMIT 1 OFFSET ?", stage, at)

    def by_similarity(self, completed: bool) -> Iterator[int]:
        """Where the lines of rows begin in the file of results, or of errors: the most alike first, faceless last."""
        query = "SELECT offset FROM known WHERE completed = ? ORDER BY similarity IS NULL, similarity DESC, custom_id"
        return (offset for (offset,) in self._db.execute(query, (completed,)))

    def _one(self, query: str, *given: object) -> float:
        return float(self._db.execute(query, given).fetchone()[0])
