"""What a revision by a model may change: the framing that a cause asks for, and which of the user's words may go."""

from __future__ import annotations

from collections.abc import Iterator

from agent.planner.checks import Context, Violation, stem
from agent.planner.language import words_of
from agent.planner.protocol import Cause
from agent.planner.spatial_checks import phrases_of
from agent.planner.validators import check_spatial
from agent.planner.words import because, lexicon
from tools.framing import closer, framing_of, framing_phrases

ALL_GROUPS = frozenset({"framing", "clothes", "place"})
"""The groups of ``Context.loosened``: here what must stay is checked phrase by phrase instead."""

_NEARER: frozenset[Cause] = frozenset({"small_face", "no_face"})

_IN_THE_WAY: dict[Cause, tuple[str, ...]] = {
    "small_face": ("scene.small",),
    "no_face": ("scene.small", "scene.turned", "face.covers", "scene.harsh_lights"),
    "turned_away": ("scene.turned",),
    "several_people": ("revision.doubles",),
    "faint_face": ("scene.harsh_lights", "scene.dark_times"),
    "unlike": ("face.covers",),
}
"""The user's words that may be the cause, and so may give way."""

_LEAST_KEPT = 0.5
"""Share of a phrase's words that still say it."""


def framing_after(last: str, cause: Cause) -> str:
    """The phrase that the next prompt ends in: a step closer where the face was too small, else as the last."""
    framing = framing_of(last)
    nearer = closer(framing) if framing and cause in _NEARER else None
    return nearer or (framing_phrases(last) or ["close-up"])[-1]


def kept_phrases(last: str, cause: Cause, context: Context) -> list[str]:
    """The phrases of the last prompt that the user said, without those that may be the cause."""
    in_the_way = lexicon(*_IN_THE_WAY[cause])
    return [phrase for phrase in _said_by_user(last, context) if not in_the_way.matches(phrase)]


def check_mended(text: str, kept: list[str], framing: str, context: Context) -> list[Violation]:
    """Everything that is wrong with a revision."""
    found = check_spatial(text, context)
    if framing_phrases(text)[-1:] != [framing]:
        found.append(Violation("asked_framing", f"End with the framing phrase {framing!r} and have no other."))
    lost = [phrase for phrase in kept if not _still_said(phrase, text)]
    if lost:
        found.append(Violation("kept", f"Keep what the user asked for: {', '.join(lost)}."))
    return found


def told_of(last: str, new: str, cause: Cause, framing_asked: bool, context: Context) -> str | None:
    """Which of the user's words gave way, in a sentence; ``None`` where none did."""
    before, after = framing_of(last), framing_of(new)
    gone = [phrase for phrase in _said_by_user(last, context) if not _still_said(phrase, new)]
    parts = []
    if framing_asked and before != after:
        parts.append(f"the framing was loosened from {framing_phrases(last)[-1]!r} to {after!r}")
    if gone:
        quoted = " and ".join(f"'{phrase}'" for phrase in gone)
        parts.append(f"{quoted} {'were' if len(gone) > 1 else 'was'} left out of the first frame")
    told = f"{' and '.join(parts)}, because {because()[cause]}."
    return told[0].upper() + told[1:] if parts else None


def _said_by_user(prompt: str, context: Context) -> Iterator[str]:
    """The phrases between subject and framing whose words are the user's."""
    if not context.readable:
        return
    source = _stems(context.text)
    for phrase in phrases_of(prompt)[1:]:
        words = _stems(phrase)
        if words and framing_of(phrase) is None and words <= source:
            yield phrase


def _still_said(phrase: str, text: str) -> bool:
    words = _stems(phrase)
    return len(words & _stems(text)) >= _LEAST_KEPT * len(words)


def _stems(text: str) -> set[str]:
    """The words that carry meaning; "at sunset" says what "sunset" says."""
    small = lexicon("function.determiners", "function.prepositions", "function.conjunctions").entries
    return {stem(word) for word in words_of(text) if word not in small}
