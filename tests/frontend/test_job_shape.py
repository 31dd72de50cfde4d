"""What the pages believe of a job is what the server tells."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agent.queue import Queue, QueuedJob
from agent.serving.results import VideoJob
from agent.views import CandidateView, CurvePoint, Delivered, FirstFrames, JobError

SOURCE = Path(__file__).parents[2] / "frontend" / "src" / "job.ts"

MODELS: dict[str, type[BaseModel]] = {
    "VideoJob": VideoJob, "Candidate": CandidateView, "Point": CurvePoint, "Delivered": Delivered,
    "FirstFrames": FirstFrames, "JobError": JobError, "Queue": Queue, "QueuedJob": QueuedJob,
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_field_that_the_pages_read_is_told_by_the_server(name: str) -> None:
    model = MODELS[name]
    written = re.search(rf"interface {name} {{(.*?)\n}}", SOURCE.read_text(encoding="utf-8"), re.DOTALL)
    assert written
    fields = dict(re.findall(r"^  (\w+): (.*);$", written[1], re.MULTILINE))
    assert fields
    told = model.model_json_schema(mode="serialization")["properties"]
    assert fields.keys() <= told.keys()
    nullable = {field for field in fields if {"type": "null"} in told[field].get("anyOf", ())}
    assert {field for field, type_ in fields.items() if "| null" in type_} == nullable


@pytest.mark.parametrize("status", ["completed", "running"])
def test_the_jobs_of_these_tests_are_such_as_the_server_tells(job: Callable[..., dict[str, Any]], status: str) -> None:
    assert VideoJob.model_validate(job(status), extra="forbid").status == status
