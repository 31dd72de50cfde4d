"""What the face does during a clip: glances, nods, a smile, blinks, and never quite still."""

from __future__ import annotations

import math
import random

from tools.preview.alive import Expression
from tools.preview.motion import Motion
from tools.preview.timing import ease, swell

WIDEST_YAW, HIGHEST_PITCH = 7.5, 3.0
"""Degrees: well within what is still recognised (10 and 5), since a look is held for a good part of a clip."""
LIDS = 0.85
SMILE = 0.5
IDLE_YAW, IDLE_PITCH = 1.8, 0.8
CALM = 0.5
"""A blink waits until the head is within this part of its limits."""
CLOSING, OPENING = 0.11, 0.17
"""Seconds."""


class Countenance:
    """Plays the looks and the smile of a motion over ``seconds``; ``rng`` varies when, and how the head sways."""

    def __init__(self, motion: Motion, seconds: float, rng: random.Random) -> None:
        self._seconds = seconds
        self._turns = motion.move == "turn"
        self._smile = SMILE if motion.smile else 0.15
        right, up = motion.look
        wandering = 0.9 if self._turns else 0.35
        self._look = (right or (0 if up else wandering * rng.choice((-1, 1))), up)
        self._phases = (rng.uniform(0, math.tau), rng.uniform(0, math.tau))
        self._blinks = self._planned_blinks(rng)

    def at(self, seconds: float) -> Expression:
        yaw, pitch = self._heading(seconds)
        return Expression(
            yaw=yaw,
            pitch=pitch,
            smile=self._smile * ease((seconds - 0.2) / 1.6),
            blink=LIDS * max((_lids(seconds - blink) for blink in self._blinks), default=0.0),
        )

    def _heading(self, seconds: float) -> tuple[float, float]:
        """Where the nose points: the look that was asked for over a slow sway, kept within the limits together."""
        looking = self._looking(seconds)
        awake = ease(seconds / 1.2)
        yaw = looking * self._look[0] * WIDEST_YAW + awake * IDLE_YAW * _sway(seconds, 4.3, self._phases[0])
        pitch = looking * self._look[1] * HIGHEST_PITCH + awake * IDLE_PITCH * _sway(seconds, 3.1, self._phases[1])
        far = max(math.hypot(yaw / WIDEST_YAW, pitch / HIGHEST_PITCH), 1.0)
        return yaw / far, pitch / far

    def _looking(self, seconds: float) -> float:
        """One look in a short clip; a clip of more than seven seconds returns to it."""
        length = max(self._seconds / max(round(self._seconds / 5), 1), 2.0)
        return swell(seconds % length - 0.1 * length, 0.27 * length, 0.16 * length, 0.33 * length)

    def _planned_blinks(self, rng: random.Random) -> list[float]:
        """When the lids begin to close: every few seconds, while the head is near its middle."""
        blinks = []
        at = rng.uniform(0.3, 0.6)
        while at < self._seconds - CLOSING - OPENING:
            if self._calm(at) and self._calm(at + CLOSING + OPENING):
                blinks.append(at)
                at += rng.uniform(2.0, 3.4)
            else:
                at += 0.1
        return blinks

    def _calm(self, seconds: float) -> bool:
        yaw, pitch = self._heading(seconds)
        return math.hypot(yaw / WIDEST_YAW, pitch / HIGHEST_PITCH) < CALM


def _lids(since: float) -> float:
    """How far the lids are down ``since`` seconds after they began to close."""
    if since < 0:
        return 0.0
    return ease(since / CLOSING) * (1 - ease((since - CLOSING - 0.05) / OPENING))


def _sway(seconds: float, period: float, phase: float) -> float:
    return 0.65 * math.sin(math.tau * seconds / period + phase) + 0.35 * math.sin(math.tau * seconds / period * 1.7)
