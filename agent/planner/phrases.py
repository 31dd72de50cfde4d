"""A shallow reading of English: which words of a sentence act, and which noun phrases they leave."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from agent.planner.verbs import Form, Verb, looks_like_participle, verb
from agent.planner.words import lexicon

Tag = Literal["noun", "verb", "determiner", "pronoun", "preposition", "conjunction", "adverb", "number", "stop"]

_TOKEN = re.compile(
    r"""\"[^\"]*\"|(?:she|he|it|that|there|who|what|let)'s\b|[^\W_]+(?:['-](?!s\b)[^\W_]+)*|'s\b|[,.;:!?()]""",
    re.IGNORECASE,
)
_SENTENCE_ENDS = frozenset(".!?;")
_STARTS = ("determiner", "preposition", "pronoun", "adverb", "conjunction", "stop")


@dataclass(frozen=True)
class Token:
    """One word, quotation or mark of a sentence; ``start`` and ``end`` are its place in the text."""

    text: str
    tag: Tag
    start: int
    end: int
    verb: Verb | None = None

    @property
    def low(self) -> str:
        return self.text.lower()


@dataclass(frozen=True)
class NounPhrase:
    """``text`` is without its determiner; ``led_by`` is the preposition or the verb's base right before it, or ``""``.

    ``first`` counts tokens from the sentence's start; ``owner`` is the possessive that stood before it.
    ``start`` and ``end`` are the place of the words in the sentence.
    """

    text: str
    led_by: str
    first: int
    owner: str = ""
    determiner: str = ""
    start: int = 0
    end: int = 0

    @property
    def head(self) -> str:
        """The words that say what the thing is: those before the first preposition inside."""
        return re.split(r" (?:of|with|in|on|for|to) ", self.text)[0]


def _closed_class(low: str) -> Tag | None:
    groups: tuple[tuple[str, Tag], ...] = (
        ("function.determiners", "determiner"),
        ("function.pronouns", "pronoun"),
        ("function.prepositions", "preposition"),
        ("function.conjunctions", "conjunction"),
        ("function.adverbs", "adverb"),
        ("function.numbers", "number"),
    )
    for name, tag in groups:
        if low in lexicon(name).entries:
            return tag
    if re.fullmatch(r"(?:i|you|we|they|she|he|it)'(?:m|re|ve|ll|d|s)", low):
        return "pronoun"
    if low in lexicon("function.adjectives").entries:
        return None
    if low.isdigit():
        return "number"
    return (
        "adverb"
        if low.endswith("ly") and len(low) > 4 and low not in {"family", "early", "butterfly", "jelly"}
        else None
    )


def is_person(word: str) -> bool:
    return word.lower() in lexicon("people.women", "people.men", "people.anyone", "people.roles", "people.crowd")


def _is_modifier_before(following: str | None) -> bool:
    return following is not None and _closed_class(following) is None and following.isalpha()


def _participle(known: Verb | None, before: Token | None, following: str | None) -> bool:
    """Whether an -ing word acts here, rather than describe the noun after it."""
    if before is not None and before.tag == "determiner":
        return False
    if not _is_modifier_before(following):
        return True
    if (
        before is not None
        and before.tag == "preposition"
        and before.low not in {"while", "after", "before", "from", "by"}
    ):
        return False
    if before is not None and before.tag == "noun" and before.low in lexicon("function.adjectives").entries:
        return False
    return not (known and known.base in lexicon("verbs.ambient").entries) or (
        before is not None and before.tag == "noun"
    )


def _noun_acts(before: Token, following: str | None, acted: Form | None) -> bool:
    """Whether a word like "waves" or "cooks", a noun more often than not, is a verb here."""
    if following == "up":
        return True
    if before.tag in {"conjunction", "stop", "adverb"}:
        owned = following in {"her", "his", "their", "my", "your", "to", "at", "hello", "goodbye"}
        return (acted is not None and owned) or (acted == "third" and following in {None, ",", ".", "and"})
    if acted is not None or following is None:
        return False
    kind = _closed_class(following)
    return kind == "determiner" or (kind is None and following.isalpha() and verb(following) is None)


