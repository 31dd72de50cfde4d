"""What a spatial and a temporal prompt must be, whoever wrote them: the checks, applied."""

from __future__ import annotations

from collections.abc import Iterable

from agent.planner import spatial_checks, temporal_checks
from agent.planner.checks import Check, Context, Violation
from agent.planner.language import words_of
from agent.planner.subject import without_framing

__all__ = ["MOST_ALIKE", "Context", "Violation", "alike", "check_phrase", "check_spatial", "check_temporal"]

MOST_ALIKE = 0.95


def alike(a: str, b: str) -> float:
    """Jaccard similarity of the two sets of words: 1 is the same set."""
    one, other = set(words_of(a)), set(words_of(b))
    return len(one & other) / len(one | other) if one | other else 1.0


def _violations(checks: Iterable[Check], text: str, context: Context) -> list[Violation]:
    found = ((check, check.offence(text, context)) for check in checks if check.reads is False or context.english)
    return [
        Violation(check.code, check.message.format(found=offence)) for check, offence in found if offence is not None
    ]


def check_phrase(phrase: str, context: Context) -> list[Violation]:
    """What is wrong with one phrase of a spatial prompt, wherever it stands."""
    return _violations(spatial_checks.PHRASE, phrase, context)


def check_spatial(text: str, context: Context) -> list[Violation]:
    """Everything that is wrong with a spatial prompt; one that has been tried counts as wrong too."""
    found = _violations(spatial_checks.SPATIAL, text, context)
    # A framing phrase is no content: "head to toe" shows no feet, and a "cowboy shot" no cowboy.
    found += check_phrase(without_framing(text), context)
    if any(alike(text, tried) >= MOST_ALIKE for tried in context.previous):
        found.append(Violation("tried", "This is nearly a prompt that has been tried: change more of it."))
    return found


def check_temporal(text: str, context: Context) -> list[Violation]:
    """Everything that is wrong with a temporal prompt."""
    return _violations(temporal_checks.TEMPORAL, text, context)
