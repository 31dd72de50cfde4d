"""Who a prompt is about, and who else is in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from agent.planner.language import read
from agent.planner.phrases import Token, is_person, tag
from agent.planner.words import lexicon, singular
from tools.contracts import Presentation
from tools.framing import framing_phrases

Kind = Literal["woman", "man", "anyone", "role", "first person", "name", "she", "he"]

_OWN_NOUN: dict[Kind, Presentation] = {"woman": "woman", "man": "man", "she": "woman", "he": "man"}


@dataclass(frozen=True)
class Mention:
    """A person named in a text: ``start`` and ``end`` span the whole noun phrase, determiner included."""

    kind: Kind
    noun: str
    described: tuple[str, ...]
    determiner: str
    start: int
    end: int
    plural: bool


@dataclass(frozen=True)
class Subject:
    """``mention`` is ``None`` where the prompt names nobody.

    ``aside`` is what the user's own noun says beyond the presentation: "young", "a firefighter".
    """

    mention: Mention | None
    aside: str
    own_nouns: frozenset[str]
    others: tuple[Mention, ...]

    def has_other(self, presentation: Presentation) -> bool:
        """Whether somebody else of that presentation is named."""
        return any(_OWN_NOUN.get(other.kind) == presentation for other in self.others)


def without_framing(text: str) -> str:
    """The text with every framing phrase blanked out by spaces, so that places in it stay the same."""
    for phrase in framing_phrases(text):
        text = re.sub(rf"(?<![\w-]){re.escape(phrase)}(?![\w-])", " " * len(phrase), text, flags=re.IGNORECASE)
    return text


_PRONOUNS: tuple[tuple[str, Kind], ...] = (
    ("people.first_person", "first person"),
    ("people.she", "she"),
    ("people.he", "he"),
)
_NOUNS: tuple[tuple[str, Kind], ...] = (
    ("people.women", "woman"),
    ("people.men", "man"),
    ("people.roles", "role"),
    ("people.anyone", "anyone"),
    ("people.crowd", "anyone"),
    ("people.names", "name"),
)


def _kind_of(token: Token) -> Kind | None:
    if token.tag == "pronoun" or token.low in {"her", "his"}:
        said = next((kind for name, kind in _PRONOUNS if token.low.removesuffix("'s") in lexicon(name).entries), None)
        return said or ("anyone" if token.low in {"someone", "somebody"} else None)
    if token.tag != "noun":
        return None
    return next((kind for name, kind in _NOUNS if token.low in lexicon(name)), None)


def _describes(tokens: Sequence[Token], index: int) -> bool:
    """Whether a token belongs to the noun phrase of the next; a gap is a framing phrase that was blanked out."""
    if index < 0 or tokens[index + 1].start - tokens[index].end > 1:
        return False
    return tokens[index].tag in {"noun", "number", "determiner"} or tokens[index].low in {"very", "quite"}


def _mention(tokens: Sequence[Token], index: int, kind: Kind) -> Mention:
    first = index
    if kind not in {"first person", "she", "he", "name"}:
        while _describes(tokens, first - 1) and tokens[first - 1].tag != "determiner":
            first -= 1
    described = tuple(token.text if token.text.isupper() else token.low for token in tokens[first:index])
    determiner = ""
    if (
        _describes(tokens, first - 1)
        and tokens[first - 1].tag == "determiner"
        and kind not in {"first person", "she", "he"}
    ):
        first -= 1
        determiner = tokens[first].low
    last = index
    while (
        last + 1 < len(tokens)
        and kind in {"woman", "man", "role"}
        and tokens[last + 1].low in lexicon("people.names").entries
    ):
        last += 1
    noun = tokens[index].low
    plural = (singular(noun) != noun and kind in {"woman", "man", "anyone", "role"}) or noun in {"couple", "we", "us"}
    return Mention(kind, noun, described, determiner, tokens[first].start, tokens[last].end, plural)


def _is_likeness(tokens: Sequence[Token], index: int) -> bool:
    """Whether a person is only what somebody is like: "like a superhero", "dressed as a pirate"."""
    before = tokens[max(0, index - 4) : index]
    dressed = any(a.low in {"dressed", "disguised"} and b.low == "as" for a, b in pairwise(before))
    return dressed or any(token.low == "like" for token in before[-3:])


def mentions(text: str) -> list[Mention]:
    """Every person named in the text, pronouns included, in order."""
    tokens = tag(without_framing(text))
    found: list[Mention] = []
    for index, token in enumerate(tokens):
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        kind = _kind_of(token)
        if kind is None or _is_likeness(tokens, index):
            continue
        describes_next = (
            following is not None and following.tag == "noun" and kind not in {"she", "he", "first person", "name"}
        )
        named = following is not None and following.low in lexicon("people.names").entries
        if (
            describes_next
            and not named
            and following is not None
            and (is_person(following.low) or kind in {"role", "anyone"})
        ):
            continue
        if describes_next and following is not None and following.low in lexicon("clothes.garments"):
            continue
        found.append(_mention(tokens, index, kind))
    return found


def _rank(mention: Mention, presentation: Presentation) -> int:
    """How likely a mention is the person of the photo: 0 is surest."""
    owned = mention.determiner in {"my", "his", "her", "their", "your"}
    order: dict[Kind, int] = {
        "first person": 2,
        "role": 4,
        "anyone": 4,
        "name": 3,
        "woman": 6,
        "man": 6,
        "she": 5,
        "he": 5,
    }
    rank = order[mention.kind]
    if mention.kind in {"woman", "man"} and presentation in {mention.kind, "person"}:
        rank = 3 if owned else 1
    if mention.kind in {"she", "he"} and _OWN_NOUN[mention.kind] != presentation:
        rank = 7
    if mention.noun in {"her", "his"}:
        rank += 3
    if mention.kind == "role" and mention.start <= 2:
        rank = 1
    if mention.plural:
        rank += 1
    return rank


def _in_passing(mention: Mention) -> bool:
    """Whether a mention can only be others: people whom somebody meets."""
    group = (mention.plural and mention.kind in {"anyone", "role"}) or mention.noun in lexicon("people.crowd").entries
    return group and mention.start > 2 and mention.kind != "first person"


def _joined(words: Sequence[str]) -> str:
    if "old" in words and any(word in {"year", "years"} for word in words):
        return " ".join("years" if word == "year" else word for word in words)
    loose = all(word in lexicon("function.adjectives").entries or "-" in word for word in words)
    if not loose or len(words) < 2:
        return " ".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 2 else " and ".join(words)


def with_article(noun_phrase: str) -> str:
    """The phrase with the indefinite article that its sound asks for."""
    silent = re.match(r"(?i)(?:[aeio]|u(?!ni|s|k)|hono|hour|heir)", noun_phrase)
    return f"{'an' if silent and not re.match(r'(?i)one|once', noun_phrase) else 'a'} {noun_phrase}"


def _aside(mention: Mention, presentation: Presentation) -> str:
    """What the user's own noun says beyond "a woman", as words that stand between commas."""
    if mention.kind in {"first person", "she", "he", "name"}:
        return ""
    words = [
        word for word in mention.described if not is_person(word) and word not in {"single", "lone", "one", "only"}
    ]
    contradicts = mention.kind in {"woman", "man"} and mention.kind != presentation and presentation != "person"
    if mention.plural:
        group = " ".join([*words, "people" if contradicts else mention.noun])
        return f"one of {group}" if mention.determiner or words else f"one of several {group}"
    noun = mention.noun
    owned = mention.determiner in {"my", "your", "our"}
    if noun in lexicon("people.plain").entries or contradicts or owned:
        return _joined(words)
    roles = [word for word in mention.described if word in lexicon("people.roles")]
    return with_article(" ".join([*words, *roles, noun]))


