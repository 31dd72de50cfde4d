"""Phases: what of a job wants the same models on the device, so that rows of a batch can take turns in them together.

A job in phases runs up to the first node of another phase, and goes back into the queue. Which node that is, the graph
says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """A phase begins with any of its ``nodes``; those that no phase has need no model of their own.

    ``kept`` is what a job says that waits for the phase.
    """

    name: str
    nodes: frozenset[str]
    kept: str


PHASES = (
    Phase(
        "plan",
        frozenset({"inspect_reference", "decouple_prompt", "revise_spatial_prompt"}),
        "First frames kept; the prompt is revised with those of other rows",
    ),
    Phase(
        "first frames",
        frozenset({"generate_first_frames"}),
        "Planned; first frames are painted with those of other rows",
    ),
    Phase("video", frozenset({"animate"}), "First frame kept; the video is made with those of other rows"),
    Phase("keyframes", frozenset({"fix_keyframes"}), "Video kept; its keyframes are fixed with those of other rows"),
    Phase("repair", frozenset({"repair_identity"}), "Keyframes fixed; the video is repaired with those of other rows"),
)
"""In the order of the pipeline; a job keeps the number of its phase."""


def phase_of(following: Sequence[str], now: int) -> int:
    """The phase of a job by the nodes that follow; it stays in the one of ``now`` where no other begins."""
    return next((number for number, phase in enumerate(PHASES) if not phase.nodes.isdisjoint(following)), now)


def beyond(now: int) -> list[str]:
    """The nodes with which another phase begins."""
    return [node for number, phase in enumerate(PHASES) if number != now for node in sorted(phase.nodes)]
