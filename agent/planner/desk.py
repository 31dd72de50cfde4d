"""What a planner works with besides the words: its options, workers to ask, and whether the job was cancelled."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar, cast

from pydantic import BaseModel, Field, SecretStr

from agent.planner.protocol import Planner
from tools import registry
from tools.pools.calls import Message, Request

Reply = TypeVar("Reply", bound=Message)


class PlannerOptions(BaseModel):
    """The settings of planners that ask a language model; part of a job's recipe."""

    planner_model: str = Field(
        "Qwen/Qwen3-8B",
        description="The planner's model: as its server calls it, or for qwen-local a Hub id or folder.",
    )
    planner_url: str | None = Field(
        None, description="OpenAI-compatible server of the planner qwen, such as http://127.0.0.1:8000/v1."
    )
    planner_timeout: float = Field(
        60, gt=0, le=600, description="Seconds that planning may ask a model; then rules plan, and the report says so."
    )
    planner_prompts: str | None = Field(None, description="Folder of prompt templates to use instead of the shipped.")
    static_appearance: Literal["keep", "drop"] = Field(
        "keep", description="Whether the temporal prompt keeps face and clothes (the paper) or drops them (Wan I2V)."
    )


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
