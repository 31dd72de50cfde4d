"""Checking a manifest from end to end before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agent.batch.ledger import Ledger
from agent.batch.manifest import Entry
from agent.batch.rows import Row, row_of
from tools.errors import InputError


def check_rows(
    entries: Iterable[Entry], check: Callable[[Row], str], ledger: Ledger, tell: Callable[[int, str], None]
) -> int:
    """Enter the rows that can be run, and ``tell`` the line number of each other one with what is wrong.

    ``check`` gives the preset of a row, or raises ``InputError``. How many rows are bad comes back.
    """
    bad = 0
    for number, fields in entries:
        try:
            if isinstance(fields, InputError):
                raise fields
            row = row_of(fields)
            _enter(row, number, check(row), ledger)
        except InputError as error:
            tell(number, str(error))
            bad += 1
    return bad


def _enter(row: Row, number: int, preset: str, ledger: Ledger) -> None:
    known = ledger.outcome(row.custom_id)
    if known and known.completed and known.fingerprint != row.fingerprint:
        raise InputError(
            f"The row {row.custom_id} asks something else than when it was made; give it another custom_id."
        )
    taken = ledger.add(row.custom_id, number, row.fingerprint, preset)
    if taken is not None:
        raise InputError(f"The custom_id {row.custom_id} is that of line {taken} already; give each row its own.")
