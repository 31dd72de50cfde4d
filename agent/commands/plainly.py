"""How commands speak: results go to standard output, one sentence of error to standard error, with an exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130


@contextmanager
def told_plainly() -> Iterator[None]:
    """Every error becomes one sentence and an exit code: 2 where the caller can mend it, else 1."""
    from tools.errors import InputError, SteadfaceError

    try:
        yield
    except InputError as error:
        say(str(error))
        raise typer.Exit(BAD_INPUT) from None
    except SteadfaceError as error:
        say(str(error))
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt:
        say("Cancelled.")
        raise typer.Exit(INTERRUPTED) from None


def say(sentence: str) -> None:
    print(f"steadface: {sentence}", file=sys.stderr)  # noqa: T201 - the error
