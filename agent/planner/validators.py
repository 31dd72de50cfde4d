"""What a spatial and a temporal prompt must be, as checks over the words, whoever wrote them.

Each check is a row: a code, a message fit to be sent back to a language model (``{found}`` is the offending text),
and a function that returns the offending text, or ``None`` where the prompt is well.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agent.planner.language import is_english, numbers, quoted, read, sentences, words_of
from agent.planner.phrases import is_person, tag
from agent.planner.scene import shown_in
from agent.planner.subject import mentions, subject_of
from agent.planner.verbs import verb
from agent.planner.words import Lexicon, lexicon, listed, singular
from tools.contracts import Presentation
from tools.framing import framing_of, framing_phrases

CLIP_TOKENS = 77
PHRASES = range(3, 13)
LONGEST_TEMPORAL = 100
ROOM_FOR_POLISH = 25
LEAST_RECALL = 0.8
MOST_ALIKE = 0.95


@dataclass(frozen=True)
class Context:
    """What a prompt is checked against.

    ``english`` is false where the source is passed through unread: then only the checks of shape apply.
    ``previous`` are the spatial prompts already tried. ``loosened`` are the groups of the user's words that a
    revision has given up: "framing", "clothes", "place". ``trigger`` are the first-frame model's own words, which
    code adds after the checks; their tokens count.
    """

    source: str
    presentation: Presentation
    english: bool = True
    previous: tuple[str, ...] = ()
    loosened: frozenset[str] = frozenset()
    trigger: str = "fcsks fxhks fhyks"

    @property
    def text(self) -> str:
        """The source made plain."""
        return read(self.source).text

    @property
    def readable(self) -> bool:
        """Whether the source itself is in English, so that its words can be looked for."""
        return read(self.source).english


@dataclass(frozen=True)
class Violation:
    code: str
    message: str


@dataclass(frozen=True)
class Check:
    """``reads`` says that the check needs English words."""

    code: str
    message: str
    offence: Callable[[str, Context], str | None]
    reads: bool = True


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


def alike(a: str, b: str) -> float:
    """Jaccard similarity of the two sets of words: 1 is the same set."""
    one, other = set(words_of(a)), set(words_of(b))
    return len(one & other) / len(one | other) if one | other else 1.0


def _first(found: Iterable[str]) -> str | None:
    return next(iter(found), None)


def _phrases(text: str) -> list[str]:
    return [phrase.strip() for phrase in text.split(",")]


def _holds(words: Lexicon) -> Callable[[str, Context], str | None]:
    return lambda text, context: _first(words.find(text))


def _stem(word: str) -> str:
    known = verb(word)
    return known.base if known else singular(word)


# Both prompts


def _unchanged(text: str, context: Context) -> str | None:
    return text if words_of(text) == words_of(context.text) else None


def _foreign(text: str, context: Context) -> str | None:
    return None if is_english(text) else text[:40]


def _markup(text: str, context: Context) -> str | None:
    low = text.lower()
    return _first(mark for mark in listed("language.markup") if re.search(rf"(?<!\w){re.escape(mark)}(?!\w)", low))


def _unsafe_added(text: str, context: Context) -> str | None:
    words = lexicon("language.unsafe")
    return _first(word for word in words.find(text) if word not in words.find(context.text))


def _empty(text: str, context: Context) -> str | None:
    return None if words_of(text) else "nothing"


_BOTH = (
    Check("empty", "Write the prompt: it holds {found}.", _empty, reads=False),
    Check("unchanged", "Do not repeat the user's prompt word for word.", _unchanged, reads=False),
    Check("language", "Write in English; this is not: {found}", _foreign),
    Check(
        "markup",
        "Answer with the prompt alone, without {found!r} or any other markup or preamble.",
        _markup,
        reads=False,
    ),
    Check("unsafe", "The user did not ask for {found!r}; leave it out.", _unsafe_added, reads=False),
)


# The spatial prompt


def _not_comma_phrases(text: str, context: Context) -> str | None:
    if re.search(r"[.!?;:]", text):
        return "a full stop or another closing mark"
    count = len(_phrases(text))
    if count not in PHRASES:
        return f"{count} phrases"
    return "an empty phrase" if not all(_phrases(text)) else None


def _characters(text: str, context: Context) -> str | None:
    return _first(re.findall(r"[^A-Za-z0-9 ,'\-]", text))


def _no_subject(text: str, context: Context) -> str | None:
    start = _phrases(text)[0].lower()
    return None if re.match(rf"an? {context.presentation}(?:$| )", start) else start


def _finite_verb(text: str, context: Context) -> str | None:
    for phrase in _phrases(text):
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
    return _first(word for word in words_of(text) if word in pronouns)


def _motion(text: str, context: Context) -> str | None:
    moving = {"going", "coming"} | {
        f for f in words_of(text) if (v := verb(f)) and v.form == "ing" and v.base in lexicon("verbs.moves").entries
    }
    fixed = [entry for entry in lexicon("verbs.ing_nouns").find(text)]
    return _first(word for word in words_of(text) if word in moving and not any(word in entry for entry in fixed))


def _other_person(text: str, context: Context) -> str | None:
    own = subject_of(context.text, context.presentation).own_nouns
    allowed = {context.presentation, *own}
    return _first(
        word
        for word in words_of(text.replace("-", " "))
        if is_person(word) and word not in allowed and singular(word) not in allowed
    )


def _crowd(text: str, context: Context) -> str | None:
    subjects = [word for word in words_of(text) if word in {"woman", "man", "person"}]
    own = subject_of(context.text, context.presentation).own_nouns
    crowd = [word for word in lexicon("people.crowd").find(text) if word not in own]
    return _first([*crowd, *subjects[1:]])


def _wrong_gender_noun(text: str, context: Context) -> str | None:
    opposite = {"woman": ("people.men",), "man": ("people.women",)}.get(context.presentation)
    return _first(lexicon(*opposite).find(text)) if opposite else None


def _framing(text: str, context: Context) -> str | None:
    phrases = framing_phrases(text)
    if len(phrases) != 1:
        return f"{len(phrases)} framing phrases"
    if _phrases(text)[-1].lower() != phrases[0].lower():
        return f"{phrases[0]!r} before the end"
    asked = framing_of(context.text)
    if "framing" in context.loosened:
        return None
    return None if framing_of(text) == (asked or "close-up") else f"{phrases[0]!r} instead of {asked or 'close-up'!r}"


def _name(text: str, context: Context) -> str | None:
    capitalised = re.findall(r"\b[A-Z][a-z]+\b", text[1:])
    return _first([*capitalised, *(word for word in words_of(text) if word in lexicon("people.names").entries)])


def _trigger(text: str, context: Context) -> str | None:
    return _first(word for word in context.trigger.split() if word in words_of(text))


def _too_many_tokens(text: str, context: Context) -> str | None:
    count = clip_tokens(f"{context.trigger}, {text}")
    return f"about {count} tokens" if count > CLIP_TOKENS else None


def _no_face(text: str, context: Context) -> str | None:
    return None if lexicon("face.parts").matches(text) else "no word of the face"


def _missing(group: str, lists: Sequence[str]) -> Callable[[str, Context], str | None]:
    """Whether the source shows clothes or a place and the prompt has none: neither a word of the lists nor of the source's own."""

    def offence(text: str, context: Context) -> str | None:
        shown = shown_in(context.text)
        named = shown.clothing if group == "clothes" else shown.environment
        if not named or group in context.loosened or not context.readable:
            return None
        own = {_stem(word) for phrase in named for word in words_of(phrase)}
        kept = lexicon(*lists).matches(text) or own & {_stem(word) for word in words_of(text)}
        return None if kept else ", ".join(named[:3])

    return offence


