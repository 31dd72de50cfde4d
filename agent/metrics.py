"""What operators watch, in the text form of Prometheus: counted from the list of jobs, so that it outlives processes.

An ended job never changes, so each is counted once, at the first look after its end, and a look costs what ended since
the one before. What was not measured is not there.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from agent.errors import GateError
from agent.status import Status

if TYPE_CHECKING:
    from agent.store import JobRow, JobStore

_OVERLAP = 600.0
"""Seconds. A job's end is written a little after the moment that it names."""

_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
_BYTES = tuple(gib * 2.0**30 for gib in (0.25, 0.5, 1, 2, 4, 8, 12, 16, 24, 32, 40, 48, 64, 80, 96, 128, 144, 192, 256))
_SIMILARITY = tuple(step / 20 for step in range(21))
_ATTEMPTS = tuple(range(1, 11))


class JobMetrics:
    """Safe to ask from any thread."""

    def __init__(self, store: JobStore) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._store = store
        self._asking = threading.Lock()
        self._counted: dict[str, float] = {}
        self._since = 0.0
        self._registry = registry = CollectorRegistry()
        self._jobs = Gauge("steadface_jobs", "Jobs in the list.", ["status"], registry=registry)
        self._waiting = Gauge("steadface_queue_length", "Jobs that wait for their turn.", registry=registry)
        self._paused = Gauge("steadface_queue_paused", "1 while no waiting job is begun.", registry=registry)
        self._ended = Counter("steadface_jobs_ended", "Ended jobs.", ["preset", "status"], registry=registry)
        self._failed = Counter(
            "steadface_job_failures", "Failed jobs, by what ended them.", ["kind"], registry=registry
        )
        self._queued = Histogram(
            "steadface_queue_seconds", "From being submitted to being begun.", buckets=_SECONDS, registry=registry
        )
        self._took = Histogram(
            "steadface_job_seconds",
            "From being begun to the end, restarts included.",
            ["preset", "status"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._stages = Histogram(
            "steadface_stage_seconds",
            "What a completed job spent in a stage, all its runs together.",
            ["preset", "stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._retries = Counter(
            "steadface_call_retries",
            "Calls of ended jobs that were run again because their worker died or was lost.",
            ["preset", "stage"],
            registry=registry,
        )
        self._worker_seconds = Counter(
            "steadface_worker_seconds",
            "What workers spent on calls of ended jobs, without waiting.",
            ["preset", "stage"],
            registry=registry,
        )
        self._gpu_seconds = Counter(
            "steadface_gpu_seconds",
            "The part of it with memory of a GPU held, times the GPUs.",
            ["preset", "stage"],
            registry=registry,
        )
        self._memory = Histogram(
            "steadface_peak_memory_bytes",
            "Highest resident memory of a worker in a stage of an ended job.",
            ["preset", "stage"],
            buckets=_BYTES,
            registry=registry,
        )
        self._gpu_memory = Histogram(
            "steadface_peak_gpu_memory_bytes",
            "The most that torch held of a GPU in a stage of an ended job.",
            ["preset", "stage"],
            buckets=_BYTES,
            registry=registry,
        )
        self._attempts = Histogram(
            "steadface_gate_attempts", "Batches of first frames that a job took.", buckets=_ATTEMPTS, registry=registry
        )
        self._gate = Counter(
            "steadface_gate_verdicts",
            "What the gate said at last: passed, went on with the best, or failed.",
            ["verdict"],
            registry=registry,
        )
        self._first_frames = Histogram(
            "steadface_first_frame_similarity",
            "Identity similarity of the first frames that were animated.",
            ["recogniser"],
            buckets=_SIMILARITY,
            registry=registry,
        )
        self._videos = Histogram(
            "steadface_video_similarity",
            "Mean identity similarity of videos, over scored frames with a face.",
            ["recogniser"],
            buckets=_SIMILARITY,
            registry=registry,
        )

    def text(self) -> bytes:
        """Everything as it stands now."""
        with self._asking:
            counts = self._store.count_by_status()
            for status in get_args(Status):
                self._jobs.labels(status).set(counts.get(status, 0))
            self._waiting.set(counts.get("queued", 0))
            self._paused.set(self._store.paused())
            for row in self._store.ended_since(self._since - _OVERLAP):
                if row.id not in self._counted and row.finished is not None:
                    self._count(row)
                    self._counted[row.id] = row.finished
                    self._since = max(self._since, row.finished)
            self._counted = {job: at for job, at in self._counted.items() if at >= self._since - _OVERLAP}
            return generate_latest(self._registry)

    def _count(self, row: JobRow) -> None:
        assert row.finished is not None
        preset, result = row.recipe.get("preset", ""), row.result or {}
        self._ended.labels(preset, row.status).inc()
        if row.started is not None:
            self._queued.observe(row.started - row.created)
            self._took.labels(preset, row.status).observe(row.finished - row.started)
        for stage, seconds in result.get("stages", {}).items():
            self._stages.labels(preset, stage).observe(seconds)
        for stage, usage in (row.usage or {}).items():
            self._count_usage(preset, stage, usage)
        if result.get("attempts"):
            self._attempts.observe(result["attempts"])
        if result.get("first_frame_passed") is not None:
            self._gate.labels("passed" if result["first_frame_passed"] else "went on with the best").inc()
        for similarity, histogram in (
            (result.get("first_frame_similarity"), self._first_frames),
            (result.get("identity_skip"), self._videos),
        ):
            if similarity is not None:
                histogram.labels(result["recogniser"]).observe(similarity)
        if row.error:
            self._failed.labels(row.error["kind"]).inc()
            if row.error["kind"] == GateError.__name__:
                self._gate.labels("failed").inc()

    def _count_usage(self, preset: str, stage: str, usage: dict[str, Any]) -> None:
        self._retries.labels(preset, stage).inc(usage["retries"])
        for key, counter in (("worker_seconds", self._worker_seconds), ("gpu_seconds", self._gpu_seconds)):
            if usage[key] is not None:
                counter.labels(preset, stage).inc(usage[key])
        for key, histogram in (("peak_memory", self._memory), ("peak_gpu_memory", self._gpu_memory)):
            if usage[key] is not None:
                histogram.labels(preset, stage).observe(usage[key])
