"""What a planner works with besides the words: its options, workers to ask, and whether the job was cancelled."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

from pydantic import SecretStr

from agent.planner.options import PlannerOptions
from agent.planner.protocol import Planner
from tools import registry
from tools.pools.calls import Message, Request

Reply = TypeVar("Reply", bound=Message)


class Caller(Protocol):
    """Runs one operation in a worker and waits for it; raises what ``tools.pools.Pool.call`` raises."""

    def __call__(self, request: Request, reply: type[Reply]) -> Reply: ...


@dataclass(frozen=True)
class Desk:
    """``api_key`` is never part of a recipe, a report or a log. ``cancelled`` is set when the job must stop."""

    options: PlannerOptions
    api_key: SecretStr | None
    call: Caller
    cancelled: threading.Event


def planner_at(desk: Desk, name: str) -> Planner:
    """The planner of that name: its factory, in the entry point group ``steadface.planner``, takes the desk."""
    return cast(Planner, registry.create("planner", name, desk))
