"""Follow-ups about what the first frame shows: framing, light, clothes, place, and single things."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from agent.planner import rewrite
from agent.planner.checks import stem
from agent.planner.language import words_of
from agent.planner.phrases import is_person
from agent.planner.rewrite import Part
from agent.planner.step import Draft, Reading, Step, asking
from agent.planner.subject import with_article
from agent.planner.verbs import verb
from agent.planner.words import lexicon, said, said_as
from tools.contracts import FRAMINGS, Framing
from tools.framing import framing_of, framing_phrases, reframed

_OWN = re.compile(r"(?:the|her|his|my|your|their|its|a|an|any|that|this|some)\s+")
_INTO = re.compile(
    r"(?:(?:put|place|set|move|take|go|be|happen|happens|happening|take place|takes place|set it|with|somewhere) )*"
    r"(?=(?:in|at|on|to|inside|under|by|near|onto|into|outside)\b)"
)
_BECOMES = re.compile(
    r"^(?:(?:be|is|start|starts|become|turn|turns|go|goes|make it|add|at|in|during|the|a|an|more|with|some|to|back) )+"
)
_WEAR = re.compile(
    r"(?:(?:add|give|wear|wears|wearing|put on|put|dressed in|dress in|dress|in|with|have|has|having|her|him|me|them|"
    r"change into|"
    r"be|being|should|get) )*"
)


def _reframed(draft: Draft, framing: Framing) -> Step:
    if framing == draft.framing:
        end = {"close-up": ", the closest there is", "wide shot": ", the widest there is"}.get(framing, "")
        return Step("look", f"the framing is a {framing} already{end}", draft.text)
    named = framing_phrases(draft.text)
    text = reframed(draft.text, framing) if named else rewrite.framed(draft.text, framing)
    return Step("look", f"the framing is a {framing}", text)


def framing(clause: str, draft: Draft) -> Step | None:
    steps = 2 if re.search(r"\b(?:much|a lot|way)\b", clause) else 1
    place = FRAMINGS.index(draft.framing)
    if said("closer", clause):
        return _reframed(draft, FRAMINGS[max(place - steps, 0)])
    if said("further", clause):
        return _reframed(draft, FRAMINGS[min(place + steps, len(FRAMINGS) - 1)])
    if said("full", clause):
        return _reframed(draft, "full shot")
    named = framing_of(clause)
    small = lexicon("function.determiners", "function.prepositions", "refine.framing_words").entries
    phrases = {word for phrase in framing_phrases(clause) for word in words_of(phrase)}
    return _reframed(draft, named) if named and set(words_of(clause)) <= phrases | small else None


Group = Literal["clock", "seasons", "weather", "light"]
_GROUPS: tuple[Group, ...] = ("seasons", "weather", "clock", "light")


def _group(text: str) -> Group | None:
    return next((name for name in _GROUPS if lexicon(f"refine.{name}").matches(text)), None)


def _group_of(phrase: str) -> Group | None:
    """By its last word, but "golden hour light" is a time."""
    last = _group(phrase.split()[-1])
    return "clock" if last == "light" and lexicon("refine.clock").matches(phrase) else last or _group(phrase)


def light(clause: str, draft: Draft) -> Step | None:
    """A time of day, a season, a weather or a light, in the place of another of its kind."""
    phrase = _lit(clause)
    group = _group_of(phrase) if phrase else None
    if phrase is None or group is None:
        return None
    return Step("look", f"the scene is now {phrase}", rewrite.relit(draft.text, phrase, lexicon(f"refine.{group}")))


def _lit(clause: str) -> str | None:
    """The light that a clause asks for as it is said after an act: "night" to "at night"."""
    bare = _BECOMES.sub("", clause)
    known = said_as("lights").get(clause) or said_as("lights").get(bare)
    if known is not None:
        return known
    plain = re.sub(r"^(?:(?:be|make it|turn|turns|become|with|is|add|more|some) )+", "", clause)
    named = rewrite.parts(plain)
    if len(named) != 1 or named[0].role != "time" or named[0].end != len(plain) or named[0].start > 0:
        return None
    if named[0].lead:
        return plain
    clock = _group(named[0].text.split()[-1]) in {"clock", "seasons"}
    return f"{'on' if clock and plain.startswith(('a ', 'an ')) else 'at' if clock else 'in'} {plain}"


def role_played(clause: str, draft: Draft) -> Step | None:
    """The clothes of somebody else: "as a pirate"."""
    found = re.fullmatch(
        r"(?:(?:be )?dress(?:ed)?(?: up)? (?:as|like)|as|like|be|turn into|into|become)? ?(?P<who>an? [\w -]+)", clause
    )
    if found is None or not is_person(words_of(found["who"])[-1]):
        return None
    costume = with_article(f"{rewrite.bare(found['who'])} costume")
    return clothes(f"in {costume}", draft)


def clothes(clause: str, draft: Draft) -> Step | None:
    """What is worn, and hair and beard: it takes the place of what it excludes and joins the rest."""
    lead = _WEAR.match(clause)
    worn = clause[lead.end() :] if lead else clause
    named = rewrite.parts(worn)
    if not named or named[0].start > 0 or any(part.role not in {"clothing", "face"} for part in named):
        return None
    faces = [part for part in named if part.role == "face"]
    garments = [part for part in named if part.role == "clothing"]
    text = draft.text
    for group in (faces, garments):
        if group:
            text = _dressed(replace(draft, text=text), group, _listed(worn, group))
    has = "wears" if garments else "has"
    return Step("look", f"the {draft.presentation} {has} {_listed(worn, named)}", text)


def _listed(worn: str, named: list[Part]) -> str:
    return " and ".join(_with_determiner(worn[part.noun : part.end], part) for part in named)


def _with_determiner(thing: str, part: Part) -> str:
    """A single thing with "a", unless something else stands before it already: "red dress" to "a red dress"."""
    thing = re.sub(r"^(?:the|that|this)\s+", "", thing)
    many = rewrite.plural(part.text) or words_of(thing)[-1] in {
        "hair",
        "makeup",
        "skin",
        "clothing",
        "denim",
        "leather",
        "silk",
        "armor",
        "armour",
    }
    return thing if many or re.match(r"(?:an?|her|his|my|your|their|some|no|two|one)\s", thing) else with_article(thing)


def _dressed(draft: Draft, new: list[Part], things: str) -> str:
    """The text with the things worn in the place of those that they exclude, else beside those that there are."""
    text, role = draft.text, new[0].role
    heads = {stem(words_of(part.text)[-1]) for part in new}
    small = lexicon("refine.accessories")
    whole = role == "clothing" and any(words_of(part.text)[-1] not in small for part in new)
    worn = [part for part in rewrite.parts(text) if part.role == role]
    replaced = [
        part for part in worn if stem(last := words_of(part.text)[-1]) in heads or (whole and last not in small)
    ]
    for part in reversed(replaced[1:]):
        text = rewrite.without(text, part) or text
    if replaced:
        return rewrite.instead_of(text, replaced[0], things)
    if worn and role == "clothing":
        return f"{text[: worn[-1].end]} and {things}{text[worn[-1].end :]}"
    lead = "with" if role == "face" else "in" if whole else "wearing"
    return rewrite.after_subject(text, f"{lead} {things}", draft.presentation)


_SIDES = "beside|behind|next to|near|around|with|in front of"
_ASKS = {"let", "make", "have", "give", "put", "show", "she", "he", "they", "i", "it"}
_AT = {"in", "at", "on", "inside", "near", "by", "under", "outside", "onto", "over", "above", "beside"}


def place(clause: str, draft: Draft) -> Step | None:
    clause = re.sub(r"^(?:to|into)\s+", "in ", _INTO.sub("", clause, count=1))
    clause = re.sub(r"\s+(?:in|as|for) the (?:background|backdrop)$", "", clause)
    named = rewrite.parts(clause)
    if not named or named[0].start > 0 or named[0].role not in {"place", "prop"}:
        return None
    first = named[0]
    thing = clause[first.noun :]
    proper = lexicon("scene.proper").ends(first.text) or set(words_of(first.text)) <= draft.names
    if not first.lead:
        if first.role != "place" and not proper:
            return None
        on = lexicon("refine.on_places").ends(first.text.split(" of ")[0])
        articled = (
            thing
            if proper or rewrite.plural(first.text) or re.match(r"(?:an?|the|her|his|my) ", thing)
            else with_article(thing)
        )
        clause = f"{'on' if on else 'in'} {articled}"
    elif first.lead.split()[0] not in _AT or (
        first.role == "prop" and not proper and not re.match(r"(?:an?|the) ", thing)
    ):
        return None
    return Step("look", f"the scene is now {clause}", rewrite.moved(draft.text, clause))


def swapped(clause: str, draft: Draft) -> Step | None:
    """One thing of the prompt for another: "a cat instead of the dog", "make the dress blue"."""
    patterns = (
        r"(?:replace|swap|exchange|substitute|change|turn|switch) (?P<old>.+?) (?:with|by|for|to|into) (?P<new>.+)",
        r"(?P<new>.+?) (?:instead of|rather than|in place of) (?P<old>.+)",
        r"(?:make |turn )?(?P<old>(?:the|her|his|my|their) [\w -]+?)(?: (?:should|must|could|to) be| to| in| be)?"
        r" (?P<new>an? .+|[\w-]+)",
    )
    found = next((match for pattern in patterns if (match := re.fullmatch(pattern, clause))), None)
    part = find(draft.text, found["old"]) if found else None
    if found is None or part is None or found["new"].split()[0] in _ASKS:
        return None
    if found.re.pattern == patterns[-1] and not re.match(r"an? ", found["new"]) and not describes(found["new"]):
        return None
    new = _fitting(_without_act(found["new"], draft), part, draft.text)
    told = f"'{rewrite.bare(new)}' takes the place of '{part.text}'"
    return Step("look" if part.role else "motion", told, rewrite.mended(rewrite.instead_of(draft.text, part, new)))


def _without_act(new: str, draft: Draft) -> str:
    """The thing alone, where the prompt says the act already: of "read a newspaper" the newspaper."""
    first, _, rest = new.partition(" ")
    known = verb(first)
    return rest if known and rest and rewrite.acting(draft.text, known.base) else new


def describes(words: str) -> bool:
    return set(words_of(words)) <= lexicon("clothes.colours", "function.adjectives").entries


def _fitting(new: str, part: Part, text: str) -> str:
    """What takes a part's place, with the part's noun where only a colour or the like was said."""
    colours = lexicon("clothes.colours").entries
    if describes(new):
        new = f"{new} {' '.join(word for word in part.text.split() if word not in colours)}"
    elif re.match(r"(?:an?|the|her|his|my|their|some|two|three)\s", new):
        return new
    determiner = text[part.noun : part.end].split()[0].lower()
    if determiner in {"a", "an"}:
        return with_article(new)
    return new if determiner == part.text.split()[0] else f"{determiner} {new}"


def find(text: str, wanted: str) -> Part | None:
    """The part of a text that a follow-up means: the one with all of its words, else with the same head."""
    words = [stem(word) for word in words_of(_OWN.sub("", wanted, count=1))]
    named = [(part, [stem(word) for word in words_of(part.text)]) for part in rewrite.parts(text)]
    if not words:
        return None
    whole = (part for part, have in named if set(words) <= set(have))
    same_head = (part for part, have in named if have and have[-1] == words[-1])
    return next(whole, None) or next(same_head, None)


def names_thing(clause: str, draft: Draft) -> bool:
    """Whether a clause is nothing but a thing of the prompt: "the sunglasses"."""
    named = rewrite.parts(clause)
    whole = len(named) == 1 and named[0].start == 0 and named[0].end == len(clause) and not named[0].lead
    return whole and find(draft.text, clause) is not None


def not_shown(clause: str, draft: Draft) -> Step | None:
    """A thing that goes: "hat" after "without". The clause comes without its negation."""
    thing = re.sub(r"^(?:(?:in|at|on|with|under|wear|wearing|have|having|be|any|it) )+", "", clause)
    part = find(draft.text, thing)
    if part is None:
        named = rewrite.parts(thing)
        if not named or named[0].role is None:
            return None
        return asking(
            draft,
            f"The prompt names no '{named[0].text}', so it cannot be taken out. Shall something else go, or do you "
            "want another take with a new seed?",
        )
    shorter = rewrite.without(draft.text, part)
    if shorter is None:
        return asking(
            draft, f"The sentence needs '{part.text}'. What shall stand there instead, or shall something else go?"
        )
    return Step("look" if part.role else "motion", f"'{part.text}' is left out", rewrite.mended(shorter))


def beside(clause: str, draft: Draft) -> Step | None:
    """A thing more in the scene: "add a dog", "with an umbrella"."""
    found = re.fullmatch(
        r"(?:(?:add|give|show|put|include|let there be|there should be|bring|have|more|her|him|me|them) )*(?P<what>.+)",
        clause,
    )
    what = found["what"] if found else clause
    named = rewrite.parts(what)
    if named and not named[0].lead and re.search(rf" (?:{_SIDES}) (?:her|him|me|them|it|us|the (?:wo)?man)$", what):
        what = f"with {what}"
        named = rewrite.parts(what)
    handed = bool(draft.actor) and re.match(r"(?:an?|some|two|three)\s", what) is not None
    asked = handed or what != clause or what.split()[0] in lexicon("refine.beside").entries
    if not asked or not named or named[0].start > 0:
        return None
    if named[0].role is None and not any(is_person(word) for word in words_of(named[0].text)):
        return None
    led = bool(named[0].lead)
    added = what if led else f"with {what}"
    return Step("look", f"'{added}' is added", rewrite.inserted(draft.text, added))


READINGS: tuple[Reading, ...] = (light, role_played, place)
