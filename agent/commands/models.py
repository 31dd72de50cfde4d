"""``steadface models``: what presets need, downloaded and checked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from agent.commands.plainly import FAILED, say, told_plainly

if TYPE_CHECKING:
    from tools.models.catalog import Model

models = typer.Typer(help="The models that presets need.", no_args_is_help=True, rich_markup_mode=None)


@models.command("list")
def list_models(preset: Annotated[str | None, typer.Argument(help="Only what this preset needs.")] = None) -> None:
    """List models: size, licence, pinned revision, and where they lie."""
    with told_plainly():
        from agent.needs import chosen
        from tools.models.catalog import catalog

        listed = list(catalog().values()) if preset is None else chosen([preset])
        _print_models(listed, f"The preset {preset} needs no models.")


@models.command("pull")
def pull_models(
    names: Annotated[list[str], typer.Argument(metavar="PRESET_OR_MODEL", help="What to download.")],
    accept_licences: Annotated[
        bool, typer.Option("--accept-licences", help="Accept the licences that are shown, without being asked.")
    ] = False,
) -> None:
    """Download models; what broke off is gone on with."""
    with told_plainly():
        from tools.models.catalog import told_size
        from tools.models.pull import pull

        wanted = _ours(names, "pulled")
        _print_models(wanted, f"There is nothing to download for {', '.join(names)}.")
        if wanted:
            print(f"{told_size(sum(model.gigabytes for model in wanted))} in all")  # noqa: T201 - the result
            _expect_accepted(wanted, accept_licences)
            with _bytes_read() as report:
                pull(wanted, report)
            print("Everything is here, as the first pull saw it.")  # noqa: T201 - the result


@models.command("check")
def check_models(
    names: Annotated[list[str], typer.Argument(metavar="PRESET_OR_MODEL", help="What to read through.")],
) -> None:
    """Compare what is here with what the first pull saw."""
    with told_plainly():
        from tools.models.check import check

        with _bytes_read() as report:
            found = {model.name: check(model, report) for model in _ours(names, "checked")}
        for name, wrong in found.items():
            print(f"{name:<16} {' '.join(wrong) or 'as the first pull saw it'}")  # noqa: T201 - the result
        if not found:
            print(f"There is nothing to check for {', '.join(names)}.")  # noqa: T201 - the result
        if any(found.values()):
            raise typer.Exit(FAILED)


def _ours(names: Sequence[str], done: str) -> list[Model]:
    """The models that presets and names stand for, less those that a variable names; of these it is said."""
    from agent.needs import chosen
    from tools.models.place import named_place

    models = chosen(names)
    for model in models:
        if named_place(model):
            say(f"{model.title} is not {done}, since {model.variable} names another place for it.")
    return [model for model in models if not named_place(model)]


def _print_models(listed: Sequence[Model], none: str) -> None:
    """One line a model, in columns; ``none`` where there is no model."""
    from tools.models.lock import locked

    rows = [("model", "size", "revision", "licence", "lies")] if listed else []
    for model in listed:
        entry = locked(model)
        rows.append((model.name, model.size, entry.revision[:12] if entry else "not pinned", model.terms, _lies(model)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(line.rstrip())  # noqa: T201 - the result
    if not listed:
        print(none)  # noqa: T201 - the result


def _lies(model: Model) -> str:
    from tools.errors import Unavailable
    from tools.models.place import folder_of, named_place

    try:
        folder = str(folder_of(model.name))
    except Unavailable:
        folder = "not here"
    return f"{folder} ({model.variable})" if named_place(model) else folder


def _expect_accepted(wanted: Sequence[Model], accepted: bool) -> None:
    """The licences, accepted now or at an earlier pull; ``InputError`` where they are not."""
    from tools.errors import InputError
    from tools.models.terms import accept, unaccepted

    new = unaccepted(wanted)
    if not new or accepted:
        accept(new)
        return
    licences = "; ".join(f"{model.title}: {model.terms} ({model.told_at})" for model in new)
    if not sys.stdin.isatty():
        raise InputError(f"These licences were not accepted yet, give --accept-licences to accept them: {licences}.")
    say(f"The licences are {licences}.")
    if not typer.confirm("Do you accept them?", err=True):
        raise InputError("The licences were not accepted, so nothing was downloaded.")
    accept(new)


@contextmanager
def _bytes_read() -> Iterator[Callable[[int, int, str], None]]:
    """A bar of bytes on a terminal's stderr while files are read, and not while the downloads show theirs."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    bars = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
    bar = bars.add_task("")

    def report(done: int, total: int, message: str) -> None:
        bars.update(bar, completed=done, total=total, description=message)
        bars.start() if done < total else bars.stop()

    try:
        yield report
    finally:
        bars.stop()
