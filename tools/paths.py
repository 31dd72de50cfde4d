"""Paths as people write them."""

from __future__ import annotations

from pathlib import Path

from tools.errors import InputError


def full_path(given: str | Path, beside: Path = Path()) -> Path:
    """The absolute path, which need not be there; a relative one lies in ``beside``, and ``~`` is the home folder.

    Raises ``InputError`` for the ``~name`` of somebody without one.
    """
    try:
        return (beside / Path(given).expanduser()).absolute()
    except RuntimeError:
        raise InputError(f"{given} begins with a user who has no home folder here; give the full path.") from None
