"""What a follow-up in conversation means for a job: its steps, applied to the prompt, and what they leave as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from agent.planner.clauses import capital
from agent.planner.language import read, words_of
from agent.planner.protocol import Change, Plan, Refinement
from agent.planner.refine_reading import steps_of
from agent.planner.rewrite import emotion_of
from agent.planner.scene import look_of, shown_in
from agent.planner.step import Draft, Step
from agent.planner.validators import Context, check_spatial
from agent.planner.words import lexicon
from tools.contracts import Presentation

_QUESTION = (
    "What shall change: what happens ('slower', 'let {her} smile'), how it looks ('at night', 'closer', 'in a red "
    "coat'), or shall it be another take?"
)
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
    steps = steps_of(asked, draft) if words_of(instruction) else ""
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
    """Whether the first frame lacks what comes into view, or shows a face that is no longer asked for."""
    if (
        emotion_of(kept.prompt)
        and look_of(kept.prompt) != look_of(text)
        and look_of(kept.prompt) in kept.spatial_prompt
    ):
        return True
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
