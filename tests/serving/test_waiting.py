"""News of a job while a call waits: at once, never too often, never silent for long."""

from __future__ import annotations

import itertools
from typing import Any

import anyio
import pytest

from agent.serving import waiting
from agent.serving.waiting import Vigil
from agent.views import JobView

pytestmark = pytest.mark.anyio


class Client:
    """Stands in for the SDK's context: keeps what it is told, and when."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, str]] = []
        self.at: list[float] = []

    async def report_progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        self.heard.append((progress, message or ""))
        self.at.append(anyio.current_time())


class Engine:
    """Stands in for the engine: each look finds the next of the lines."""

    def __init__(self, *lines: str) -> None:
        self._lines = iter([*lines, *itertools.repeat(lines[-1], 200)])

    def view(self, job_id: str) -> JobView:
        return JobView(job_id=job_id, status="running", doing=next(self._lines))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_the_first_news_comes_at_once() -> None:
    client: Any = Client()
    await Vigil(client, 5).tell("Taking the photo in")
    assert client.heard == [(0.0, "Taking the photo in")]


async def test_news_is_thinned_out_and_its_value_always_rises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_GLANCE", 0.01)
    monkeypatch.setattr(waiting, "_AT_MOST_EVERY", 0.1)
    client: Any = Client()
    engine: Any = Engine(*(f"step {number}" for number in range(200)))
    view = await Vigil(client, 0.8).keep(engine, "job")
    assert view.status == "running"
    values = [value for value, _ in client.heard]
    assert 3 <= len(values) <= 8
    assert values == sorted(set(values))
    assert all(later - earlier >= 0.1 for earlier, later in itertools.pairwise(client.at))


async def test_a_long_stage_is_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_GLANCE", 0.01)
    monkeypatch.setattr(waiting, "_AT_LEAST_EVERY", 0.2)
    client: Any = Client()
    engine: Any = Engine("Animating")
    await Vigil(client, 1).keep(engine, "job")
    assert len(client.heard) >= 3
    assert {line for _, line in client.heard} == {"Animating"}


async def test_the_wait_is_counted_from_the_beginning_of_the_call() -> None:
    client: Any = Client()
    engine: Any = Engine("Animating")
    vigil = Vigil(client, 0.1)
    await anyio.sleep(0.15)
    with anyio.fail_after(5):
        assert (await vigil.keep(engine, "job")).status == "running"
    assert client.heard == []
