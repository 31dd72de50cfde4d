"""The checks of a spatial prompt."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

from agent.planner.checks import BOTH, Check, Context, first, holds, stem
from agent.planner.language import words_of
from agent.planner.phrases import is_person, tag
from agent.planner.scene import shown_in
from agent.planner.subject import subject_of
from agent.planner.verbs import verb
from agent.planner.words import lexicon, singular
from tools.framing import framing_of, framing_phrases

CLIP_TOKENS = 77
PHRASES = range(3, 13)


def clip_tokens(text: str) -> int:
    """An upper estimate of CLIP's byte-pair tokens, start and end marks included; no tokenizer is at hand.

    Measured vocabularies hold common English words whole: up to 7 letters count 1, longer ones 1 for every 4
    letters; a word without a vowel counts its letters, and anything beyond ASCII its bytes.
    """
    total = 2
    for piece in re.findall(r"[^\W\d_]+|\d|[^\w\s]", text):
        if not piece.isascii():
            total += len(piece.encode())
        elif len(piece) > 2 and not re.search(r"[aeiouy]", piece, re.IGNORECASE):
            total += len(piece)
        else:
            total += 1 if len(piece) <= 7 else math.ceil(len(piece) / 4)
    return total


def phrases_of(text: str) -> list[str]:
    return [phrase.strip() for phrase in text.split(",")]


def _not_comma_phrases(text: str, context: Context) -> str | None:
    if re.search(r"[.!?;:]", text):
        return "a full stop or another closing mark"
    count = len(phrases_of(text))
    if count not in PHRASES:
        return f"{count} phrases"
    return "an empty phrase" if not all(phrases_of(text)) else None


def _characters(text: str, context: Context) -> str | None:
    return first(re.findall(r"[^A-Za-z0-9 ,'\-]", text))


def _no_subject(text: str, context: Context) -> str | None:
    start = phrases_of(text)[0].lower()
    return None if re.match(rf"an? {context.presentation}(?:$| )", start) else start


def _finite_verb(text: str, context: Context) -> str | None:
    for phrase in phrases_of(text):
        for index, token in enumerate(tokens := tag(phrase)):
            if token.tag != "verb":
                continue
            if token.low in lexicon("verbs.auxiliaries").entries:
                return token.text
            after_person = index > 0 and is_person(tokens[index - 1].low)
            if token.verb and (token.verb.form == "third" or (after_person and token.verb.form in {"base", "past"})):
                return token.text
    return None


def _pronoun(text: str, context: Context) -> str | None:
    pronouns = lexicon("function.pronouns").entries | {"her", "his", "my", "your", "our", "their"}
    return first(word for word in words_of(text) if word in pronouns)


def _motion(text: str, context: Context) -> str | None:
    moving = {"going", "coming"} | {
        f for f in words_of(text) if (v := verb(f)) and v.form == "ing" and v.base in lexicon("verbs.moves").entries
    }
    fixed = lexicon("verbs.ing_nouns").find(text)
    return first(word for word in words_of(text) if word in moving and not any(word in entry for entry in fixed))


def _other_person(text: str, context: Context) -> str | None:
    own = subject_of(context.text, context.presentation).own_nouns
    allowed = {context.presentation, *own}
    words = words_of(text.replace("-", " "))
    return first(
        word
        for word, following in zip(words, [*words, ""][1:], strict=True)
        if is_person(word)
        and word not in allowed
        and singular(word) not in allowed
        # a "pirate costume" is no pirate
        and following not in lexicon("clothes.garments")
    )


def _crowd(text: str, context: Context) -> str | None:
    subjects = [word for word in words_of(text) if word in {"woman", "man", "person"}]
    own = subject_of(context.text, context.presentation).own_nouns
    crowd = [word for word in lexicon("people.crowd").find(text) if word not in own]
    return first([*crowd, *subjects[1:]])


def _wrong_gender_noun(text: str, context: Context) -> str | None:
    opposite = {"woman": ("people.men",), "man": ("people.women",)}.get(context.presentation)
    return first(lexicon(*opposite).find(text)) if opposite else None


def _framing(text: str, context: Context) -> str | None:
    phrases = framing_phrases(text)
    if len(phrases) != 1:
        return f"{len(phrases)} framing phrases"
    if phrases_of(text)[-1].lower() != phrases[0].lower():
        return f"{phrases[0]!r} before the end"
    asked = framing_of(context.text)
    if "framing" in context.loosened:
        return None
    return None if framing_of(text) == (asked or "close-up") else f"{phrases[0]!r} instead of {asked or 'close-up'!r}"


def _name(text: str, context: Context) -> str | None:
    capitalised = re.findall(r"\b[A-Z][a-z]+\b", text[1:])
    return first([*capitalised, *(word for word in words_of(text) if word in lexicon("people.names").entries)])


def _trigger(text: str, context: Context) -> str | None:
    return first(word for word in context.trigger.split() if word in words_of(text))


def _too_many_tokens(text: str, context: Context) -> str | None:
    count = clip_tokens(f"{context.trigger}, {text}")
    return f"about {count} tokens" if count > CLIP_TOKENS else None


def _no_face(text: str, context: Context) -> str | None:
    return None if lexicon("face.parts").matches(text) else "no word of the face"


def _missing(group: str, lists: Sequence[str]) -> Callable[[str, Context], str | None]:
    """The source shows such things, and the prompt has none: no word of the lists, and none of the source's own."""

    def offence(text: str, context: Context) -> str | None:
        shown = shown_in(context.text)
        read_so = shown.clothing if group == "clothes" else shown.environment
        named = [phrase for phrase in read_so if not any(check.offence(phrase, context) for check in PHRASE)]
        if not named or group in context.loosened or not context.readable:
            return None
        own = {stem(word) for phrase in named for word in words_of(phrase)}
        kept = lexicon(*lists).matches(text) or own & {stem(word) for word in words_of(text)}
        return None if kept else ", ".join(named[:3])

    return offence


