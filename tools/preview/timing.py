"""How things start and stop: smooth curves over time."""

from __future__ import annotations


def ease(progress: float) -> float:
    """From 0 to 1 with a soft start and a soft end; held outside."""
    u = min(max(progress, 0.0), 1.0)
    return u * u * u * (u * (6 * u - 15) + 10)


def gone(seconds: float, starting: float) -> float:
    """The seconds' worth of way at full pace, for something that takes ``starting`` seconds to reach it."""
    if seconds >= starting:
        return seconds - starting / 2
    u = seconds / starting
    return starting * (u**3 - u**4 / 2)


def swell(seconds: float, up: float, hold: float, down: float) -> float:
    """0 to 1 in ``up`` seconds, there for ``hold`` seconds, and back in ``down`` seconds."""
    return ease(seconds / up) * (1 - ease((seconds - up - hold) / down))