_PHRASE_CHECKS = (
    Check("characters", "Use plain letters, digits, commas, hyphens and apostrophes only, not {found!r}.", _characters),
    Check("finite_verb", "Describe what is seen, without verbs such as {found!r}.", _finite_verb),
    Check("pronoun", "Name things; do not use the pronoun {found!r}.", _pronoun),
    Check("motion", "A first frame stands still: leave out {found!r}.", _motion),
    Check(
        "camera",
        "Camera moves belong to the temporal prompt: leave out {found!r}.",
        _holds(lexicon("verbs.camera_moves")),
    ),
    Check("feet", "Leave out shoes and feet: {found!r}.", _holds(lexicon("clothes.feet"))),
    Check("other_person", "Only the subject is in the first frame: leave out {found!r}.", _other_person),
    Check("gender", "The subject is called otherwise: leave out {found!r}.", _wrong_gender_noun),
    Check("name", "Leave out proper names, and write in lower case: {found!r}.", _name),
    Check("trigger", "Leave out {found!r}; the program adds such words itself.", _trigger, reads=False),
)

SPATIAL = (
    *_BOTH,
    Check("shape", "Write 3 to 12 phrases separated by commas, not {found}.", _not_comma_phrases, reads=False),
    Check("subject", "Start with the subject as told, not with {found!r}.", _no_subject, reads=False),
    Check("framing", "End with exactly one framing phrase, the user's own or close-up: found {found}.", _framing, reads=False),
    Check("tokens", "Shorten the prompt to 77 tokens of CLIP with the trigger words: it has {found}.", _too_many_tokens, reads=False),
    Check("face", "Describe the face: there is {found}.", _no_face),
    Check("clothing", "Keep the clothes of the user's prompt: {found}.", _missing("clothes", ["clothes.garments"])),
    Check("environment", "Keep the surroundings of the user's prompt: {found}.",
          _missing("place", ["scene.places", "scene.times", "scene.weathers", "scene.lights"])),
    Check("crowd", "Leave out other people in the background: {found!r}.", _crowd),
    *_PHRASE_CHECKS,
)  # fmt: skip


# The temporal prompt


