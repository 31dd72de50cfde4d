"""Pronouns that fit the person of the photo.

"he", "him" and "his" have one counterpart each, and so have "she" and "hers". "her" is "him" or "his" by grammar that
rules cannot see (10 of 16 right when tried), so it gives way to the noun: "the man", "the man's".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agent.planner.phrases import Token, tag
from agent.planner.verbs import third_person
from tools.contracts import Presentation

_OWN: dict[Presentation, dict[str, str]] = {
    "woman": {"subject": "she", "object": "her", "possessive": "her", "owned": "hers", "self": "herself"},
    "man": {"subject": "he", "object": "him", "possessive": "his", "owned": "his", "self": "himself"},
    "person": {
        "subject": "the person", "object": "the person", "possessive": "their", "owned": "theirs", "self": "themself",
    },
}  # fmt: skip
_FIRST = {
    "i": "subject", "me": "object", "my": "possessive", "mine": "owned", "myself": "self",
    "you": "subject", "your": "possessive", "yours": "owned", "yourself": "self",
}  # fmt: skip
_SHORT = {"i'm": "is", "i've": "has", "i'll": "will", "i'd": "would", "you're": "is", "you've": "has", "you'll": "will"}
_BE = {"am": "is", "are": "is", "have": "has", "do": "does", "was": "was", "were": "was"}
_WE = {"we": "they", "us": "them", "our": "their", "ours": "theirs", "ourselves": "themselves"}
_GENDERED = {
    "she": ("woman", "subject"), "herself": ("woman", "self"), "hers": ("woman", "owned"),
    "he": ("man", "subject"), "him": ("man", "object"), "himself": ("man", "self"), "his": ("man", "possessive"),
}  # fmt: skip


def _role_of_her(following: Token | None) -> str:
    return "possessive" if following is not None and following.tag in {"noun", "number"} else "object"


def _replacement(tokens: Sequence[Token], index: int, presentation: Presentation, keep_gendered: bool) -> str | None:
    low = tokens[index].low
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    own = _OWN[presentation]
    if low in _SHORT:
        return f"{own['subject']} {_SHORT[low]}"
    if low in _FIRST:
        role = _FIRST[low]
        before_verb = following is not None and following.tag in {"verb", "adverb"}
        return own["object"] if low == "you" and not before_verb else own[role]
    if low in _WE:
        return _WE[low]
    if keep_gendered:
        return None
    short = low.removesuffix("'s")
    if short in {"she", "he"} and low != short:
        return None if _GENDERED[short][0] == presentation else f"{own['subject']} is"
    gender, role = _GENDERED.get(low, ("woman", _role_of_her(following)) if low == "her" else ("", ""))
    if not gender or gender == presentation:
        return None
    if low == "her" and presentation == "man":
        return "the man's" if role == "possessive" else "the man"
    return own[role]


def fit_pronouns(text: str, presentation: Presentation, keep_gendered: bool) -> str:
    """The text with its first person made third and every wrong-gender pronoun replaced.

    ``keep_gendered`` leaves she and he alone: somebody else whom they may mean is named. Quotations stay.
    """
    tokens = tag(text)
    out, place, single, shared = [], 0, False, False
    for index, token in enumerate(tokens):
        new = _replacement(tokens, index, presentation, keep_gendered) if token.text[0] != '"' else None
        if new is not None:
            single = shared = token.low in {"i", "you"}
        elif single and token.tag in {"verb", "noun"}:
            new = _BE.get(token.low) or (
                third_person(token.verb.base) if token.verb and token.verb.form == "base" else None
            )
            single = False
        elif shared and token.verb and token.verb.form == "base" and tokens[index - 1].low in {"and", ",", "then"}:
            new = third_person(token.verb.base)
        elif token.tag != "adverb":
            single = False
            shared = shared and token.text not in {".", "!", "?", ";"}
        if new is not None:
            starts = token.start == 0 or re.search(r"[.!?]\s*$", text[: token.start]) is not None
            out += [text[place : token.start], new[0].upper() + new[1:] if starts else new]
            place = token.end
    return "".join([*out, text[place:]])
