"""The time that a language model may take for one answer."""

from __future__ import annotations

import time

from tools.contracts import Progress
from tools.errors import BackendError


class Clock:
    """Ends an answer that takes longer than ``limit`` seconds. It starts once the model is loaded."""

    def __init__(self, limit: int, report: Progress) -> None:
        self._limit, self._report = limit, report
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begun

    def report(self, done: int, total: int, message: str) -> None:
        """Passes news of the model on; raises ``BackendError`` when the time is over."""
        if done == 0:
            self._begun = time.monotonic()
        elif self.seconds > self._limit:
            raise BackendError(f"The language model gave no answer in {self._limit} s; give it more time.")
        self._report(done, total, message)
