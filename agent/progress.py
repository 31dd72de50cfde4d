"""Progress on a terminal: one bar for each stage of a job, or for one call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from agent.views import JobView
from tools import contracts


class StageBars:
    """Bars on stderr while it is a terminal; elsewhere one plain line a stage. ``quiet`` shows nothing."""

    def __init__(self, quiet: bool) -> None:
        self._console = Console(stderr=True, quiet=quiet)
        self._bars = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(bar_width=28),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._stage: tuple[str | None, int] = ("", 0)
        self._bar: TaskID | None = None

    def __enter__(self) -> StageBars:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish()
        self._bars.stop()

    def show(self, view: JobView) -> None:
        doing = view.doing if view.status == "running" else view.line
        if view.ended:
            return
        if (doing, view.stages_begun) != self._stage:
            self._finish()
            self._stage = (doing, view.stages_begun)
            self._bar = self._bars.add_task(doing, total=None, detail="")
            if not self._console.is_terminal:
                self._console.print(f"{doing} …", highlight=False)
        if self._bar is not None:
            self._bars.update(self._bar, total=view.total or None, completed=view.done, detail=view.detail)

    def _finish(self) -> None:
        if self._bar is not None:
            self._bars.update(self._bar, total=1, completed=1, detail="")
            self._bar = None


@contextmanager
def step_bar() -> Iterator[contracts.Progress]:
    """A bar on stderr for one call, while it is a terminal."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description:<44}"), BarColumn(bar_width=28), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bars:
        bar = bars.add_task("")
        yield lambda done, total, message: bars.update(bar, completed=done, total=total, description=message)
