"""The planner's word lists. They are data: the TOML files beside this module, read once."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Lexicon:
    """Words and fixed phrases, all in lower case; a noun's plural is found without being listed."""

    entries: frozenset[str]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Any entry as whole words, without regard to case. Made when first needed, which few lists are."""
        ordered = sorted(self.entries, key=lambda entry: (-len(entry), entry))
        either = "|".join(re.escape(entry) + ("(?:e?s)?" if entry[-1].isalpha() else "") for entry in ordered)
        return re.compile(rf"(?<![\w-])({either or '(?!)'})(?![\w-])", re.IGNORECASE)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and (word in self.entries or singular(word) in self.entries)

    def find(self, text: str) -> list[str]:
        """Every entry in the text, in order, in lower case, longest match first."""
        return [match.group(1).lower() for match in self.pattern.finditer(text)]

    def matches(self, text: str) -> bool:
        return self.pattern.search(text) is not None

    def ends(self, text: str) -> bool:
        """Whether the text's last words are an entry: the head of an English noun phrase."""
        return any(match.end() == len(text) for match in self.pattern.finditer(text))

    def without(self, text: str) -> str:
        """The text with every entry taken out and the spaces mended."""
        return " ".join(self.pattern.sub(" ", text).split())


class Mood(NamedTuple):
    """What words of a prompt show on a face: in the first frame (``look``) and over time (``life``).

    ``emotion`` is false where the words name an act that only goes along with such a face.
    """

    words: Lexicon
    look: str
    life: str
    emotion: bool


_PLURALS = {
    "men": "man", "women": "woman", "children": "child", "people": "person", "feet": "foot", "teeth": "tooth",
    "wolves": "wolf", "leaves": "leaf", "scarves": "scarf", "knives": "knife", "lives": "life", "wives": "wife",
}  # fmt: skip


@cache
def singular(word: str) -> str:
    """The singular of a noun, as well as rules can tell; a word that is none comes back unchanged."""
    if word in _PLURALS:
        return _PLURALS[word]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return word[:-1]
    return word


@cache
def _table(file: str) -> dict[str, Any]:
    return tomllib.loads(files(__name__).joinpath(f"{file}.toml").read_text("utf-8"))


def _entries(text: str) -> list[str]:
    return [entry for entry in (" ".join(part.split()) for part in re.split(r"[,\n]", text)) if entry]


def either(*words: str) -> str:
    """A regular expression that matches any of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))


@cache
def lexicon(*names: str) -> Lexicon:
    """The lists named ``file.list``, as one."""
    entries: list[str] = []
    for name in names:
        file, key = name.split(".")
        entries += _entries(_table(file)[key])
    return Lexicon(frozenset(entries))


@cache
def listed(name: str) -> tuple[str, ...]:
    """The entries of one list in the order of the file."""
    file, key = name.split(".")
    return tuple(_entries(_table(file)[key]))


@cache
def moods() -> tuple[Mood, ...]:
    """Every mood in order; the last has no words and fits any prompt."""
    return tuple(
        Mood(Lexicon(frozenset(_entries(row["words"]))), row["look"], row["life"], row.get("emotion", True))
        for row in _table("face")["moods"]
    )


@cache
def implied_places() -> dict[str, str]:
    """The ground that an activity brings with it where the user names none, by the verb's base."""
    return dict(_table("scene")["implied"])


@cache
def lifted_covers() -> tuple[tuple[Lexicon, str], ...]:
    """What covers a face, and how it is worn so that the face shows."""
    return tuple((Lexicon(frozenset(_entries(words))), worn) for words, worn in _table("revision")["lifts"].items())


@cache
def because() -> dict[str, str]:
    """The reason that a user is told, by the cause of a diagnosis."""
    return dict(_table("revision")["because"])


@cache
def said_as(name: str) -> dict[str, str]:
    """How a word is said, of a table of ``refine``: each key lists words, and ``{}`` in its value stands for them."""
    return {word: value.format(word) for words, value in _table("refine")[name].items() for word in _entries(words)}


@cache
def _clauses(name: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern) for pattern in _table("refine")["clauses"][name])


def said(name: str, clause: str) -> re.Match[str] | None:
    """What the patterns ``clauses.name`` of ``refine`` find in a clause that is one of them; else ``None``."""
    return next((found for pattern in _clauses(name) if (found := pattern.fullmatch(clause))), None)
