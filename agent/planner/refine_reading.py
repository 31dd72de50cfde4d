"""Reading a follow-up: its clauses, one after another, each as the step that it asks of the prompt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from agent.planner import refine_gate, refine_look, refine_motion
from agent.planner.language import words_of
from agent.planner.phrases import tag
from agent.planner.step import Draft, Reading, Step
from agent.planner.verbs import verb
from agent.planner.words import either, lexicon, listed, said, said_as
from tools.framing import framing_of

_FIXED: tuple[Reading, ...] = (
    *refine_gate.READINGS,
    refine_motion.camera,
    refine_motion.pace,
    refine_look.framing,
    refine_look.swapped,
)
_NEGATED: tuple[Reading, ...] = (refine_motion.not_done, refine_look.not_shown)
_OPEN: tuple[Reading, ...] = (
    refine_look.clothes,
    refine_motion.ordered,
    refine_motion.manner,
    *refine_look.READINGS,
    refine_motion.act,
    refine_look.beside,
)
"""Of each of these the first that answers is believed, so their order says which meaning wins."""

_SHORT = {
    "don't": "do not", "dont": "do not", "doesn't": "does not", "shouldn't": "should not", "can't": "can not",
    "isn't": "is not", "mustn't": "must not", "won't": "will not", "she's": "she is", "he's": "he is", "it's": "it is",
    "that's": "that is", "i'm": "i am",
}  # fmt: skip
_NEGATION = re.compile(
    r"(?:do not|never|no longer|no more|no|not|without|stop|quit|remove|take off|take away|lose|drop|get rid of|"
    r"leave out|delete|skip|omit|less|fewer)\s+(?P<rest>.+)"
)
_SETS = "change|set|make|turn|replace|switch|put|use|have|let|with"
_TO = "to|into|with|by|as|be|should|must|could|is|are"
_MODAL = "should|must|could|can|needs? to|has to|have to|shall|may|will|would|is|are|am|to|be|also|now|does|do"
_ADDRESSES = (
    r"(?:let|make|have|get|want|put|place|set|move|bring|take|show|dress|give|see)\s+"
    r"(?P<who>her|him|me|them|it|us)\s+(?:to\s+|be\s+|is\s+)?(?P<rest>.+)",
    r"(?P<who>her|him|me|them|it)\s+to\s+(?P<rest>.+)",
    rf"(?P<who>she|he|they|i|it|you)\s+(?:(?:{_MODAL}|looks?(?=\s+(?:too|not))) )*(?P<rest>.+)",
)
_NOUN_ADDRESS = re.compile(
    r"(?P<let>(?:let|have|make|want)\s+)?(?P<who>(?:the|my|her|his|their) (?:[\w-]+ )??[\w-]+?)\s+"
    r"(?P<modal>(?:should|must|could|can|to)\s+)?(?P<rest>\w+.*)"
)
_UNREAD = "I cannot tell what '{clause}' changes. "


def steps_of(asked: str, draft: Draft) -> list[Step] | str:
    """What every clause asks, in order; the start of a question where one cannot be read."""
    text = _one_act_for_another(" ".join(_SHORT.get(word.lower(), word) for word in asked.replace("’", "'").split()))
    cuts = list(_cuts(text))
    steps: list[Step] = []
    at, denied = 0, False
    while at < len(cuts):
        for until in (*_lists_of_clothes(text, cuts[at:], draft, at), *range(at + 1, len(cuts) + 1)):
            clause = text[cuts[at][0] : cuts[until - 1][1]]
            plain = _plain(clause)
            listed_on = denied and refine_look.names_thing(plain, draft)
            found = _read(f"without {plain}" if listed_on else plain, draft)
            if found is not None:
                denied = listed_on or _NEGATION.fullmatch(plain) is not None
                break
        else:
            return _UNREAD.format(clause=text[slice(*cuts[at])].strip())
        for step, actor in found:
            steps.append(step)
            draft = replace(draft, text=step.text, actor=actor, framing=framing_of(step.text) or draft.framing)
        at = until
    return steps or ""


def _lists_of_clothes(text: str, cuts: Sequence[tuple[int, int]], draft: Draft, at: int) -> Iterator[int]:
    """Where a clause ends that goes on after an "and" with more to wear: "in jeans and a white shirt"."""
    for count in range(len(cuts), 1, -1):
        about, rest = _addressed(_plain(text[cuts[0][0] : cuts[count - 1][1]]), draft)
        if refine_look.clothes(rest, about) is not None:
            yield at + count


def _cuts(text: str) -> Iterator[tuple[int, int]]:
    """Where the clauses of a follow-up lie: between marks and the words that join wishes."""
    start = 0
    for match in re.finditer(r"\s*(?:[,;!?]|\.(?!\d))+(?=\s|$)\s*|\s+(?:and then|and|but|then|plus|also)\s+", text):
        if words_of(text[start : match.start()]):
            yield start, match.start()
        start = match.end()
    if words_of(text[start:]):
        yield start, len(text)


def _one_act_for_another(text: str) -> str:
    """ "do not walk, run" as "run instead of walk", and "stop her from smiling" as "do not let her smiling"."""
    text = re.sub(r"(?i)\b(?:stop|keep|prevent) (\w+) from (\w+ing)\b", r"do not let \1 \2", text)
    found = re.fullmatch(r"(?i)(?:do not|not|stop) (\w+)(?: [\w ]+?)?,? (?:but |and )?(?:rather )?(\w+)(.*)", text)
    both = found and verb(found[1]) and (becomes := verb(found[2])) and becomes.form == "base"
    return f"{found[2]}{found[3]} instead of {found[1]}" if found and both and "," in text else text


def _plain(clause: str) -> str:
    """A clause in lower case without the words that only ask: "could you please make it slower" to "make it slower"."""
    clause = clause.lower().strip(" .,!?;:-")
    if clause in lexicon("refine.fillers").entries:
        return ""
    bare = re.sub(rf"^(?:(?:{either(*listed('refine.leads'))})(?:\s+|,\s*))+(?=\S)", "", clause)
    return re.sub(rf"(?:\s+(?:{either(*listed('refine.tails'))}))+$", "", bare)


def _first(readings: Sequence[Reading], clause: str, draft: Draft) -> Step | None:
    return next((step for reading in readings if (step := reading(clause, draft)) is not None), None)


def _read(clause: str, draft: Draft) -> list[tuple[Step, str]] | None:
    """The step of a clause, if it is more than a filler, with whom it speaks of; ``None`` where it cannot be read."""
    if not clause or said("keep", clause):
        return []
    step = _first(_FIXED, clause, draft) or refine_motion.instead(clause, draft)
    if step is not None:
        return [(step, draft.actor)]
    if clause.endswith(" instead"):
        return _read(clause.removesuffix(" instead"), draft)
    scene = _of_the_scene(clause)
    if scene is not None:
        return _read(scene, draft) or (_read(f"in {scene}", draft) if scene != clause else None)
    negated = None if clause in said_as("lights") else _NEGATION.fullmatch(clause)
    if negated:
        about, rest = _addressed(negated["rest"], draft)
        step = _first(_NEGATED, rest, about)
        return [(step, about.actor)] if step else None
    about, rest = _addressed(clause, draft)
    if rest != clause:
        return _read(rest, about)
    step = _first(_OPEN, clause, draft)
    return [(step, draft.actor)] if step else None


def _of_the_scene(clause: str) -> str | None:
    """What a wish for the background, the light or the clothes names: "a forest" of "the background: a forest"."""
    for name in ("places", "times", "looks"):
        thing = either(*listed(f"refine.{name}"))
        found = re.fullmatch(rf"(?:(?:{_SETS}) )*(?:{thing})(?: (?:{_TO}))* (?P<new>.+)", clause)
        found = found or re.fullmatch(rf"(?:(?:{_SETS}) )?(?P<new>.+) (?:as|for|in) (?:{thing})", clause)
        if found:
            return f"in {found['new'].removeprefix('in ')}" if name == "looks" else found["new"]
    return None


def _addressed(clause: str, draft: Draft) -> tuple[Draft, str]:
    """Whom a clause speaks of, and the rest of it: "let her smile" to "smile"."""
    whole = re.match(
        rf"(?:(?:{_SETS}|move|keep) )?(?:{either(*listed('refine.whole'))}) (?:should |must |could )?(?:be |is )?",
        clause,
    )
    if whole:
        return draft, clause[whole.end() :]
    about, rest = _noun_addressed(clause, draft)
    found = next((match for pattern in _ADDRESSES if (match := re.fullmatch(pattern, clause))), None)
    if rest != clause or found is None:
        return about, rest
    return replace(draft, actor=found["who"]), found["rest"]


def _noun_addressed(clause: str, draft: Draft) -> tuple[Draft, str]:
    """ "let the dog jump": the first word after a noun that can be an act ends the noun phrase."""
    found = _NOUN_ADDRESS.fullmatch(clause)
    if not found or not (found["let"] or found["modal"]):
        return draft, clause
    for match in re.finditer(r"\s", clause[found.start("who") :]):
        who, rest = clause[found.start("who") :][: match.start()], clause[found.start("who") :][match.end() :]
        rest = re.sub(r"^(?:should|must|could|can|to|be) ", "", rest)
        known = verb(rest.split()[0]) if rest else None
        words, named = who.split(), tag(who)[-1].tag == "noun"
        if known and known.form == "base" and named and words[1:] and not refine_look.describes(words[-1]):
            return replace(draft, actor=who), rest
    return draft, clause
