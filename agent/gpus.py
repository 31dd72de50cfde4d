"""The NVIDIA GPUs of this machine, as their driver tells them."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

_PATIENCE = 30
"""Seconds that the driver may take; one that is stuck never answers."""


@dataclass(frozen=True)
class Gpu:
    """GiB of memory; ``None`` where the driver does not tell, as with memory that is shared with the processor."""

    total: float | None
    free: float | None


def first_gpu() -> Gpu | None:
    """The one that workers use; ``None`` where there is none, or it does not tell its memory."""
    return next((gpu for gpu in visible_gpus()[:1] if gpu.total and gpu.free is not None), None)


def visible_gpus() -> list[Gpu]:
    """The GPUs that a program started from here can see."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    query = [program, *(["-i", chosen] if chosen else [])]
    query += ["--query-gpu=memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        return []
    return [Gpu(*map(_gib, line.split(","))) for line in told.stdout.splitlines()] if told.returncode == 0 else []


def _gib(mebibytes: str) -> float | None:
    return float(mebibytes) / 1024 if mebibytes.strip().isdecimal() else None
