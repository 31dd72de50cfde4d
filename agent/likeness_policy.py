"""The default policy: no sexual content with a person's likeness, and no minors in sexualised or unsafe scenes.

It looks for words, and so is a floor: docs/consent.md says what it lets through and how to plug in a model.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib import resources

from agent.policy import Objection

_LOOKALIKES = str.maketrans("013457@$", "oieastas")
_MIXED = re.compile(r"\b[^\W\d_][\w@$]*[0-9@$][\w@$]*")
_SPACED = re.compile(r"\b\w(?:[ .·*_-]\w){3,}\b")
_SENTENCE = re.compile(r"(?<=[.!?;。！？])\s*")
_AGE = re.compile(
    r"\b(?P<years>\d{1,2})(?:[ -]?(?:years?|yrs?|months?)[ -]old\b|[ -]?y/?o\b)|\b(?:aged?|age of) (?P<aged>\d{1,2})\b"
)
_NEAR = 15
"""Letters from the age to the adult who has it, as in "17-year-old blonde woman"."""

ADULT = 18


@dataclass(frozen=True)
class _Words:
    """The lists of ``likeness_policy.toml``."""

    innocent: re.Pattern[str]
    explicit: re.Pattern[str]
    suggestive: re.Pattern[str]
    unfit: re.Pattern[str]
    harm: re.Pattern[str]
    minors: re.Pattern[str]
    adults: re.Pattern[str]


@dataclass(frozen=True)
class _Person:
    """Somebody whom a text names, and where."""

    start: int
    word: str
    minor: bool


class LikenessPolicy:
    def objection(self, prompt: str) -> Objection | None:
        words = _words()
        text = words.innocent.sub(" ", _plain(prompt))
        people = _people(text, words)
        minor = next((person.word for person in people if person.minor), None)
        explicit = words.explicit.search(text)
        if explicit and minor:
            return Objection(f"The prompt has a minor ({minor}) in a sexual scene; Steadface does not make that.")
        if explicit:
            return Objection(
                f"The prompt asks for nudity or sex ({explicit[0]}), and Steadface makes neither with a person's "
                "likeness; describe the scene without it."
            )
        if minor is None:
            return None
        found = words.suggestive.search(text) or _unfit(text, people, words) or _harm(text, words)
        if found is None:
            return None
        return Objection(
            f"The prompt has a minor ({minor}) in what may be read as a sexualised or unsafe scene ({found[0]}); "
            "Steadface does not make that. Leave it out, or call an adult a woman or a man."
        )


def _unfit(text: str, people: list[_Person], words: _Words) -> re.Match[str] | None:
    """What a minor wears, holds or takes: the person named last before it is who is meant, else anybody."""
    for found in words.unfit.finditer(text):
        before = [person for person in people if person.start < found.start()]
        if all(person.minor for person in before[-1:] or people):
            return found
    return None


def _harm(text: str, words: _Words) -> re.Match[str] | None:
    for sentence in _SENTENCE.split(text):
        found = words.harm.search(sentence)
        if found and any(person.minor for person in _people(sentence, words)):
            return found
    return None


def _people(text: str, words: _Words) -> list[_Person]:
    """In the order of the text. A woman of an age below 18 is a minor."""
    ages = [age for age in _AGE.finditer(text) if int(age["years"] or age["aged"]) < ADULT]
    minors = [_Person(found.start(), found[0], True) for found in [*words.minors.finditer(text), *ages]]
    adults = [
        _Person(found.start(), found[0], False)
        for found in words.adults.finditer(text)
        if not any(0 < found.start() - age.end() < _NEAR for age in ages)
    ]
    return sorted([*minors, *adults], key=lambda person: person.start)


def _plain(text: str) -> str:
    """Lower case without accents and invisible characters; ``n4ked`` and ``n a k e d`` as the word that is meant."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    seen = "".join(letter for letter in folded if unicodedata.category(letter) not in ("Mn", "Cf"))
    spelled = _MIXED.sub(lambda word: word[0].translate(_LOOKALIKES), seen)
    joined = _SPACED.sub(lambda letters: re.sub(r"[\W_]", "", letters[0]), spelled)
    return re.sub(r"\s+", " ", joined.replace("’", "'"))


@cache
def _words() -> _Words:
    lists = tomllib.loads((resources.files("agent") / "likeness_policy.toml").read_text(encoding="utf-8"))
    return _Words(**{name: _pattern(lists[name]) for name in _Words.__dataclass_fields__})


def _pattern(entries: list[str]) -> re.Pattern[str]:
    """Any of the entries as whole words; ``*`` stands for any letters, and a space for a space or a hyphen."""
    return re.compile("|".join(_expression(entry) for entry in sorted(entries, key=len, reverse=True)))


def _expression(entry: str) -> str:
    left, right = entry.startswith("*"), entry.endswith("*")
    core = re.escape(_plain(entry.strip("*"))).replace(r"\ ", "[ -]").replace(r"\*", r"\w*")
    return ("" if left else r"\b") + core + (r"\w*" if right else r"\b")
