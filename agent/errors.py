"""The agent's own errors, beside the tools' tree in ``tools.errors``."""

from __future__ import annotations

from tools.errors import InputError, SteadfaceError


class GateError(SteadfaceError):
    """The identity was not reached in the attempts allowed; ``best`` is the artifact of the best first frame."""

    def __init__(self, message: str, best: str) -> None:
        super().__init__(message)
        self.best = best


class UnknownJob(InputError):  # noqa: N818 - what it says
    """There is no such job, or it is somebody else's, which nobody is told."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"There is no job {job_id!r}; list the jobs to see their ids.")


class Busy(InputError):  # noqa: N818 - what it says
    """So many jobs wait already that no more are taken; the same request can be made later."""


class LeaseLost(Exception):  # noqa: N818 - not an error of the job's
    """Another process has taken this job over; the loser stops and writes nothing more."""
