"""Figures for Prometheus: what they count, and that they count it once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.metrics import JobMetrics
from agent.store import JobStore

VIDEO = {
    "recogniser": "dlib",
    "stages": {"animate": 40.0, "deliver": 0.2},
    "attempts": 2,
    "first_frame_similarity": 0.63,
    "first_frame_passed": True,
    "identity_skip": 0.58,
}

USAGE = {
    "animate": {
        "retries": 1,
        "worker_seconds": 38.0,
        "gpu_seconds": 38.0,
        "peak_memory": 3 * 2**30,
        "peak_gpu_memory": 20 * 2**30,
    },
    "score_video": {
        "retries": 0,
        "worker_seconds": 2.5,
        "gpu_seconds": None,
        "peak_memory": None,
        "peak_gpu_memory": None,
    },
}


@pytest.fixture
def store(tmp_path: Path):
    store = JobStore(tmp_path / "jobs.sqlite")
    yield store
    store.close()


def ended(store: JobStore, job_id: str, status: str = "completed", at: float | None = None, **values: Any) -> None:
    store.add(job_id, {"prompt": "a secret prompt"}, {"preset": "preview"})
    row = store.claim("me")
    assert row is not None
    store.write(row, status=status, finished=at or time.time(), **values)


def figures(metrics: JobMetrics) -> dict[str, float]:
    """Every sample as ``name{label="value"}``, but for the buckets of histograms."""
    return samples(metrics.text().decode())


def samples(text: str) -> dict[str, float]:
    return {
        f"{sample.name}{{{','.join(sample.labels.values())}}}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_bucket")
    }


def test_the_queue_and_the_jobs_by_status_are_as_they_are_now(store: JobStore) -> None:
    metrics = JobMetrics(store)
    ended(store, "done", result=VIDEO)
    for name in ("runs", "waits", "waits too"):
        store.add(name, {}, {})
    store.claim("me")
    told = figures(metrics)
    assert [told[f"steadface_jobs{{{status}}}"] for status in ("queued", "running", "completed", "failed")] == [
        2,
        1,
        1,
        0,
    ]
    assert (told["steadface_queue_length{}"], told["steadface_queue_paused{}"]) == (2, 0)
    store.pause()
    store.ask_cancel("waits")
    told = figures(metrics)
    assert (told["steadface_queue_length{}"], told["steadface_queue_paused{}"]) == (1, 1)
    assert told["steadface_jobs{cancelled}"] == 1


def test_an_ended_job_is_counted_once_however_often_somebody_looks(store: JobStore) -> None:
    metrics = JobMetrics(store)
    ended(store, "first", result=VIDEO)
    figures(metrics)
    ended(store, "second", result=VIDEO, at=time.time() - 30)  # its end is written after that of the first
    figures(metrics)
    told = figures(metrics)
    assert told["steadface_jobs_ended_total{preview,completed}"] == 2
    assert told["steadface_stage_seconds_count{preview,animate}"] == 2
    assert told["steadface_stage_seconds_sum{preview,animate}"] == 80


def test_a_restart_counts_the_same(store: JobStore) -> None:
    before = JobMetrics(store)
    ended(store, "first", result=VIDEO)
    ended(store, "old", result=VIDEO, at=time.time() - 90_000)
    assert figures(before) == figures(JobMetrics(store))


def test_what_the_gate_said_and_how_near_it_came_is_told_beside_the_recogniser(store: JobStore) -> None:
    ended(store, "passed", result=VIDEO)
    ended(store, "best", result={**VIDEO, "first_frame_passed": False, "first_frame_similarity": 0.3})
    ended(store, "stopped", "failed", error={"kind": "GateError", "message": "no", "attachments": {}})
    told = figures(JobMetrics(store))
    assert told["steadface_gate_verdicts_total{passed}"] == 1
    assert told["steadface_gate_verdicts_total{went on with the best}"] == 1
    assert told["steadface_gate_verdicts_total{failed}"] == 1
    assert told["steadface_job_failures_total{GateError}"] == 1
    assert told["steadface_gate_attempts_sum{}"] == 4
    assert told["steadface_first_frame_similarity_sum{dlib}"] == pytest.approx(0.93)
    assert told["steadface_video_similarity_sum{dlib}"] == pytest.approx(1.16)


def test_what_ended_jobs_took_of_machines_is_told_however_they_ended(store: JobStore) -> None:
    ended(store, "done", result=VIDEO, usage=USAGE)
    ended(store, "stopped", "failed", error={"kind": "BackendError", "message": "no"}, usage=USAGE)
    ended(store, "of before it was measured", result=VIDEO)
    told = figures(JobMetrics(store))
    assert told["steadface_call_retries_total{preview,animate}"] == 2
    assert told["steadface_worker_seconds_total{preview,animate}"] == 76
    assert told["steadface_worker_seconds_total{preview,score_video}"] == 5
    assert told["steadface_gpu_seconds_total{preview,animate}"] == 76
    assert told["steadface_peak_memory_bytes_sum{preview,animate}"] == 6 * 2**30
    assert told["steadface_peak_gpu_memory_bytes_count{preview,animate}"] == 2
    assert [name for name in told if "score_video" in name] == [
        "steadface_call_retries_total{preview,score_video}",
        "steadface_worker_seconds_total{preview,score_video}",
    ]


def test_what_was_not_measured_is_not_there(store: JobStore) -> None:
    reference_to_video = {**VIDEO, "first_frame_similarity": None, "first_frame_passed": None, "attempts": 0}
    ended(store, "r2v", result={**reference_to_video, "identity_skip": None})
    store.add("never begun", {}, {"preset": "preview"})
    store.ask_cancel("never begun")
    told = figures(JobMetrics(store))
    assert told["steadface_queue_seconds_count{}"] == 1
    assert told["steadface_gate_attempts_count{}"] == 0
    assert not [name for name in told if "similarity" in name or "verdicts" in name]


def test_nothing_is_told_of_what_was_asked_for(store: JobStore) -> None:
    ended(store, "done", result=VIDEO)
    assert "secret" not in JobMetrics(store).text().decode()
