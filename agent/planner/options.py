"""The settings of planners that ask a language model. Light: the settings import it before anything else."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


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
