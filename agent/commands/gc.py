"""``steadface gc``, ``pin`` and ``unpin``: what is kept inside, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.filesize import decimal

from agent.commands import completing
from agent.commands.plainly import say, told_plainly

if TYPE_CHECKING:
    from agent.housekeeping import Clearance

Job = Annotated[str, typer.Argument(help="As steadface jobs lists it.", autocompletion=completing.jobs)]


def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and delete nothing.")] = False,
    older_than: Annotated[
        float | None,
        typer.Option(min=0, metavar="DAYS", help="Let go of jobs that ended longer ago; STEADFACE_KEEP_DAYS else."),
    ] = None,
    keep_gb: Annotated[
        float | None,
        typer.Option(min=0, metavar="N", help="Let go of the oldest until so much is left; STEADFACE_KEEP_GB else."),
    ] = None,
) -> None:
    """Free space: delete what is kept inside and not needed any more.

    Results stay where they were delivered, and so do people and consent. A job that is let go of can no longer be
    changed by a follow-up; those that wait, run, or are pinned stay whole.
    """
    with told_plainly():
        from agent.settings import load_settings

        settings = load_settings(keep_days=older_than, keep_gb=keep_gb)
        if not settings.database.begun:
            print("There is nothing to free: no job was made here yet.")  # noqa: T201 - the result
            return
        from agent.housekeeping import Limits, clear, clearance

        limits = Limits(settings.keep_days, settings.keep_gb)
        found = clearance(settings, limits) if dry_run else clear(settings, limits)
        print(_told(found, dry_run))  # noqa: T201 - the result
        if found.over:
            say(
                f"That is {decimal(found.over)} more than the limit: unfinished and pinned jobs, people and consent "
                "need it, or it is less than an hour old."
            )


def pin(job_id: Job) -> None:
    """Keep a job whole, so that it can be changed for ever."""
    _pin(job_id, True)


def unpin(job_id: Job) -> None:
    """Let a job go as others do, when steadface gc is told to."""
    _pin(job_id, False)


def _pin(job_id: str, pinned: bool) -> None:
    with told_plainly():
        from contextlib import closing

        from agent.errors import UnknownJob
        from agent.settings import load_settings
        from agent.store import JobStore

        with closing(JobStore(load_settings().database.jobs)) as store:
            if store.get(job_id) is None:
                raise UnknownJob(job_id)
            store.pin(job_id, pinned)
        print(f"{job_id} is {'pinned' if pinned else 'no longer pinned'}.")  # noqa: T201 - the result


def _told(found: Clearance, dry_run: bool) -> str:
    would, files = "would be" if dry_run else "are", len(found.files) + len(found.passing)
    lines = [f"{decimal(found.freed)} {would} freed, {decimal(found.kept)} stay."]
    if files:
        lines.append(f"Deleted {would}: {_count(files, 'file')} that nothing needs.")
    if found.left:
        lines.append(f"Deleted {would}: what {_count(len(found.left), 'ended job')} left.")
    if found.closed:
        lines.append(f"Let go {would}: {_count(len(found.closed), 'job')}, which can then be changed no more:")
    return "\n".join([*lines, *(f"  {job_id}" for job_id in found.closed)])


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"