PHRASE = (
    Check("characters", "Use plain letters, digits, commas, hyphens and apostrophes only, not {found!r}.", _characters),
    Check("finite_verb", "Describe what is seen, without verbs such as {found!r}.", _finite_verb),
    Check("pronoun", "Name things; do not use the pronoun {found!r}.", _pronoun),
    Check("motion", "A first frame stands still: leave out {found!r}.", _motion),
    Check(
        "camera",
        "Camera moves belong to the temporal prompt: leave out {found!r}.",
        holds(lexicon("verbs.camera_moves")),
    ),
    Check("feet", "Leave out shoes and feet: {found!r}.", holds(lexicon("clothes.feet"))),
    Check("other_person", "Only the subject is in the first frame: leave out {found!r}.", _other_person),
    Check("gender", "The subject is called otherwise: leave out {found!r}.", _wrong_gender_noun),
    Check("name", "Leave out proper names, and write in lower case: {found!r}.", _name),
    Check("trigger", "Leave out {found!r}; the program adds such words itself.", _trigger, reads=False),
)

SPATIAL = (
    *BOTH,
    Check("shape", "Write 3 to 12 phrases separated by commas, not {found}.", _not_comma_phrases, reads=False),
    Check("subject", "Start with the subject as told, not with {found!r}.", _no_subject, reads=False),
    Check("framing", "End with one framing phrase, the user's own or close-up: found {found}.", _framing, reads=False),
    Check("tokens", "Shorten the prompt: with the trigger words it has {found}, of 77.", _too_many_tokens, reads=False),
    Check("face", "Describe the face: there is {found}.", _no_face),
    Check("clothing", "Keep the clothes of the user's prompt: {found}.", _missing("clothes", ["clothes.garments"])),
    Check("environment", "Keep the surroundings of the user's prompt: {found}.",
          _missing("place", ["scene.places", "scene.times", "scene.weathers", "scene.lights"])),
    Check("crowd", "Leave out other people in the background: {found!r}.", _crowd),
)  # fmt: skip
