"""``steadface queue``: which jobs wait and in what order, pausing it, and moving one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from agent.commands import completing
from agent.commands.plainly import told_plainly

if TYPE_CHECKING:
    from agent.queue import JobQueue

queue = typer.Typer(help="The queue: its order, pausing it, moving a job.", no_args_is_help=True, rich_markup_mode=None)


@queue.command()
def show() -> None:
    """List the unfinished jobs in the order in which they run."""
    with _told_at_the_end():
        pass


@queue.command()
def pause() -> None:
    """Begin no waiting job until resume; a running one goes on."""
    with _told_at_the_end() as jobs:
        jobs.pause()


@queue.command()
def resume() -> None:
    """Go on with the waiting jobs."""
    with _told_at_the_end() as jobs:
        jobs.resume()


@queue.command()
def move(
    job_id: Annotated[
        str, typer.Argument(help="A job that waits, as steadface queue show lists it.", autocompletion=completing.jobs)
    ],
    first: Annotated[bool, typer.Option("--first", help="Before all others.")] = False,
    priority: Annotated[
        int | None, typer.Option(help="From -100 to 100: the highest runs first, and jobs have 0 unless it is given.")
    ] = None,
) -> None:
    """Have a waiting job run first, or give it a priority."""
    with _told_at_the_end() as jobs:
        from tools.errors import InputError

        if first == (priority is not None):
            raise InputError("Give either --first or --priority.")
        if priority is None:
            jobs.put_first(job_id)
        else:
            jobs.set_priority(job_id, priority)


@contextmanager
def _told_at_the_end() -> Iterator[JobQueue]:
    """The queue of this installation, as it stands once the block has ended."""
    with told_plainly():
        from agent.queue import JobQueue
        from agent.settings import load_settings
        from agent.store import JobStore

        with closing(JobStore(load_settings().database.jobs)) as store:
            jobs = JobQueue(store)
            yield jobs
            print(*jobs.show().lines, sep="\n")  # noqa: T201 - the result
