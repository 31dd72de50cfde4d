"""The queue as people handle it: looking at it, pausing it, and moving jobs in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from agent.errors import UnknownJob
from agent.status import Status
from tools.errors import InputError

if TYPE_CHECKING:
    from agent.store import JobStore

PRIORITIES = range(-100, 101)

_SHOWN = 100
"""Jobs at the most."""

_PROMPT = 120
"""Characters of a prompt that are shown."""


class QueuedJob(BaseModel):
    job_id: str
    status: Status
    priority: int = Field(description="the highest runs first; 0 unless it was given")
    prompt: str = Field(description="its beginning")


class Queue(BaseModel):
    """The unfinished jobs of whoever asks."""

    paused: bool = Field(description="no waiting job is begun until the queue is resumed")
    unfinished: int = Field(description="how many there are")
    jobs: list[QueuedJob] = Field(description="the first of them, in the order in which they run")

    @property
    def lines(self) -> list[str]:
        """The same for people to read."""
        state = "The queue is paused: no waiting job is begun." if self.paused else "The queue is running."
        jobs = [f"{job.job_id}  {job.status:<7}  priority {job.priority:>3}  {job.prompt}" for job in self.jobs]
        more = self.unfinished - len(self.jobs)
        return [state, *(jobs or ["No job waits."]), *([f"Further jobs: {more}"] if more else [])]


class JobQueue:
    """The queue as a client sees it; ``None`` is the owner of the installation, to whom all jobs belong.

    Every method but ``show`` raises ``InputError`` where the client may not do that, or the job cannot be moved.
    """

    def __init__(self, store: JobStore, client: str | None = None) -> None:
        self._store = store
        self._client = client

    def show(self) -> Queue:
        rows = self._store.queue()
        jobs = [
            QueuedJob(job_id=row.id, status=row.status, priority=row.priority, prompt=row.request["prompt"][:_PROMPT])
            for row in rows[:_SHOWN]
        ]
        return Queue(paused=self._store.paused(), unfinished=len(rows), jobs=jobs)

    def pause(self) -> None:
        """Have no waiting job begun any more; a running one goes on."""
        self._expect_owner()
        self._store.pause()

    def resume(self) -> None:
        self._expect_owner()
        self._store.resume()

    def put_first(self, job_id: str) -> None:
        """Have a waiting job run before all others of this client; those of other clients keep their turns."""
        self._expect_moved(job_id, self._store.put_first(job_id))

    def set_priority(self, job_id: str, priority: int) -> None:
        """Above 0 a job goes before those of all others, so only the owner may set that."""
        if priority not in PRIORITIES:
            raise InputError(
                f"A priority cannot be {priority}; give one from {PRIORITIES[0]} to {PRIORITIES[-1]}; jobs have 0."
            )
        if self._client is not None and priority > 0:
            raise InputError("Only the owner of this installation may set a priority above 0; give 0 or less.")
        self._expect_moved(job_id, self._store.set_priority(job_id, priority))

    def _expect_owner(self) -> None:
        if self._client is not None:
            raise InputError("Only the owner of this installation may pause and resume the queue.")

    def _expect_moved(self, job_id: str, moved: bool) -> None:
        if moved:
            return
        row = self._store.get(job_id)
        if row is None:
            raise UnknownJob(job_id)
        raise InputError(f"Job {job_id} is {row.status}; only a job that waits can be moved.")
