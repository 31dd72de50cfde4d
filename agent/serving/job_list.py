"""Many jobs in one answer, as many as a message can carry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from agent.serving.reach import Reach
from agent.serving.results import VideoJob, job_of
from agent.views import JobView

if TYPE_CHECKING:
    from agent.serving.engine import LateEngine

MOST_BYTES = 600_000
"""Of the jobs as JSON. The words about them come to some more."""


class JobList(BaseModel):
    jobs: list[VideoJob] = Field(description="the newest first")
    left_out: int = Field(0, description="older jobs that this answer had no room for")


def job_list(views: Sequence[JobView], engine: LateEngine, reach: Reach) -> JobList:
    jobs: list[VideoJob] = []
    room = MOST_BYTES
    for view in views:
        job = job_of(view, engine, reach)
        room -= len(job.model_dump_json().encode())
        if room < 0:
            break
        jobs.append(job)
    return JobList(jobs=jobs, left_out=len(views) - len(jobs))
