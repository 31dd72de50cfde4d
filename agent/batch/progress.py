"""Progress of a batch on a terminal: one bar over all rows, with what was measured so far."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from agent.batch.run import Doing
from agent.batch.standing import Standing

_SILENCE = 10.0
"""Seconds between two lines where standard error is no terminal."""


class RowsBar:
    """A bar on stderr while it is a terminal; elsewhere a plain line now and then."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bars = Progress(
            BarColumn(bar_width=28),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._bar = self._bars.add_task("Checking presets")
        self._told = -_SILENCE
        self._line = self._waited_for = ""

    def __enter__(self) -> RowsBar:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def show(self, standing: Standing, seconds_left: float | None, doing: Doing | None) -> None:
        line = f"{standing.line}{_left(seconds_left)}"
        shown = f"{line}\n{doing.line}" if doing else line
        self._bars.update(self._bar, total=standing.rows, completed=standing.ended, description=escape(shown))
        if not self._console.is_terminal:
            self._print(line, doing, last=seconds_left == 0)

    def _print(self, line: str, doing: Doing | None, *, last: bool) -> None:
        waits_for = doing.line if doing and doing.waits else ""
        if waits_for and waits_for != self._waited_for:
            self._console.print(waits_for, highlight=False, markup=False)
        self._waited_for = waits_for
        if line != self._line and (time.monotonic() - self._told >= _SILENCE or last):
            self._console.print(line, highlight=False, markup=False)
            self._line, self._told = line, time.monotonic()


def _left(seconds: float | None) -> str:
    if not seconds:
        return ""
    hours, minutes = divmod(round(seconds / 60), 60)
    told = f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{seconds:.0f} s"
    return f", {told} left"
