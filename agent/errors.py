"""The agent's own errors, beside the tools' tree in ``tools.errors``."""

from __future__ import annotations

from tools.errors import SteadfaceError


class GateError(SteadfaceError):
    """The identity was not reached in the attempts allowed; ``best`` is the artifact of the best first frame."""

    def __init__(self, message: str, best: str) -> None:
        super().__init__(message)
        self.best = best


class LeaseLost(Exception):  # noqa: N818 - not an error of the job's
    """Another process has taken this job over; the loser stops and writes nothing more."""
