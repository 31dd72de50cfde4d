"""What a check of a prompt is, and those that hold for both prompts.

Each check is a row: a code, a message fit to be sent back to a language model (``{found}`` is the offending text),
and a function that returns the offending text, or ``None`` where the prompt is well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from agent.planner.language import is_english, read, words_of
from agent.planner.verbs import verb
from agent.planner.words import Lexicon, lexicon, listed, singular
from tools.contracts import Presentation


@dataclass(frozen=True)
class Context:
    """What a prompt is checked against.

    ``english`` is false where the source is passed through unread: then only the checks of shape apply.
    ``previous`` are the spatial prompts already tried. ``loosened`` are the groups of the user's words that a
    revision has given up: "framing", "clothes", "place". ``trigger`` are the first-frame model's own words, which
    code adds after the checks; their tokens count. With ``static_appearance`` "drop" a temporal prompt may leave out
    what it says of face and clothes.
    """

    source: str
    presentation: Presentation
    english: bool = True
    previous: tuple[str, ...] = ()
    loosened: frozenset[str] = frozenset()
    trigger: str = "fcsks fxhks fhyks"
    static_appearance: Literal["keep", "drop"] = "keep"

    @property
    def text(self) -> str:
        """The source made plain."""
        return read(self.source).text

    @property
    def readable(self) -> bool:
        """Whether the source itself is in English, so that its words can be looked for."""
        return read(self.source).english


@dataclass(frozen=True)
class Violation:
    code: str
    message: str


@dataclass(frozen=True)
class Check:
    """``reads`` says that the check needs English words."""

    code: str
    message: str
    offence: Callable[[str, Context], str | None]
    reads: bool = True


def first(found: Iterable[str]) -> str | None:
    return next(iter(found), None)


def holds(words: Lexicon) -> Callable[[str, Context], str | None]:
    """An offence of holding any entry of a lexicon."""
    return lambda text, context: first(words.find(text))


def stem(word: str) -> str:
    """A verb's base or a noun's singular, so that "walking" and "walks" are one word."""
    known = verb(word)
    return known.base if known else singular(word)


def _unchanged(text: str, context: Context) -> str | None:
    return text if words_of(text) == words_of(context.text) else None


def _foreign(text: str, context: Context) -> str | None:
    return None if is_english(text) else text[:40]


def _markup(text: str, context: Context) -> str | None:
    """Words that the user wrote are none: somebody may ask for a sign that says "prompt"."""
    low, said = text.lower(), set(words_of(context.source))
    marks = (mark for mark in listed("language.markup") if re.search(rf"(?<!\w){re.escape(mark)}(?!\w)", low))
    return first(mark for mark in marks if not words_of(mark) or not set(words_of(mark)) <= said)


def _unsafe_added(text: str, context: Context) -> str | None:
    words = lexicon("language.unsafe")
    return first(word for word in words.find(text) if word not in words.find(context.text))


def _empty(text: str, context: Context) -> str | None:
    return None if words_of(text) else "nothing"


BOTH = (
    Check("empty", "Write the prompt: it holds {found}.", _empty, reads=False),
    Check("unchanged", "Do not repeat the user's prompt word for word.", _unchanged, reads=False),
    Check("language", "Write in English; this is not: {found}", _foreign),
    Check(
        "markup",
        "Answer with the prompt alone, without {found!r} or any other markup or preamble.",
        _markup,
        reads=False,
    ),
    Check("unsafe", "The user did not ask for {found!r}; leave it out.", _unsafe_added, reads=False),
)