def _same_person(other: Mention, chosen: Mention) -> bool:
    if other.kind in {"she", "he"}:
        contradicts = chosen.kind in _OWN_NOUN and _OWN_NOUN[other.kind] != _OWN_NOUN[chosen.kind]
        return not contradicts and chosen.kind != "first person"
    if other.kind in {"first person", "name"}:
        return True
    if other.determiner == "no":
        return True
    return (
        not other.plural
        and (other.determiner == "the" or other.determiner == "")
        and (
            other.noun == chosen.noun
            or (other.noun in lexicon("people.plain").entries and other.kind in {chosen.kind, "anyone"})
        )
    )


@lru_cache(maxsize=64)
def subject_of(text: str, presentation: Presentation) -> Subject:
    """The mention that is the person of the photo, and the others who are not."""
    found = [mention for mention in mentions(text) if mention.determiner != "no"]
    eligible = [mention for mention in found if not _in_passing(mention)]
    if not eligible:
        return Subject(None, "", frozenset(), tuple(found))
    chosen = min(eligible, key=lambda mention: (_rank(mention, presentation), mention.start))
    others = tuple(other for other in found if other is not chosen and not _same_person(other, chosen))
    own = frozenset({chosen.noun, *(word for word in chosen.described if is_person(word))})
    return Subject(chosen, _aside(chosen, presentation), own, others)


def presentation_in(prompt: str) -> Presentation | None:
    """How the user's words alone name the person; ``None`` where they do not say.

    The first person named counts; a woman and a man named together are ambiguous, and in the first person no noun
    counts, since it may be somebody else's.
    """
    text = read(prompt).text
    found = [mention for mention in mentions(text) if not _in_passing(mention) and mention.determiner != "no"]
    alone = [mention for mention in found if mention.kind not in {"anyone", "role"} or not mention.plural]
    found = alone or found
    if not found or any(mention.kind == "first person" for mention in found):
        return None
    chosen, *others = found
    said = _OWN_NOUN.get(chosen.kind)
    if said is not None:
        together = others and re.fullmatch(r"\s*(?:and|or|,)\s*", text[chosen.end : others[0].start])
        return None if together and _OWN_NOUN.get(others[0].kind, said) != said else said
    genders = {_OWN_NOUN[other.kind] for other in others if other.kind in _OWN_NOUN}
    named = any(other.kind in {"woman", "man"} for other in others)
    return genders.pop() if len(genders) == 1 and not named else None
