"""What a call takes of its machine, as its worker measures it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from tools.pools.calls import Message

_PROCESS = Path("/proc/self")

Number = TypeVar("Number", int, float)


class Usage(Message):
    """Seconds at work, without waiting for a worker, and the highest that the worker reached meanwhile, in bytes.

    What was not measured is ``None``: memory where the system keeps no such mark, the GPU's where torch used none.
    ``gpu_seconds`` are those at work times the GPUs held; ``peak_gpu_memory`` is of the fullest of them.
    """

    worker_seconds: float | None = None
    gpu_seconds: float | None = None
    peak_memory: int | None = None
    peak_gpu_memory: int | None = None

    def and_then(self, other: Usage) -> Usage:
        """Of both, one after the other."""
        return Usage(
            worker_seconds=_of_known(sum, self.worker_seconds, other.worker_seconds),
            gpu_seconds=_of_known(sum, self.gpu_seconds, other.gpu_seconds),
            peak_memory=_of_known(max, self.peak_memory, other.peak_memory),
            peak_gpu_memory=_of_known(max, self.peak_gpu_memory, other.peak_gpu_memory),
        )


class Meter:
    """Measures what this process takes from now on; of one at a time."""

    def __init__(self) -> None:
        with suppress(OSError):
            (_PROCESS / "clear_refs").write_text("5")  # lowers VmHWM to what is held now
        for gpu in _gpus():
            sys.modules["torch"].cuda.reset_peak_memory_stats(gpu)
        self._begun = time.monotonic()

    def read(self) -> Usage:
        seconds, gpus = time.monotonic() - self._begun, _peaks_of_gpus()
        return Usage(
            worker_seconds=seconds,
            gpu_seconds=seconds * len(gpus) if gpus else None,
            peak_memory=_peak_memory(),
            peak_gpu_memory=max(gpus, default=None),
        )


def _of_known(both: Callable[[Iterable[Number]], Number], *given: Number | None) -> Number | None:
    known = [number for number in given if number is not None]
    return both(known) if known else None


def _peak_memory() -> int | None:
    """The highest resident memory since the mark was lowered; Linux alone keeps one that can be."""
    try:
        lines = (_PROCESS / "status").read_text().splitlines()
    except FileNotFoundError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


def _gpus() -> range:
    """Torch is asked only where a backend has it at work, since to import it takes seconds."""
    torch = sys.modules.get("torch")
    return range(torch.cuda.device_count()) if torch and torch.cuda.is_initialized() else range(0)


def _peaks_of_gpus() -> list[int]:
    """Of the GPUs that torch holds memory of: the most that it held of each."""
    peaks = (sys.modules["torch"].cuda.max_memory_reserved(gpu) for gpu in _gpus())
    return [peak for peak in peaks if peak]
