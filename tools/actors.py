"""How many Ray actors serve a queue, and what each takes of a cluster."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Actors(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    gpus: float = Field(default=0, ge=0, le=16)
    cpus: float = Field(default=1, ge=0, le=256)
    least: int = Field(default=1, ge=0, le=1024)
    most: int = Field(default=1, ge=1, le=1024)

    @model_validator(mode="after")
    def _in_order(self) -> Actors:
        if self.least > self.most:
            raise ValueError(f"least ({self.least}) is above most ({self.most})")
        return self
