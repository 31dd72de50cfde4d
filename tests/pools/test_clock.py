"""The time of an answer starts when the model is loaded, and its end ends the answer."""

from __future__ import annotations

import time

import pytest

from tools.errors import BackendError
from tools.pools.clock import Clock


def test_loading_does_not_count_and_a_late_answer_ends() -> None:
    heard: list[str] = []
    clock = Clock(0, lambda done, total, message: heard.append(message))
    time.sleep(0.1)
    clock.report(0, 9, "loading")
    assert clock.seconds < 0.1
    time.sleep(0.01)
    with pytest.raises(BackendError, match="no answer in 0 s"):
        clock.report(1, 9, "writing")
    assert heard == ["loading"]
    patient = Clock(60, lambda done, total, message: heard.append(message))
    patient.report(1, 9, "writing")
    assert heard == ["loading", "writing"]