def _not_starting_with_target(text: str, context: Context) -> str | None:
    return None if re.match(rf"A {context.presentation}\b", text) else text[:30]


def _others_of_opposite_gender(context: Context) -> bool:
    opposite: dict[Presentation, Presentation] = {"woman": "man", "man": "woman"}
    other = opposite.get(context.presentation)
    return other is not None and subject_of(context.text, context.presentation).has_other(other)


def _wrong_gender_word(text: str, context: Context) -> str | None:
    outside = re.sub(r'"[^"]*"', " ", text)
    words = words_of(outside)
    if context.presentation == "person":
        others = subject_of(context.text, "person").others
        pronouns = lexicon("people.she", "people.he").entries if not others else frozenset[str]()
        return _first(word for word in words if word in pronouns)
    if _others_of_opposite_gender(context):
        return None
    lists = ("people.he", "people.men") if context.presentation == "woman" else ("people.she", "people.women")
    return _first(word for word in words if word in lexicon(*lists))


def _nothing_done(text: str, context: Context) -> str | None:
    opening = (sentences(text) or [""])[0]
    known = (verb(word) for word in words_of(opening))
    acts = any(form is not None and form.form != "base" for form in known) or any(t.tag == "verb" for t in tag(opening))
    return None if acts else opening


def _no_expression(text: str, context: Context) -> str | None:
    return None if lexicon("face.dynamics").matches(text) else "none"


def _camera_lost(text: str, context: Context) -> str | None:
    kept = {_stem(word) for word in words_of(text)}
    moves = lexicon("verbs.camera_moves").find(context.text)
    return _first(move for move in moves if not {_stem(word) for word in words_of(move)} <= kept)


def _number_lost(text: str, context: Context) -> str | None:
    return _first(number for number in numbers(context.text) if number not in numbers(text))


def _quotation_lost(text: str, context: Context) -> str | None:
    def bare(words: str) -> str:
        return " ".join(words_of(words))

    return _first(words for words in quoted(context.text) if bare(words) not in bare(text))


def content_words(text: str) -> set[str]:
    """The stems that carry meaning: no small words, no words about the video itself, nobody's name or pronoun."""
    small = lexicon(
        "function.determiners", "function.pronouns", "function.prepositions", "function.conjunctions", "function.adverbs",
        "verbs.auxiliaries", "people.women", "people.men", "people.anyone", "people.first_person", "people.names",
    ).entries  # fmt: skip
    leads = {word for lead in listed("language.leads") for word in lead.split()}
    return {_stem(word) for word in words_of(text) if word not in small and word not in leads and len(word) > 2}


def _content_lost(text: str, context: Context) -> str | None:
    wanted, kept = content_words(context.text), content_words(text) | {_stem(word) for word in words_of(text)}
    lost = sorted(wanted - kept)
    return ", ".join(lost) if context.readable and wanted and 1 - len(lost) / len(wanted) < LEAST_RECALL else None


def _person_added(text: str, context: Context) -> str | None:
    if not context.readable:
        return None
    known = {singular(word) for word in words_of(context.text)} | {"woman", "man", "person", "one"}
    named = (mention for mention in mentions(text) if mention.kind in {"woman", "man", "role", "anyone"})
    return _first(mention.noun for mention in named if singular(mention.noun) not in known)


def longest_temporal(source: str) -> int:
    """Words that a temporal prompt may have.

    100, as video models are trained on; a source that leaves no room under it may grow by the polish alone,
    because what the user wrote is never cut (their text encoders read 512 tokens).
    """
    return max(LONGEST_TEMPORAL, len(words_of(source)) + ROOM_FOR_POLISH)


def _too_long(text: str, context: Context) -> str | None:
    count, most = len(words_of(text)), longest_temporal(context.text)
    return f"{count} words, where {most} are allowed" if count > most else None


TEMPORAL = (
    *_BOTH,
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
    Check("one_shot", "Describe one shot, without {found!r}.", _holds(lexicon("language.cuts"))),
)


def _violations(checks: Iterable[Check], text: str, context: Context) -> list[Violation]:
    found = ((check, check.offence(text, context)) for check in checks if check.reads is False or context.english)
    return [
        Violation(check.code, check.message.format(found=offence)) for check, offence in found if offence is not None
    ]


def check_phrase(phrase: str, context: Context) -> list[Violation]:
    """What is wrong with one phrase of a spatial prompt, wherever it stands."""
    return _violations(_PHRASE_CHECKS, phrase, context)


def check_spatial(text: str, context: Context) -> list[Violation]:
    """Everything that is wrong with a spatial prompt; one that has been tried counts as wrong too."""
    found = _violations(SPATIAL, text, context)
    if any(alike(text, tried) >= MOST_ALIKE for tried in context.previous):
        found.append(Violation("tried", "This is nearly a prompt that has been tried: change more of it."))
    return found


def check_temporal(text: str, context: Context) -> list[Violation]:
    """Everything that is wrong with a temporal prompt."""
    return _violations(TEMPORAL, text, context)
