"""What a node may use besides the state: pool, planner, artifacts, and the job's own lines to the outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr

from agent.planner.desk import Desk, planner_at
from agent.planner.protocol import Planner
from agent.requests import JobRequest
from agent.settings import Recipe
from agent.state import Attempt, Timing, Verdict
from agent.telemetry import span
from tools.artifacts import Artifacts
from tools.pools import CallKey, Pool
from tools.pools.calls import Message, Request
from tools.pools.usage import Usage

Reply = TypeVar("Reply", bound=Message)


@dataclass(frozen=True)
class Context:
    """One job's surroundings; not serialised.

    ``observe(done, total, message)`` shows progress inside the stage that ``enter(stage)`` began; ``enter`` raises
    when the job was cancelled, drained or taken over, so it is called before every node; ``leave(timing)`` raises
    ``LeaseLost`` when it was taken over, and is called before what a node found out is kept. ``take_folder`` gives the
    folder that the job took before, else takes the first of these. ``show_candidates`` is given every first frame
    scored so far.
    """

    job_id: str
    created: datetime
    request: JobRequest
    recipe: Recipe
    videos: Path
    planner_key: SecretStr | None
    artifacts: Artifacts
    pool: Pool
    cancelled: threading.Event
    enter: Callable[[str, str], None]
    leave: Callable[[Timing], None]
    take_folder: Callable[[Iterator[Path]], Path]
    observe: Callable[[int, int, str], None]
    show_candidates: Callable[[Sequence[Attempt], Verdict], None]


@dataclass
class Tools:
    """The calls of one run of one node: numbers them, adds up what they took and keeps their notes."""

    context: Context
    task_id: str
    begun: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    retries: int = 0
    usage: Usage = field(default_factory=Usage)
    _calls: int = 0

    def call(self, request: Request, reply: type[Reply]) -> Reply:
        key = CallKey(self.context.job_id, self.task_id, self._calls)
        self._calls += 1
        about = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": request.operation}
        with span(f"execute_tool {request.operation}", about):
            done = self.context.pool.call(request, key, self.context.observe, self.context.cancelled)
        self.seconds += done.seconds
        self.notes.extend(done.notes)
        self.retries += done.retries
        self.usage = self.usage.and_then(done.usage)
        assert isinstance(done.reply, reply)
        return done.reply

    def planner(self) -> Planner:
        """The job's planner, for this run of the node."""
        context = self.context
        desk = Desk(context.recipe, context.planner_key, self.call, context.cancelled)
        return planner_at(desk, context.recipe.planner)

    def elapsed(self) -> float:
        """Seconds since the node began."""
        return time.perf_counter() - self.begun
