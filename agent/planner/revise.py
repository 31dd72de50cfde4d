"""Revising a spatial prompt: each measured cause has moves that address it, then a ladder of the others.

A move yields drafts from the gentlest to the strongest. The first that every validator takes, and that no attempt
has had, is the revision. What the user said in so many words gives way last, unless the cause names it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Literal

from agent.planner.language import Source
from agent.planner.protocol import Cause, Plan, Revision, Tried
from agent.planner.spatial_checks import CLIP_TOKENS, PHRASES, clip_tokens
from agent.planner.validators import Context, check_spatial
from agent.planner.words import because, lexicon, lifted_covers, listed, moods
from tools.contracts import Presentation
from tools.errors import InputError
from tools.framing import closer, framing_of

Group = Literal["framing", "clothes", "place"]
_GROUP_OF: dict[str, Group] = {"framing": "framing", "clothing": "clothes", "environment": "place"}
_ADDED = ("facing", "alone", "face", "light", "background", "other_face", "other_light", "other_background")


@dataclass(frozen=True)
class Draft:
    """A spatial prompt in the making: its phrases without the framing, which comes last.

    ``gives_up`` is the group of the user's words that this draft loosens, ``told`` the start of the sentence about it.
    """

    phrases: tuple[str, ...]
    framing: str
    gives_up: Group | None = None
    told: str = ""

    @property
    def prompt(self) -> str:
        return ", ".join([*self.phrases, self.framing])


Move = Callable[[Draft, Plan], Iterator[Draft]]


def _draft(prompt: str) -> Draft:
    phrases = [phrase.strip() for phrase in prompt.split(",") if phrase.strip()]
    return Draft(tuple(phrases[:-1]), phrases[-1]) if framing_of(phrases[-1]) else Draft(tuple(phrases), "close-up")


def _added(draft: Draft, kind: str, phrase: str) -> Draft:
    """With one phrase of a kind, in the place of any other of that kind."""
    same = kind.removeprefix("other_")
    alike = {phrase for name in (same, f"other_{same}") if name in _ADDED for phrase in listed(f"revision.{name}")}
    kept = [other for other in draft.phrases if other not in alike]
    return replace(draft, phrases=(*kept, phrase))


def _stronger(draft: Draft, kind: str) -> Iterator[Draft]:
    """The draft with each phrase of a kind that comes after the one it has: a list runs from gentle to strong."""
    phrases = listed(f"revision.{kind}")
    reached = max((phrases.index(phrase) for phrase in draft.phrases if phrase in phrases), default=-1)
    for phrase in phrases[reached + 1 :]:
        yield _added(draft, kind, phrase)


@cache
def _ours() -> frozenset[str]:
    """Every phrase that a revision may have added."""
    return frozenset(phrase for kind in _ADDED for phrase in listed(f"revision.{kind}"))


def _without_words(draft: Draft, *names: str) -> tuple[Draft, list[str]]:
    """The draft without the words of some lists, and the words that went. The subject stays; so do phrases of ours."""
    words = lexicon(*names)
    kept, gone = [draft.phrases[0]], list[str]()
    for phrase in draft.phrases[1:]:
        found = [] if phrase in _ours() else words.find(phrase)
        rest = (
            re.sub(r"^(?:(?:at|in|on|under|during|a|an|the|and)\b\s*)+$", "", words.without(phrase))
            if found
            else phrase
        )
        rest = re.sub(r"\s+(?:at|in|on|under|during|of|and|with|a|an|the)$", "", rest)
        gone += found
        if rest:
            kept.append(rest)
    return replace(draft, phrases=tuple(kept)), gone


def _quoted_list(words: Sequence[str]) -> str:
    return " and ".join(f"'{word}'" for word in dict.fromkeys(words))


def _the(thing: str) -> str:
    return f"The {thing} {'were' if thing.endswith('s') else 'was'}"


def _closer_framing(draft: Draft, plan: Plan) -> Iterator[Draft]:
    framing = framing_of(draft.framing)
    nearer = closer(framing) if framing else None
    nearer_draft, _ = _without_words(draft, "scene.small")
    if nearer:
        told = f"The framing was loosened from '{draft.framing}' to '{nearer}'" if "framing" in plan.asked else ""
        yield replace(nearer_draft, framing=nearer, gives_up="framing", told=told)


def _face_camera(draft: Draft, plan: Plan) -> Iterator[Draft]:
    turned, gone = _without_words(draft, "scene.turned")
    told = f"{_quoted_list(gone)} gave way to a face towards the camera" if gone else ""
    yield from (replace(stronger, told=told) for stronger in _stronger(turned, "facing"))


def _one_person(draft: Draft, plan: Plan) -> Iterator[Draft]:
    said = "people" in plan.asked and not set(draft.phrases) & set(listed("revision.alone"))
    told = "The first frame shows the person alone, although the prompt names others" if said else ""
    single, gone = _without_words(draft, "revision.doubles")
    first, *_ = listed("revision.alone")
    if not set(draft.phrases) & set(listed("revision.alone")):
        yield replace(_added(draft, "alone", first), told=told)
    if gone:
        yield replace(single, told=f"{_quoted_list(gone)} was left out of the first frame")
    yield from (replace(stronger, told=told) for stronger in _stronger(draft, "alone"))


def _bare_face(draft: Draft, plan: Plan) -> Iterator[Draft]:
    for index, phrase in enumerate(draft.phrases):
        worn = next((worn for words, worn in lifted_covers() if words.ends(phrase)), None)
        if worn:
            lifted = (*draft.phrases[:index], f"{phrase} {worn}", *draft.phrases[index + 1 :])
            yield replace(draft, phrases=lifted, told=f"{_the(phrase)} moved to show the face")
    for index, phrase in enumerate(draft.phrases):
        if index and lexicon("face.covers").matches(phrase):
            rest = (*draft.phrases[:index], *draft.phrases[index + 1 :])
            name = lexicon("face.covers").find(phrase)[0]
            yield replace(draft, phrases=rest, gives_up="clothes", told=f"{_the(name)} left out of the first frame")


def _simpler_light(draft: Draft, plan: Plan) -> Iterator[Draft]:
    plain, harsh = _without_words(draft, "scene.harsh_lights")
    day, dark = _without_words(plain, "scene.dark_times")
    soft, bright = listed("revision.light")
    if harsh:
        told = f"The light was changed from {_quoted_list(harsh)} to '{soft}'"
        yield replace(_added(plain, "light", soft), told=told, gives_up="place")
    if dark:
        if not harsh and soft not in draft.phrases:
            yield _added(draft, "light", soft)
        told = f"The light was changed from {_quoted_list([*harsh, *dark])} to '{bright}'"
        yield replace(_added(day, "light", bright), told=told, gives_up="place")
    if not dark:
        yield from _stronger(draft, "light")


def _clear_face(draft: Draft, plan: Plan) -> Iterator[Draft]:
    yield from _stronger(draft, "face")


def _plain_expression(draft: Draft, plan: Plan) -> Iterator[Draft]:
    looks = {part for mood in moods() for part in mood.look.split(", ")} - {"natural expression"}
    strong = [phrase for phrase in draft.phrases if phrase in looks]
    if strong:
        kept = [phrase for phrase in draft.phrases if phrase not in strong]
        told = f"The expression {_quoted_list(strong)} gave way to a natural one"
        yield replace(draft, phrases=(kept[0], "natural expression", *kept[1:]), told=told)


def _of_lists(draft: Draft, *names: str) -> list[int]:
    """Where phrases of the user's that end in a word of these lists stand, last first."""
    found = [
        i for i, phrase in enumerate(draft.phrases) if i and phrase not in _ours() and lexicon(*names).matches(phrase)
    ]
    return found[::-1]


