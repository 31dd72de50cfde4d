"""Every random choice of a job comes from here, never from a retry."""

from __future__ import annotations

import hashlib


def derive_seed(job_seed: int, purpose: str, attempt: int = 0, index: int = 0) -> int:
    """A seed in 0 … 2**32 - 1, the same for the same arguments on every machine."""
    digest = hashlib.sha256(f"{job_seed}/{purpose}/{attempt}/{index}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
