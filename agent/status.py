"""What can become of a job."""

from __future__ import annotations

from typing import Literal

Status = Literal["queued", "running", "completed", "failed", "cancelled"]
ENDED: frozenset[Status] = frozenset({"completed", "failed", "cancelled"})
