"""Worker processes on this machine, one a queue."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from tools.pools.calls import Queue
from tools.pools.crew import Crew
from tools.pools.process import Process
from tools.pools.queued import QueuedPool


class LocalPool(QueuedPool):
    """A worker starts at its first call."""

    def __init__(
        self,
        root: Path,
        cancel_grace: float = 60.0,
        operations: str = "tools.pools.work:OPERATIONS",
        artifacts_url: str | None = None,
    ) -> None:
        """``root`` and ``artifacts_url`` as ``tools.artifacts.Artifacts`` takes them."""

        def crew(name: Queue) -> Crew:
            return Crew(lambda _: Process(name, root, operations, artifacts_url))

        super().__init__({name: crew(name) for name in get_args(Queue)}, cancel_grace, retry_for=0)
