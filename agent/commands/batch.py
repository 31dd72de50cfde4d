"""``steadface batch``: many videos from a manifest, to be gone on with whenever it was stopped."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from agent.commands import completing
from agent.commands.plainly import BAD_INPUT, FAILED, INTERRUPTED, say, told_plainly
from tools.paths import full_path

if TYPE_CHECKING:
    from agent.batch.own import OwnBatch, Plan
    from agent.batch.run import Bounds
    from agent.batch.standing import Summary

batch = typer.Typer(help="Many videos from a manifest.", no_args_is_help=True, rich_markup_mode=None)

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def _duration(given: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", given.strip())
    if found is None:
        raise typer.BadParameter("give seconds, or a number with a unit, such as 90m or 8h.")
    return float(found[1]) * _UNITS[found[2]]


@batch.command("run")
def run_batch(
    manifest: Annotated[
        Path, typer.Argument(help="JSONL or CSV; or a folder of datasets, or one laid out as VIP-200K is.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the batch; a rerun goes on with what is there.")],
    consent: Annotated[
        str | None,
        typer.Option(
            help="Basis for rows that state none: self, written, licensed or synthetic.",
            autocompletion=completing.consent_bases,
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Working set of models for rows that override none.", autocompletion=completing.presets),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Run the good rows though others are bad.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check, tell what would be done, and stop.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Only this row, or those of a pattern such as 'id00*'; more than once."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Begin at most so many rows.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try rows again that failed.")] = False,
    max_cost: Annotated[
        float | None,
        typer.Option(
            parser=_duration,
            metavar="TIME",
            help="Begin no row that would take the batch past this time of the device, earlier runs included: "
            "seconds, or such as 90m or 8h.",
        ),
    ] = None,
    stop_below: Annotated[
        float | None, typer.Option(min=0, max=1, help="Begin no row while fewer than this share of the rows passed.")
    ] = None,
    after: Annotated[int, typer.Option(min=1, help="Rows that end before --stop-below counts.")] = 20,
    order: Annotated[
        Literal["rows", "phases"] | None,
        typer.Option(
            help="rows: one after another; phases: all plans, first frames and videos of some rows together. By itself "
            "phases, where one GPU cannot hold all models of a preset."
        ),
    ] = None,
) -> None:
    """Make a video of each row of a manifest. Run it again to go on; what is done is never made twice."""
    with told_plainly():
        from agent.batch.own import OwnBatch, Selection
        from agent.batch.run import Bounds

        bounds = Bounds(limit=limit, max_cost=max_cost, stop_below=stop_below, after=after)
        with OwnBatch(manifest, out, consent, preset, Selection(tuple(only or ()), retry_failed), order) as own:
            with _BadLines() as bad_lines:
                good, bad = own.check(bad_lines.tell, alone=not dry_run)
            if bad and not skip_bad:
                say(
                    f"{bad} of {good + bad} rows cannot be run, so nothing was begun; mend them, or leave them out "
                    "with --skip-bad."
                )
                raise typer.Exit(BAD_INPUT)
            if dry_run:
                print("\n".join([*_planned(own.plan(bounds)), *_left_out(bad)]))  # noqa: T201 - the result
                return
            ended = _run(own, bounds)
        print("\n".join([*_told(ended), *_left_out(bad)]))  # noqa: T201 - the result
        if bad or ended.failed or ended.end != "finished":
            raise typer.Exit(FAILED)


@batch.command("export")
def export_batch(
    folder: Annotated[Path, typer.Argument(help="Folder of a batch.")],
    layout: Annotated[Literal["vbench", "vip"], typer.Option(help="vbench: PROMPT-INDEX.mp4; vip: id001/prompt1.mp4.")],
    to: Annotated[Path, typer.Option(help="Folder for the videos, which are copied.")],
) -> None:
    """Copy the videos of a batch as others expect them."""
    with told_plainly():
        from agent.batch.exports import export

        done, left_out = export(full_path(folder), layout, full_path(to))
        for sentence in left_out:
            say(sentence)
        print(f"{done} videos in {to}")  # noqa: T201 - the result
        if left_out:
            raise typer.Exit(FAILED)


class _BadLines:
    """Tells each bad line of a manifest, and neighbours with the same fault in one sentence."""

    def __init__(self) -> None:
        self._first = self._last = 0
        self._fault: str | None = None

    def __enter__(self) -> _BadLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._print()

    def tell(self, number: int, fault: str) -> None:
        if fault != self._fault or number != self._last + 1:
            self._print()
            self._first, self._fault = number, fault
        self._last = number

    def _print(self) -> None:
        if self._fault is not None:
            lines = f"line {self._last}" if self._first == self._last else f"lines {self._first} to {self._last}"
            print(f"{lines}: {self._fault}", file=sys.stderr)  # noqa: T201 - the error


def _left_out(bad: int) -> list[str]:
    return [f"left out      {bad} of the manifest's rows, which cannot be run"] if bad else []


def _planned(plan: Plan) -> list[str]:
    cost = "unknown, since no job of its kind was completed here"
    if plan.seconds is not None:
        cost = f"about {_time(plan.seconds)} of the device"
    return [
        f"rows          {plan.standing.rows}",
        f"completed     {plan.standing.completed}",
        f"failed        {plan.standing.failed}",
        f"to do         {plan.to_do}",
        f"order         {plan.order}",
        f"cost          {cost}",
    ]


def _run(own: OwnBatch, bounds: Bounds) -> Summary:
    from agent.batch.order import TOLD
    from agent.batch.progress import RowsBar
    from agent.logs import log_to_file

    log_to_file(own.settings.home)
    with RowsBar() as bar:
        try:
            return own.run(bounds, lambda order: say(TOLD[order]), bar.show)
        except KeyboardInterrupt:
            say("Stopped; the same command goes on where it was.")
            raise typer.Exit(INTERRUPTED) from None


def _told(ended: Summary) -> list[str]:
    rate = "" if ended.pass_rate is None else f" ({ended.pass_rate:.0%})"
    return [
        *([f"stopped       {ended.reason}"] if ended.reason else []),
        f"rows          {ended.rows}",
        f"completed     {ended.completed}",
        f"failed        {ended.failed}" + "".join(f", {kind} {count}" for kind, count in ended.errors.items()),
        f"passed        {ended.passed}{rate}",
        *(
            f"similarity    identity_skip {_figure(mean.identity_skip)}, identity_zero {_figure(mean.identity_zero)} "
            f"({name})"
            for name, mean in ended.similarity.items()
        ),
        f"device        {_time(ended.device_seconds)}"
        + (f", {_time(ended.seconds_per_passed)} for each row that passed" if ended.seconds_per_passed else ""),
        f"results       {ended.results}",
        *([f"errors        {ended.errors_file}"] if ended.failed else []),
        f"report        {ended.report}",
    ]


def _figure(value: float | None) -> str:
    return "no face" if value is None else f"{value:.3f}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
