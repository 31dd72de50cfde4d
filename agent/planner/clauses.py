"""Turning what a sentence says of its subject into a clause with a finite verb."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.planner.language import words_of
from agent.planner.phrases import Token, tag
from agent.planner.verbs import doing, looks_like_participle, third_person
from agent.planner.words import lexicon

_SUBORDINATE = {"as", "while", "when", "that", "which", "where", "because", "if", "until", "before", "after", "who"}
_DRESSED = {"dressed", "disguised", "costumed"}
_STATES = {"dressed", "wrapped", "bundled", "draped", "covered", "lit", "clad", "surrounded", "dwarfed"}
_TO_SINGULAR = {"am": "is", "are": "is", "have": "has", "do": "does", "were": "was"}
_STAND_IN = "A woman"
"""Stands before a predicate while it is read: a person, so that the verb after it is seen as one."""


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def uncapitalised(text: str) -> str:
    """Without a sentence's capital; "I" and names keep theirs."""
    first = text.split(" ", 1)[0].strip(",.")
    named = (
        first in {"I", "I'm"}
        or first[1:] != first[1:].lower()
        or first.lower() in lexicon("people.names", "scene.proper").entries
    )
    return text if named else text[:1].lower() + text[1:]


def closed(text: str) -> str:
    text = text.strip(" ,;:-")
    return text if not text or text[-1] in ".!?" else f"{text}."


def main_verb(tokens: Sequence[Token]) -> Token | None:
    """The first verb outside a clause of its own, finite where there is one."""
    participle: Token | None = None
    inside = relative = False
    for index, token in enumerate(tokens):
        if token.tag == "stop":
            inside = relative = False
        if token.low in _SUBORDINATE and index > 1 and tokens[index - 1].low not in _DRESSED:
            relative = token.low in {"who", "that", "which"}
            inside = not relative
            continue
        if token.tag == "verb" and relative:
            relative = False
            continue
        if token.tag != "verb" or inside:
            continue
        form = "ing" if token.low.endswith("ing") else (token.verb.form if token.verb else "third")
        since = tokens[tokens.index(participle) : index] if participle else []
        after_noun_of_its_own = tokens[index - 1].tag in {"noun", "pronoun"} and any(
            other.text == "," for other in since
        )
        if form == "ing":
            participle = participle or token
        elif not (form == "past" and token.low in _STATES) and (not after_noun_of_its_own or participle is None):
            return token
    return participle


def agreeing(text: str, start: int) -> str:
    """The base form at ``start`` and those that share its subject, agreeing: "walk and wave" to "walks and waves"."""
    tokens = tag(text)
    for before, token in reversed(list(zip((None, *tokens), tokens, strict=False))):
        if token.start < start or token.tag != "verb" or token.verb is None or token.verb.form != "base":
            continue
        if token.start == start or before is None or before.low in {"and", ",", "then"} or before.tag == "adverb":
            text = text[: token.start] + third_person(token.verb.base) + text[token.end :]
    return text


def predicate(subject: str, after: str, agree: bool) -> str:
    """The opening sentence: the subject and what it does, with a finite verb.

    ``agree`` says that the source's subject was not a single third person, so its verbs have to change.
    """
    after = re.sub(r"^\s*,?\s*\b(?:who|that)\b(?:\s+(?:is|was)\s+(?=dressed|clad|wearing))?", "", after)
    if re.match(r"\s+and\s", after) and not _acts_next(after):
        return f"{subject}{after}"
    joint = "" if after[:1] in {",", "'", ""} else " "
    plain = f"{_STAND_IN}{joint}{after.lstrip() if joint else after}"
    main = main_verb(tag(plain))
    if main is None:
        rest = plain[len(_STAND_IN) :].strip(" ,.")
        if rest.startswith("'s"):
            return f"{subject.partition(',')[0]} looks into the camera, the {subject.partition(',')[0][2:]}{rest}"
        if words_of(rest) and "," not in rest and tag(rest)[0].tag == "preposition":
            return f"{_led(subject, rest)} looks around slowly"
        return f"{subject} looks around slowly{', ' + rest if rest else ''}"
    lead, tail = plain[len(_STAND_IN) : main.start].strip(), plain[main.end :]
    doing_now = _as_finite(main, agree)
    if agree and main.verb and main.verb.form == "base":
        tail = agreeing(plain, main.start)[main.start + len(doing_now) :]
    manner = re.search(r"(?:\s*\b\w+ly)+$", lead)
    if manner and subject.endswith(","):
        lead, doing_now = lead[: manner.start()], f"{manner.group().strip()} {doing_now}"
    if lead.count(",") > 2 and main.low.endswith("ing"):
        doing_what, comma, more = tail.partition(",")
        return f"{subject} {doing_now}{doing_what}, {lead.strip(' ,')}{comma}{more}"
    if lead.endswith(",") and lead.count(",") % 2 == 1 and len(words_of(lead)) < 7:
        lead = lead.strip(" ,")
    return f"{_led(subject, lead)} {doing_now}{tail}"


def _acts_next(after: str) -> bool:
    """Whether "and" ties a second verb to the subject, rather than a second person or thing."""
    tokens = tag(f"{_STAND_IN}{after}")
    return len(tokens) > 3 and tokens[3].tag in {"verb", "adverb"}


def _as_finite(main: Token, agree: bool) -> str:
    if main.low in _TO_SINGULAR:
        return _TO_SINGULAR[main.low]
    if main.low == "wearing":
        return "wears"
    if main.low.endswith("ing") and (main.verb or looks_like_participle(main.low)):
        return doing(main.low)
    return third_person(main.verb.base) if agree and main.verb and main.verb.form == "base" else main.text


def _led(subject: str, lead: str) -> str:
    """The subject with what stands between it and its verb; the words between commas are closed before the verb."""
    if not lead:
        return subject
    if lead.startswith("'s"):
        return f"{subject.partition(',')[0]}{lead}"
    if re.fullmatch(r",[^,]+", lead):
        return f"{subject.rstrip(',')}{lead},"
    if not subject.endswith(",") or lead.startswith(","):
        return f"{subject.rstrip(',')}{'' if lead.startswith(',') else ' '}{lead}"
    names = re.search(r", an? [^,]*,$", subject)
    return f"{subject[:-1] if names else subject} {lead.rstrip(',')},"
