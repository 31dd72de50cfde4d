"""The job engine of a command, imported late: everything that can be refused is refused before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.jobs import JobEngine
    from agent.settings import Settings


@contextmanager
def engine_at_work(settings: Settings | None = None) -> Iterator[JobEngine]:
    """An engine that runs the queue; what goes wrong is logged in full."""
    from agent.jobs import JobEngine
    from agent.logs import log_to_file
    from agent.settings import load_settings

    settings = settings or load_settings()
    log_to_file(settings.home)
    with JobEngine(settings) as engine:
        yield engine


@contextmanager
def engine_at_rest() -> Iterator[JobEngine]:
    """An engine that looks at the store and runs nothing."""
    from agent.jobs import JobEngine
    from agent.settings import load_settings

    engine = JobEngine(load_settings())
    try:
        yield engine
    finally:
        engine.close()
