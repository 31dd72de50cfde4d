"""What a prompt shows at one glance: the phrases of face, clothing and environment in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Literal

from agent.planner.language import ascii_fold
from agent.planner.phrases import NounPhrase, is_person, noun_phrases, tag
from agent.planner.subject import without_framing
from agent.planner.verbs import verb
from agent.planner.words import either, implied_places, lexicon, listed, moods

Role = Literal["face", "clothing", "place", "time", "prop"]


@dataclass
class Shown:
    """Comma phrases of one prompt by what they show, each in the prompt's order and in its own words."""

    face: list[str] = field(default_factory=list)
    clothing: list[str] = field(default_factory=list)
    environment: list[str] = field(default_factory=list)
    place_named: bool = False


def role_of(phrase: NounPhrase) -> Role | None:
    """What a noun phrase shows; ``None`` where a first frame has no use for it."""
    head, text = phrase.head, phrase.text
    words = text.split()
    worn = lexicon("clothes.garments").ends(head)
    if phrase.led_by == "without" or phrase.determiner == "no" or (any(map(is_person, words)) and not worn):
        return None
    if lexicon("people.crowd", "people.names", "clothes.feet").matches(text):
        return None
    if lexicon("scene.places").ends(head) and len(words) > 1 and lexicon("scene.places").find(head)[-1].count(" "):
        return "place"
    if lexicon("face.parts").ends(head):
        return "face" if len(words) > 1 or words[0] in {"freckles", "beard", "moustache", "braids", "dimples"} else None
    if worn or phrase.led_by == "wear":
        return "clothing"
    if lexicon("scene.times").ends(head) or lexicon("scene.weathers", "scene.lights").ends(head):
        return "time"
    if lexicon("scene.places").ends(head):
        return "place"
    return _role_of_the_rest(phrase, words)


def _role_of_the_rest(phrase: NounPhrase, words: list[str]) -> Role | None:
    if lexicon("scene.nothing").ends(phrase.head) or all(word.isdigit() for word in words):
        return None
    if all(word in lexicon("function.adjectives").entries for word in words):
        return "time" if lexicon("scene.weathers").matches(phrase.text) else None
    if len(words) == 1 and words[0].endswith("ed") and not lexicon("scene.lights", "scene.weathers").matches(words[0]):
        return None
    if all(word in lexicon("function.numbers", "clothes.colours").entries for word in words):
        return None
    through = phrase.led_by in {"across", "through", "along", "inside", "into", "beside", "near"}
    ground = phrase.led_by in {"in", "on", "at", "by", "over"} and lexicon("scene.places").matches(phrase.text)
    return "place" if through or ground else "prop"


def _at_rest(text: str) -> str:
    """The phrase without words of motion: "swaying palm trees" to "palm trees", "raining" to "rain"."""
    if text in {"raining", "snowing"}:
        return text.removesuffix("ing")
    words = text.split()
    kept = []
    for index, word in enumerate(words):
        known = verb(word)
        pair = " ".join(words[index : index + 2])
        fixed = {word, pair} & lexicon("verbs.ing_nouns").entries
        still = known and known.base in lexicon("verbs.ambient").entries - lexicon("verbs.moves").entries
        if known and known.form == "ing" and not fixed and not still:
            continue
        kept.append(word)
    return " ".join(kept)


def inner(phrase: NounPhrase) -> NounPhrase:
    """ "the top of the hill" to "the hill": a head that shows nothing gives way to what it is of."""
    head, _, rest = phrase.text.partition(" of ")
    if rest and (lexicon("scene.nothing").ends(head) or lexicon("function.numbers").ends(head)):
        return inner(replace(phrase, text=rest))
    return phrase


def _worded(phrase: NounPhrase, role: Role) -> str:
    text = ascii_fold(_at_rest(phrase.text)).replace('"', "")
    text = re.sub(r"[^\w ,'-]", "", text).strip(" ,'-")
    if role == "time" and phrase.led_by in {"at", "in", "under", "during"} and text:
        article = f"{phrase.determiner} " if phrase.determiner in {"a", "an", "the"} else ""
        return f"{phrase.led_by} {article}{text}"
    return text


def _add(phrases: list[str], text: str) -> None:
    """Once each, and the fuller wording where one says more than the other."""
    bare = text.split()[-1] if text else ""
    for index, other in enumerate(phrases):
        if set(text.split()) <= set(other.split()):
            return
        if set(other.split()) < set(text.split()) and other.split()[-1] == bare:
            phrases[index] = text
            return
    if text:
        phrases.append(text)


def look_of(text: str) -> str:
    """What the words of a text put on the face."""
    return next(mood.look for mood in moods() if mood.words.matches(text) or not mood.words.entries)


def life_of(text: str) -> str:
    """A sentence of facial dynamics that fits the words of a text."""
    return next(mood.life for mood in moods() if mood.words.matches(text) or not mood.words.entries)


@cache
def _dressed_as() -> re.Pattern[str]:
    roles = either(*listed("people.roles"))
    return re.compile(rf"(?i)\b(?:dressed|disguised)(?: up)? as (an? (?:[\w-]+ ){{0,2}}?(?:{roles}))\b")


def _costumed(text: str) -> str:
    """ "dressed as a pirate" as what can be seen of it: "in a pirate costume"."""
    return _dressed_as().sub(r"in \1 costume", text)


@lru_cache(maxsize=64)
def shown_in(text: str) -> Shown:
    """Read a text; quotations are left out, since a first frame shows no writing."""
    shown = Shown()
    last: tuple[int, Role] | None = None
    readable = _costumed(re.sub(r'"[^"]*"', " ", without_framing(text)))
    for order, outer in enumerate(noun_phrases(tag(readable))):
        phrase = inner(outer)
        role = role_of(phrase)
        worded = _worded(phrase, role) if role else ""
        if not role or not worded:
            continue
        if role == "face":
            _add(shown.face, worded)
        elif role == "clothing":
            _add(shown.clothing, worded)
        elif role == "time" and last == (order - 1, "place") and worded.split()[0] in {"at", "in", "under", "during"}:
            shown.environment[-1] += f" {worded}"
        else:
            _add(shown.environment, worded)
        shown.place_named |= role == "place"
        last = (order, role)
    if not shown.place_named:
        _imply_place(shown, readable)
    return shown


def _imply_place(shown: Shown, text: str) -> None:
    """An activity that has its own ground brings it: surfing, the sea."""
    bases = {token.verb.base for token in tag(text) if token.verb}
    for base, place in implied_places().items():
        if base in bases:
            shown.environment.insert(0, place)
            return
