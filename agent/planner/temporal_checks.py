"""The checks of a temporal prompt."""

from __future__ import annotations

import re

from agent.planner.checks import BOTH, Check, Context, first, holds, stem
from agent.planner.language import numbers, quoted, sentences, words_of
from agent.planner.phrases import tag
from agent.planner.scene import shown_in
from agent.planner.subject import mentions, subject_of, without_framing
from agent.planner.verbs import verb
from agent.planner.words import lexicon, listed, singular
from tools.contracts import Presentation

LONGEST = 100
ROOM_FOR_POLISH = 25
LEAST_RECALL = 0.8
_SMALL = (
    *(f"function.{name}" for name in ("determiners", "pronouns", "prepositions", "conjunctions", "adverbs")),
    *(f"people.{name}" for name in ("women", "men", "anyone", "first_person", "names")),
    "verbs.auxiliaries",
)


def _not_starting_with_target(text: str, context: Context) -> str | None:
    return None if re.match(rf"A {context.presentation}\b", text) else text[:30]


def _others_of_opposite_gender(context: Context) -> bool:
    opposite: dict[Presentation, Presentation] = {"woman": "man", "man": "woman"}
    other = opposite.get(context.presentation)
    return other is not None and subject_of(context.text, context.presentation).has_other(other)


def _wrong_gender_word(text: str, context: Context) -> str | None:
    outside = re.sub(r'"[^"]*"', " ", without_framing(text))
    words = words_of(outside)
    if context.presentation == "person":
        others = subject_of(context.text, "person").others
        pronouns = lexicon("people.she", "people.he").entries if not others else frozenset[str]()
        return first(word for word in words if word in pronouns)
    if _others_of_opposite_gender(context):
        return None
    lists = ("people.he", "people.men") if context.presentation == "woman" else ("people.she", "people.women")
    return first(word for word in words if word in lexicon(*lists))


def _nothing_done(text: str, context: Context) -> str | None:
    opening = (sentences(text) or [""])[0]
    known = (verb(word) for word in words_of(opening))
    plural = re.match(r"A \w+(?:,[^,]*,)? and ", opening) is not None
    acts = any(form is not None and (plural or form.form != "base") for form in known) or any(
        t.tag == "verb" for t in tag(opening)
    )
    return None if acts else opening


def _no_expression(text: str, context: Context) -> str | None:
    return None if lexicon("face.dynamics").matches(text) else "none"


def _camera_lost(text: str, context: Context) -> str | None:
    kept = {stem(word) for word in words_of(text)}
    moves = lexicon("verbs.camera_moves").find(context.text)
    return first(move for move in moves if not {stem(word) for word in words_of(move)} <= kept)


def _number_lost(text: str, context: Context) -> str | None:
    return first(number for number in numbers(context.text) if number not in numbers(text))


def _quotation_lost(text: str, context: Context) -> str | None:
    def bare(words: str) -> str:
        return " ".join(words_of(words))

    return first(words for words in quoted(context.text) if bare(words) not in bare(text))


def content_words(text: str) -> set[str]:
    """The stems that carry meaning: no small words, no words about the video itself, nobody's name or pronoun."""
    small = lexicon(*_SMALL).entries
    leads = {word for lead in listed("language.leads") for word in lead.split()}
    words = (
        word
        for word in (each.removesuffix("'s") for each in words_of(text))
        if not {word, singular(word)} & (small | leads)
    )
    return {stem(word) for word in words if len(word) > 2}


def _content_lost(text: str, context: Context) -> str | None:
    wanted, kept = content_words(context.text), content_words(text) | {stem(word) for word in words_of(text)}
    if context.static_appearance == "drop":
        shown = shown_in(context.text)
        wanted -= content_words(" ".join([*shown.face, *shown.clothing]))
    lost = sorted(wanted - kept)
    return ", ".join(lost) if context.readable and wanted and 1 - len(lost) / len(wanted) < LEAST_RECALL else None


def _person_added(text: str, context: Context) -> str | None:
    if not context.readable:
        return None
    known = {singular(word) for word in words_of(context.text)} | {"woman", "man", "person", "people", "one"}
    named = (mention for mention in mentions(text) if mention.kind in {"woman", "man", "role", "anyone"})
    return first(mention.noun for mention in named if singular(mention.noun) not in known)


def longest_temporal(source: str) -> int:
    """Words that a temporal prompt may have.

    100, as video models are trained on; a source that leaves no room under it may grow by the polish alone,
    because what the user wrote is never cut (their text encoders read 512 tokens).
    """
    return max(LONGEST, len(words_of(source)) + ROOM_FOR_POLISH)


def _too_long(text: str, context: Context) -> str | None:
    count, most = len(words_of(text)), longest_temporal(context.text)
    return f"{count} words, where {most} are allowed" if count > most else None


TEMPORAL = (
    *BOTH,
    Check("start", "Start with the subject as told: found {found!r}.", _not_starting_with_target, reads=False),
    Check("gender", "Call the subject as told, and never {found!r}.", _wrong_gender_word),
    Check("action", "Let the subject act in the first sentence: {found!r} has no verb.", _nothing_done),
    Check("expression", "Add what the face does over time: there is {found}.", _no_expression),
    Check("camera", "Keep the user's camera move: {found!r}.", _camera_lost),
    Check("number", "Keep the number {found}.", _number_lost, reads=False),
    Check("quotation", "Keep the quoted words {found!r}.", _quotation_lost, reads=False),
    Check("content", "Keep everything that the user named; lost: {found}.", _content_lost),
    Check("person_added", "The user named no {found!r}; leave it out.", _person_added),
    Check("length", "Shorten the prompt: {found}.", _too_long, reads=False),
    Check("one_shot", "Describe one shot, without {found!r}.", holds(lexicon("language.cuts"))),
)