def _fewer_things(draft: Draft, plan: Plan) -> Iterator[Draft]:
    """One thing less around the person, from the last."""
    known = (
        "face.parts", "clothes.garments", "scene.places", "scene.times", "scene.weathers", "scene.lights",
    )  # fmt: skip
    for index in range(len(draft.phrases) - 1, 0, -1):
        phrase = draft.phrases[index]
        if phrase not in _ours() and not lexicon(*known).matches(phrase):
            rest = (*draft.phrases[:index], *draft.phrases[index + 1 :])
            yield replace(draft, phrases=rest, told=f"'{phrase}' was left out of the first frame")


def _simpler_place(draft: Draft, plan: Plan) -> Iterator[Draft]:
    for phrase in listed("revision.background"):
        if "blurred" in phrase:
            yield replace(_added(draft, "background", phrase), told="")
    for index in _of_lists(draft, "scene.places"):
        rest = (*draft.phrases[:index], *draft.phrases[index + 1 :])
        plain = _added(replace(draft, phrases=rest), "background", "plain background")
        yield replace(
            plain, gives_up="place", told=f"The place '{draft.phrases[index]}' was left out of the first frame"
        )


def _plainer_clothes(draft: Draft, plan: Plan) -> Iterator[Draft]:
    for index in _of_lists(draft, "clothes.garments"):
        rest = (*draft.phrases[:index], *draft.phrases[index + 1 :])
        told = f"'{draft.phrases[index]}' was left out of the first frame"
        yield replace(draft, phrases=rest, gives_up="clothes", told=told)