def _pair_before(tokens: Sequence[Token]) -> bool:
    """Whether a sentence so far is two things tied by "and", whose verb has no ending: "a woman and a dog"."""
    end = max((index + 1 for index, token in enumerate(tokens) if token.tag == "stop"), default=0)
    told = tokens[end:]
    named = all(token.tag in {"noun", "determiner", "number", "conjunction"} for token in told)
    describes = lexicon("function.adjectives", "clothes.colours").entries
    return named and any(token.low == "and" for token in told[:-1]) and told[-1].low not in describes | {"and"}


def _finite(word: str, known: Verb, before: Token | None, following: str | None, acted: Form | None) -> bool:
    """Whether a word that can be a base form, third person or past acts here."""
    if before is None or (before.tag == "stop" and acted is None):
        starts_order = following is None or _closed_class(following) in {
            "preposition",
            "determiner",
            "adverb",
            "pronoun",
        }
        return (
            word not in lexicon("verbs.nouns_first").entries
            and (known.form == "third" or starts_order)
            and not (known.form == "past" and _is_modifier_before(following))
        )
    if before.low in {"that", "which", "who"}:
        return known.form != "base"
    if before.tag in {"determiner", "number"} or before.low in {"of", "with", "at", "in", "on", "into"}:
        return False
    if before.low in {
        "to",
        "will",
        "can",
        "would",
        "could",
        "should",
        "must",
        "may",
        "might",
        "let",
        "make",
        "n't",
        "not",
    }:
        return True
    if before.tag == "preposition":
        return before.low in {"as", "while", "up", "down", "out", "off"} and known.form == "third"
    if before.tag == "pronoun" or is_person(before.low) or before.low == "camera":
        return True
    if known.form == "past":
        return not _is_modifier_before(following) or before.tag != "noun"
    if word in lexicon("verbs.nouns_first").entries:
        return _noun_acts(before, following, acted)
    if known.form == "third":
        return before.low not in lexicon("function.adjectives").entries
    if acted == "base" and (before.tag in {"stop", "adverb"} or before.low in {"and", "or", "then"}):
        return not _is_modifier_before(following)
    # A base form after a plural noun: "waves crash"; elsewhere it is a noun.
    return before.tag == "noun" and before.low.endswith("s") and not _is_modifier_before(following)


def _open_class(word: str, before: Token | None, following: str | None, acted: Form | None) -> Tag:
    low = word.lower()
    if low in lexicon("verbs.auxiliaries").entries or low == "wearing":
        return "verb"
    pair = f"{low} {following}" if following else low
    if low in lexicon("verbs.ing_nouns").entries or pair in lexicon("verbs.ing_nouns").entries:
        return "noun"
    known = verb(low)
    if low.endswith("ing") and (known or looks_like_participle(low)):
        return "verb" if _participle(known, before, following) else "noun"
    if known:
        return "verb" if _finite(low, known, before, following, acted) else "noun"
    unknown_after_person = before is not None and (is_person(before.low) or before.low in {"she", "he", "who"})
    return "verb" if unknown_after_person and low.endswith("s") and not low.endswith("ss") else "noun"


@lru_cache(maxsize=512)
def tag(text: str) -> tuple[Token, ...]:
    """The tokens of a text, each with what it does there."""
    tokens: list[Token] = []
    acted: Form | None = None
    matches = list(_TOKEN.finditer(text))
    for index, match in enumerate(matches):
        word = match.group()
        following = matches[index + 1].group().lower() if index + 1 < len(matches) else None
        before = tokens[-1] if tokens else None
        if word.lower() == "'s":
            kind: Tag = "determiner"
        elif not word[0].isalnum():
            kind = "noun" if word[0] == '"' else "stop"
        else:
            kind = _closed_class(word.lower()) or _open_class(word, before, following, acted)
            known = verb(word)
            if kind == "noun" and known and known.form == "base" and acted is None and _pair_before(tokens):
                kind = "noun" if _is_modifier_before(following) else "verb"
        if kind == "verb":
            known = verb(word)
            acted = known.form if known else "third"
        elif word in _SENTENCE_ENDS:
            acted = None
        tokens.append(Token(word, kind, match.start(), match.end(), verb(word) if kind == "verb" else None))
    return tuple(_acting(tokens))


