"""English verb forms: from a word to its base, and from a base to the form that a subject takes."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal, NamedTuple

from agent.planner.words import lexicon, listed

Form = Literal["base", "third", "ing", "past"]


class Verb(NamedTuple):
    base: str
    form: Form


_VOWEL = "aeiou"


def third_person(base: str) -> str:
    """``walk`` to ``walks``."""
    known = {"be": "is", "have": "has", "do": "does", "go": "goes"}
    if base in known:
        return known[base]
    if base.endswith("y") and base[-2:-1] not in _VOWEL:
        return base[:-1] + "ies"
    return base + ("es" if base.endswith(("s", "sh", "ch", "x", "z", "o")) else "s")


def _regular(base: str) -> tuple[str, str]:
    if base.endswith("ie"):
        return base[:-2] + "ying", base + "d"
    if base.endswith("e") and not base.endswith(("ee", "oe", "ye")):
        return base[:-1] + "ing", base + "d"
    past = base[:-1] + "ied" if base.endswith("y") and base[-2:-1] not in _VOWEL else base + "ed"
    if re.search(r"^[^aeiou]*[aeiou][bdgklmnprt]$", base):
        return base + base[-1] + "ing", base + base[-1] + "ed"
    return base + "ing", past.replace("eed", "eed") if not base.endswith("e") else base + "d"


@cache
def _forms() -> dict[str, Verb]:
    irregular = {row.split()[0]: row.split()[1:] for row in listed("verbs.irregular")}
    forms: dict[str, Verb] = {}
    bases = [*listed("verbs.moves"), *listed("verbs.stays"), *listed("verbs.ambient"), *irregular]
    for base in dict.fromkeys(bases):
        ing, *pasts = irregular.get(base) or _regular(base)
        for past in pasts:
            forms.setdefault(past, Verb(base, "past"))
        forms[ing] = Verb(base, "ing")
        forms[third_person(base)] = Verb(base, "third")
    forms.update({base: Verb(base, "base") for base in bases})
    return forms


def verb(word: str) -> Verb | None:
    """The verb that a word can be, known from the lists; ``None`` for any other word."""
    return _forms().get(word.lower())


def looks_like_participle(word: str) -> bool:
    """Whether an unknown word has the shape of a present participle."""
    low = word.lower()
    return len(low) > 5 and low.endswith("ing") and low not in lexicon("verbs.ing_nouns")


def doing(participle: str) -> str:
    """A participle as what one subject does: ``walking`` to ``walks``, ``moonwalking`` to ``is moonwalking``."""
    known = verb(participle)
    return third_person(known.base) if known else f"is {participle}"


@cache
def _inflected() -> dict[Verb, str]:
    return {known: word for word, known in reversed(_forms().items())}


def inflected(base: str, form: Form) -> str:
    """A verb's form: ``run`` and ``ing`` to ``running``, for verbs that are not listed too."""
    if form == "base":
        return base
    if form == "third":
        return third_person(base)
    ing, past = _regular(base)
    return _inflected().get(Verb(base, form)) or (ing if form == "ing" else past)