def _reworded(draft: Draft, plan: Plan) -> Iterator[Draft]:
    """Every way to say face, light and background anew: what is left when nothing else is."""
    choices = [
        [*listed(f"revision.other_{kind}"), *listed(f"revision.{kind}")] for kind in ("face", "light", "background")
    ]
    for face, light, background in product(*choices):
        yield _added(_added(_added(draft, "face", face), "light", light), "background", background)


MOVES: dict[str, Move] = {
    "closer_framing": _closer_framing,
    "face_camera": _face_camera,
    "one_person": _one_person,
    "bare_face": _bare_face,
    "simpler_light": _simpler_light,
    "clear_face": _clear_face,
    "plain_expression": _plain_expression,
    "fewer_things": _fewer_things,
    "simpler_place": _simpler_place,
    "plainer_clothes": _plainer_clothes,
    "reworded": _reworded,
}

FIRST: dict[Cause, tuple[str, ...]] = {
    "small_face": ("closer_framing",),
    "no_face": ("closer_framing", "face_camera", "bare_face", "simpler_light"),
    "turned_away": ("face_camera",),
    "several_people": ("one_person",),
    "faint_face": ("simpler_light", "clear_face"),
    "unlike": ("bare_face", "clear_face"),
}
"""What addresses each cause, best first."""

_THEN = ("clear_face", "face_camera", "simpler_light", "one_person")
_LAST = (
    "closer_framing",
    "bare_face",
    "plain_expression",
    "fewer_things",
    "simpler_place",
    "plainer_clothes",
    "reworded",
)


def ladder(cause: Cause) -> tuple[str, ...]:
    """Every move in the order in which a cause tries them; the user's own words are among the last."""
    return tuple(dict.fromkeys([*FIRST[cause], *_THEN, *_LAST]))


def _fitted(draft: Draft, trigger: str) -> Draft:
    """Within the phrases and tokens allowed: what stands last of the user's surroundings goes first."""
    while len(draft.phrases) + 1 >= PHRASES.stop or clip_tokens(f"{trigger}, {draft.prompt}") > CLIP_TOKENS:
        spare = [i for i, phrase in enumerate(draft.phrases) if i > 3 and phrase not in _ours()]
        if not spare:
            return draft
        draft = replace(draft, phrases=(*draft.phrases[: spare[-1]], *draft.phrases[spare[-1] + 1 :]))
    return draft


def _candidates(base: Draft, plan: Plan, cause: Cause) -> Iterator[tuple[str, Draft]]:
    for name in ladder(cause):
        for draft in MOVES[name](base, plan):
            yield name, draft


def revised(source: Source, plan: Plan, history: Sequence[Tried], presentation: Presentation) -> Revision:
    """The last prompt tried, changed by one move. Raises ``InputError`` when nothing is left to change."""
    cause = history[-1].diagnosis.cause
    tried = (plan.spatial_prompt, *(attempt.spatial_prompt for attempt in history))
    context = Context(source.text, presentation, source.english, tried)
    for start in dict.fromkeys([history[-1].spatial_prompt, plan.spatial_prompt]):
        given_up = {_GROUP_OF[v.code] for v in check_spatial(start, context) if v.code in _GROUP_OF}
        for name, draft in _candidates(_draft(start), plan, cause):
            fitted = _fitted(draft, context.trigger)
            loosened = frozenset({*given_up, *([draft.gives_up] if draft.gives_up else [])})
            if not check_spatial(fitted.prompt, replace(context, loosened=loosened)):
                told = f"{draft.told}, because {because()[cause]}." if draft.told else None
                return Revision(fitted.prompt, framing_of(fitted.framing) or plan.framing, name, "rules", told)
    raise InputError("No wording of the first frame is left to try; reword the prompt or use another photo.")
