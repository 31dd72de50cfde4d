"""Choices that environment variables make for a machine."""

from __future__ import annotations

import os
from collections.abc import Iterable

from tools.errors import InputError


def choice(variable: str, choices: Iterable[str]) -> str | None:
    """What the variable names, ``None`` where it is unset; ``InputError`` for what is not among the choices."""
    named = os.environ.get(variable) or None
    known = tuple(choices)
    if named is not None and named not in known:
        raise InputError(f"{variable} cannot be {named!r}; choose one of: {', '.join(known)}.")
    return named


def is_placeholder(value: str | None) -> bool:
    """Whether a client passed ``${user_config.home}`` or the like on as it was, because nothing was chosen there."""
    return value is not None and value.startswith("${")
