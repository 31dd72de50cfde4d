"""What a follow-up in conversation means for a job: its clauses, read one after another, and what follows from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from agent.planner import refine_gate, refine_look, refine_motion
from agent.planner.clauses import capital
from agent.planner.language import read, words_of
from agent.planner.protocol import Change, Plan, Refinement
from agent.planner.scene import shown_in
from agent.planner.step import Draft, Reading, Step
from agent.planner.validators import Context, check_spatial
from agent.planner.verbs import verb
from agent.planner.words import lexicon, listed, said
from tools.contracts import Presentation
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
    "don't": "do not", "dont": "do not", "doesn't": "does not", "shouldn't": "should not", "can't": "can not", "isn't": "is not",
    "mustn't": "must not", "won't": "will not", "she's": "she is", "he's": "he is", "it's": "it is", "that's": "that is", "i'm": "i am",
}  # fmt: skip
_NEGATION = re.compile(
    r"(?:do not|never|no longer|no more|no|not|without|stop|quit|remove|take off|take away|lose|drop|get rid of|leave out|delete|"
    r"skip|omit|less)\s+(?P<rest>.+)"
)
_PRONOUN = r"her|him|me|them|it|us"
_ADDRESSES = (
    rf"(?:let|make|have|get|want|put|place|set|move|bring|take|show|dress|give|see)\s+(?P<who>{_PRONOUN})\s+(?:to\s+|be\s+|is\s+)?(?P<rest>.+)",
    r"(?P<who>she|he|they|i|it|you)\s+(?:(?:should|must|could|can|needs? to|has to|have to|shall|may|will|would|is|are|am|to|be|also|now|does|do|looks?(?=\s+(?:too|not))) )*(?P<rest>.+)",
)  # fmt: skip
_NOUN_ADDRESS = re.compile(
    r"(?:(?:let|have|make|want)\s+)?(?P<who>(?:the|my|her|his|their) (?:[\w-]+ )??[\w-]+?)\s+(?P<modal>(?:should|must|could|can|to)\s+)?(?P<rest>\w+.*)"
)
_QUESTION = (
    "What shall change: what happens ('slower', 'let {her} smile'), how it looks ('at night', 'closer', 'in a red coat'), or "
    "shall it be another take?"
)
_UNREAD = "I cannot tell what '{clause}' changes. "
_FOREIGN = "I read follow-ups in English only. "
_KEPT: tuple[tuple[Change, str], ...] = (
    ("look", "a new first frame is painted, and the rest of the prompt is kept"),
    ("motion", "the first frame is kept"),
    ("seed", "the prompt is kept"),
    ("settings", "the prompt is kept"),
)


def refined(
    instruction: str, prompt: str, plan: Plan, presentation: Presentation, replanned: Callable[[str], Plan]
) -> Refinement:
    """The follow-up read and applied; ``replanned`` splits the prompt as it then stands."""
    said_now = read(instruction)
    asked = said_now.text
    kept = Refinement(
        frozenset({"question"}), prompt, plan.temporal_prompt, plan.spatial_prompt, plan.framing, {}, "", "rules"
    )
    draft = Draft(read(prompt).text, presentation, plan.framing, names=frozenset(_names(asked)))
    steps = _steps(asked, draft)
    if isinstance(steps, str):
        question = (steps if said_now.english else _FOREIGN) + _general(presentation)
        return replace(kept, told="Nothing was changed yet.", question=question)
    ask = next((step for step in steps if step.change == "question"), None)
    if ask is not None:
        return replace(kept, told="Nothing was changed yet.", question=ask.told or _general(presentation))
    if any(step.change == "undo" for step in steps):
        return _undone(kept, steps)
    if not any(step.settings or step.change == "seed" for step in steps) and steps[-1].text == draft.text:
        question = f"{capital(_told_of(steps))}. {_general(presentation)}"
        return replace(kept, told="Nothing was changed yet.", question=question)
    return _applied(kept, steps, _named(steps[-1].text, asked), plan, presentation, replanned)


def _general(presentation: Presentation) -> str:
    return _QUESTION.format(her={"woman": "her", "man": "him", "person": "them"}[presentation])


def _undone(kept: Refinement, steps: Sequence[Step]) -> Refinement:
    if len(steps) == 1:
        told = "The last change is undone: this goes back to the job before it."
        return replace(kept, changes=frozenset({"undo"}), told=told)
    question = "Shall I go back to the job before, or keep this one and make the other changes to it?"
    return replace(kept, told="Nothing was changed yet.", question=question)


def _applied(
    kept: Refinement,
    steps: Sequence[Step],
    text: str,
    plan: Plan,
    presentation: Presentation,
    replanned: Callable[[str], Plan],
) -> Refinement:
    changes = {step.change for step in steps}
    settings = {name: value for step in steps for name, value in step.settings.items()}
    if changes & {"motion", "look"}:
        new = replanned(text)
        if _shows_more(kept, text, presentation):
            changes.add("look")
        if new.spatial_prompt == plan.spatial_prompt and "look" in changes:
            changes = {*changes - {"look"}, "motion"}
        kept = replace(kept, prompt=text, temporal_prompt=new.temporal_prompt)
        if "look" in changes:
            kept = replace(kept, spatial_prompt=new.spatial_prompt, framing=new.framing)
    return replace(kept, changes=frozenset(changes), settings=settings, told=_told(steps, changes, text))


def _shows_more(kept: Refinement, text: str, presentation: Presentation) -> bool:
    """Whether what happens brings something into view that the first frame has not, or would mend it otherwise."""
    before, after = shown_in(read(kept.prompt).text), shown_in(text)
    known = {word for phrase in (*before.environment, *before.clothing) for word in words_of(phrase)}
    new = {word for phrase in (*after.environment, *after.clothing) for word in words_of(phrase)} - known
    return bool(new) or bool(
        check_spatial(kept.spatial_prompt, Context(text, presentation, english=read(text).english))
    )


def _told(steps: Sequence[Step], changes: set[Change], text: str) -> str:
    keeps = next(words for change, words in _KEPT if change in changes)
    return f"{capital(_named(_told_of(steps), text))}; {keeps}."


def _told_of(steps: Sequence[Step]) -> str:
    told = list(dict.fromkeys(step.told for step in steps))
    return f"{', '.join(told[:-1])}, and {told[-1]}" if told[1:] else told[0]


def _names(text: str) -> dict[str, str]:
    """The words of a follow-up that keep a capital, by their lower case."""
    inside = re.findall(r"(?<![.!?])(?<!^)\s([A-Z][\w-]+)", text)
    places = [word for word in words_of(text) if word in lexicon("scene.proper").entries - {"new", "times"}]
    return {**{word: word.title() for word in places}, **{word.lower(): word for word in inside}}


def _named(text: str, asked: str) -> str:
    """A text with the capitals of the names that stand in what was asked."""
    names = _names(asked)
    return re.sub(r"[^\W_][\w-]*", lambda match: names.get(match.group(), match.group()), text)


def _steps(asked: str, draft: Draft) -> list[Step] | str:
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
    """ "do not walk, run" as "run instead of walk"."""
    found = re.fullmatch(r"(?i)(?:do not|not|stop) (\w+)(?: [\w ]+?)?,? (?:but |and )?(?:rather )?(\w+)(.*)", text)
    both = found and verb(found[1]) and (becomes := verb(found[2])) and becomes.form == "base"
    return f"{found[2]}{found[3]} instead of {found[1]}" if found and both and "," in text else text


def _plain(clause: str) -> str:
    """A clause in lower case without the words that only ask: "could you please make it slower" to "make it slower"."""
    clause = clause.lower().strip(" .,!?;:-")
    leads = "|".join(re.escape(lead) for lead in sorted(listed("refine.leads"), key=len, reverse=True))
    tails = "|".join(re.escape(tail) for tail in sorted(listed("refine.tails"), key=len, reverse=True))
    if clause in lexicon("refine.fillers").entries:
        return ""
    bare = re.sub(rf"^(?:(?:{leads})(?:\s+|,\s*))+(?=\S)", "", clause)
    return re.sub(rf"(?:\s+(?:{tails}))+$", "", bare)


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
    negated = _NEGATION.fullmatch(clause)
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
    """What a wish for "the background", "the light" or "the clothes" names: "change the background to a forest" is a forest."""
    for name, lead in (("places", ""), ("times", ""), ("looks", "in ")):
        thing = "|".join(re.escape(entry) for entry in sorted(listed(f"refine.{name}"), key=len, reverse=True))
        found = re.fullmatch(
            rf"(?:(?:change|set|make|turn|replace|switch|put|use|have|let|with) )*(?:{thing})(?: (?:to|into|with|by|as|be|should|must|could|is|are))* (?P<new>.+)"
            rf"|(?:(?:use|have|with|put|set) )?(?P<other>.+) (?:as|for|in) (?:{thing})",
            clause,
        )
        if found:
            return (
                lead + re.sub(r"^in ", "", found["new"] or found["other"]) if lead else found["new"] or found["other"]
            )
    return None


def _addressed(clause: str, draft: Draft) -> tuple[Draft, str]:
    """Whom a clause speaks of, and the rest of it: "let her smile" to "smile"."""
    whole = next(
        (
            w
            for w in sorted(lexicon("refine.whole").entries, key=len, reverse=True)
            if re.match(rf"(?:(?:make|let|set|have|keep|put|turn|move) )?{w} ", clause)
        ),
        None,
    )
    if whole and whole not in {"it", "this", "that"}:
        return draft, re.sub(rf"^(?:\w+ )?{whole} (?:should |must |could )?(?:be |is )?", "", clause)
    for pattern in _ADDRESSES:
        if found := re.fullmatch(pattern, clause):
            return replace(draft, actor=found["who"]), found["rest"]
    return _noun_addressed(clause, draft)


def _noun_addressed(clause: str, draft: Draft) -> tuple[Draft, str]:
    """ "let the dog jump": the first word after a noun that can be an act ends the noun phrase."""
    found = _NOUN_ADDRESS.fullmatch(clause)
    lets = re.match(r"(?:let|have|make|want)\b", clause)
    if not found or not (lets or found["modal"]):
        return draft, clause
    for match in re.finditer(r"\s", clause[found.start("who") :]):
        who, rest = clause[found.start("who") :][: match.start()], clause[found.start("who") :][match.end() :]
        rest = re.sub(r"^(?:should|must|could|can|to|be) ", "", rest)
        known = verb(rest.split()[0]) if rest else None
        words = who.split()
        if (
            known
            and known.form == "base"
            and len(words) > 1
            and words[-1] not in lexicon("clothes.colours", "function.adjectives")
        ):
            return replace(draft, actor=who), rest
    return draft, clause