def _acting(tokens: Sequence[Token]) -> list[Token]:
    """The tokens, where a person who does nothing yet does what "waves" says: "a man in a red coat waves at us"."""
    acting = list(tokens)
    for index, token in enumerate(tokens):
        known = verb(token.low)
        if known and known.form == "third" and _alone_could_act(tokens, index):
            acting[index] = replace(token, tag="verb", verb=known)
    return acting


def _alone_could_act(tokens: Sequence[Token], index: int) -> bool:
    """Whether a word after "a red coat" would be the first verb of a sentence about a person, in which no other comes
    but by "and". After a noun without a determiner it is a noun itself: "ocean waves".
    """
    ends = [place for place, token in enumerate(tokens) if token.low in _SENTENCE_ENDS]
    begin = max((end + 1 for end in ends if end < index), default=0)
    end = next((end for end in ends if end > index), len(tokens))
    before, after = tokens[begin:index], tokens[index + 1 : end]
    led = next((token.tag for token in reversed(before) if token.tag != "noun"), None)
    if tokens[index].tag != "noun" or led != "determiner" or not _is_thing(before[-1]):
        return False
    told = [token for token in before if token.tag in {"noun", "stop", "verb"}]
    tied = len(after) > 1 and after[0].low in {"and", ","} and after[1].tag == "verb"
    described = bool(after) and after[0].tag == "noun"
    return (
        is_person(told[0].low)
        and all(token.tag == "noun" for token in told)
        and not described
        and (tied or all(token.tag != "verb" for token in after))
    )


def _is_thing(token: Token) -> bool:
    describes = lexicon("function.adjectives", "clothes.colours").entries
    acts = verb(token.low) is not None and token.low not in lexicon("clothes.garments").entries
    return token.tag == "noun" and token.low not in describes and not acts


def _joins(tokens: Sequence[Token], index: int, words: list[str]) -> bool:
    """Whether a token ties two halves of a noun phrase: "field of flowers", "black and white coat"."""
    if not words or index + 1 >= len(tokens):
        return False
    low, following = tokens[index].low, tokens[index + 1]
    if low == "of":
        return following.tag in {"noun", "determiner", "number"}
    describing = lexicon("function.adjectives", "clothes.colours").entries
    return low in {"and", ","} and words[-1] in describing and following.tag == "noun" and following.low in describing


def noun_phrases(tokens: Sequence[Token]) -> Iterable[NounPhrase]:
    """The noun phrases in order. Verbs, pronouns and adverbs are in none of them."""
    words: list[str] = []
    first, last, led_by, owner, determiner = 0, 0, "", "", ""

    def phrase() -> NounPhrase:
        text = " ".join(words).replace(" ,", ",")
        return NounPhrase(text, led_by, first, owner, determiner, tokens[first].start, tokens[last].end)

    for index, token in enumerate(tokens):
        if token.tag in {"noun", "number"} or (_joins(tokens, index, words)):
            if not words:
                first = index
            words.append(token.low)
            last = index
            continue
        if token.tag == "determiner" and words and words[-1] == "of":
            continue
        if words:
            yield phrase()
            words, led_by, owner, determiner = [], "", "", ""
        if token.tag == "determiner":
            determiner = token.low
            owner = token.low if token.low in {"my", "your", "our", "their", "his", "her", "its"} else ""
        elif token.tag == "preposition":
            led_by = token.low
        elif token.tag == "verb":
            led_by = token.verb.base if token.verb else token.low
        elif token.tag == "stop":
            led_by = ""
    if words:
        yield phrase()
