"""Follow-ups about what happens in the video: the camera, the pace, and what the person or somebody else does."""

from __future__ import annotations

import re
from dataclasses import replace

from agent.planner import rewrite
from agent.planner.clauses import capital, uncapitalised
from agent.planner.phrases import tag
from agent.planner.pronouns import fit_pronouns
from agent.planner.step import Draft, Reading, Step, asking
from agent.planner.subject import subject_of
from agent.planner.verbs import doing, inflected, looks_like_participle, third_person, verb
from agent.planner.words import lexicon, listed, said, said_as
from tools.contracts import Presentation

_GENDER: dict[str, Presentation] = {"her": "woman", "she": "woman", "him": "man", "he": "man"}
_PRONOUN: dict[Presentation, str] = {"woman": "She", "man": "He", "person": "The person"}
_HOW = re.compile(
    r"^(?:(?:look|looks|looking|seem|be|become|feel|act|much|even|a bit|a little|a lot|more|very|with|really|so|stand|"
    r"move) )+"
)
_POSSESSIVE: dict[Presentation, str] = {"woman": "her", "man": "his", "person": "their"}
_MANNER = re.compile(
    r"(?:(?:in|a|as|with|make|it) )*(?P<how>slow[ -]motion|slo-mo|time-?lapse|hand-?held)(?: camera| video| shot)?"
)


def camera(clause: str, draft: Draft) -> Step | None:
    if said("steady", clause):
        still = rewrite.appended(rewrite.without_camera(draft.text), "The camera stays still.")
        return Step("motion", "the camera stays still", still)
    if manner := _MANNER.fullmatch(clause):
        handheld = manner["how"].startswith("hand")
        phrase = (
            "with a handheld camera" if handheld else "in time-lapse" if "lapse" in manner["how"] else "in slow motion"
        )
        return Step("motion", f"the video is shot {phrase}", rewrite.inserted(draft.text, phrase))
    does = _camera_move(clause)
    if does is None:
        return None
    text = rewrite.appended(rewrite.without_camera(draft.text), f"The camera {does}.")
    return Step("motion", f"the camera {does}", text)


def _camera_move(clause: str) -> str | None:
    """What the camera is to do, as one says it does: "zoom in" to "zooms in"."""
    spoken_of = re.fullmatch(
        r"(?:let |make |have |with )?(?:the )?camera (?:should |must |to |that )?(?P<what>.+)", clause
    )
    what = spoken_of["what"] if spoken_of else clause
    first, _, rest = what.partition(" ")
    known = verb(first)
    base = known.base if known else first
    order = f"{base} {rest} "
    of_camera = any(order.startswith(f"{move} ") for move in listed("refine.camera_orders"))
    of_body = re.search(r"\b(?:head|face|body|hips|chin)\b", rest)
    of_camera = of_camera and not of_body
    if not of_camera and not (spoken_of and known):
        return None
    return f"{third_person(base)} {rest}".strip()


def pace(clause: str, draft: Draft) -> Step | None:
    change = -1 if said("slower", clause) else 1 if said("faster", clause) else _paced_act(clause, draft)
    if not change:
        return None
    before = rewrite.pace_of(draft.text)
    after = before + change * (2 if re.search(r"\b(?:much|a lot|way|very)\b", clause) else 1)
    after = min(max(after, 0), len(rewrite.PACES) - 1)
    word = rewrite.PACES[after].removesuffix("ly")
    told = (
        f"the movement is {word}{' already' if after == before else ''}" if word else "the movement has its usual pace"
    )
    return Step("motion", told, rewrite.paced(draft.text, rewrite.PACES[after]))


def _paced_act(clause: str, draft: Draft) -> int:
    """The change of pace in "walk slower", where walking is what the person does; else 0."""
    found = re.fullmatch(r"(\w+) (slower|more slowly|faster|quicker|more quickly)", clause)
    known = verb(found[1]) if found else None
    if not found or not known or known.base not in {rewrite.main_act(draft.text), "move"}:
        return 0
    return -1 if "slow" in found[2] else 1


def _name_of_subject(draft: Draft) -> str | None:
    """How another sentence calls the subject; ``None`` where the prompt names nobody who could be called anything."""
    mention = subject_of(draft.text, draft.presentation).mention
    if mention is None:
        return None
    if mention.kind == "first person":
        return "I"
    own = {"woman": "She", "she": "She", "man": "He", "he": "He"}
    return own.get(mention.kind) or _PRONOUN[draft.presentation]


def _actor(draft: Draft) -> str | None:
    """Who acts; a pronoun means somebody else only where the prompt names one whom it fits."""
    gender = _GENDER.get(draft.actor)
    if (
        gender is not None
        and gender != draft.presentation
        and subject_of(draft.text, draft.presentation).has_other(gender)
    ):
        return _PRONOUN[gender]
    plain = {
        "",
        "me",
        "i",
        "it",
        "them",
        "they",
        "us",
        *(f"the {name}" for name in ("woman", "man", "person", "subject")),
    }
    return _name_of_subject(draft) if gender is not None or draft.actor in plain else capital(draft.actor)


def _names_another(draft: Draft) -> bool:
    """Whether somebody is named whom a pronoun of the other gender may mean."""
    others = subject_of(draft.text, draft.presentation).others
    return any(other.kind in {"woman", "man", "she", "he"} and other.kind != draft.presentation for other in others)


def _does(act: str, person: str = "") -> str:
    """An act in the form that its subject takes: "smile at the dog" to "smiles at the dog"."""
    words = act.split()
    at = next((i for i, word in enumerate(words) if not word.endswith("ly") or verb(word)), 0)
    word, known = words[at], verb(words[at])
    if known is not None:
        form = inflected(known.base, "base" if person == "I" else "third")
    else:
        form = doing(word) if looks_like_participle(word) else third_person(word)
    return " ".join([*words[:at], form, *words[at + 1 :]])


def acted(draft: Draft, act: str) -> Step:
    """The prompt with one more act in it; the words of a mood that it contradicts go."""
    main = rewrite.main_act(draft.text)
    if act == "stand still" and main is not None:
        return Step("motion", f"the {draft.presentation} stands still", rewrite.without_act(draft.text, main))
    text = _in_mood(draft.text, act)
    person = _actor(draft)
    if not _names_another(draft):
        act = fit_pronouns(act, draft.presentation, keep_gendered=False)
    act = re.sub(r"\byour\b", "my" if person == "I" else _POSSESSIVE[draft.presentation], act)
    who = f"the {draft.presentation}" if person in {None, "I"} else uncapitalised(person or "")
    if person is not None:
        return Step("motion", f"{who} {_does(act)}", rewrite.appended(text, f"{person} {_does(act, person)}."))
    first, _, rest = act.partition(" ")
    known = verb(first)
    participle = f"{inflected(known.base if known else first, 'ing')} {rest}".strip()
    return Step("motion", f"{who} {_does(act)}", rewrite.continued(text, participle))


def _in_mood(text: str, act: str) -> str:
    wanted = rewrite.emotion_of(act)
    while wanted and (other := rewrite.emotion_of(text)) and other != wanted:
        calmed = rewrite.without_words(text, other)
        if rewrite.emotion_of(calmed) == other:
            break
        text = calmed
    return text


def manner(clause: str, draft: Draft) -> Step | None:
    """How somebody looks or moves: "happier", "more energetic"."""
    bare = _HOW.sub("", clause)
    act = said_as("manners").get(bare)
    return acted(draft, act) if act else None


def instead(clause: str, draft: Draft) -> Step | None:
    """One act for another: "run instead of walking", and "run instead" of what the subject does."""
    found = re.fullmatch(r"(?P<new>.+?) instead(?: of (?P<old>\w+)(?: .+)?)?", clause)
    found = found or re.fullmatch(
        r"(?:replace|change|turn) (?P<old>\w+)(?: .+)? (?:with|by|to|into) (?P<new>.+)", clause
    )
    if found is None:
        return None
    known = verb(found["new"].split()[0])
    old = verb(found["old"]) if found["old"] else None
    was = old.base if old else rewrite.main_act(draft.text) if not found["old"] else None
    if known is None or was is None or not rewrite.acting(draft.text, was) or not _orders(found["new"]):
        return None
    rest = found["new"].partition(" ")[2]
    does = f"{third_person(known.base)} {rest}".strip()
    return Step(
        "motion", f"the {draft.presentation} {does} instead", rewrite.acted_instead(draft.text, was, known.base, rest)
    )


def _orders(clause: str) -> bool:
    """Whether a clause starts with an act."""
    tokens = [token for token in tag(clause) if token.tag != "adverb"]
    if not tokens:
        return False
    first, known = tokens[0], verb(tokens[0].low)
    following = tokens[1] if len(tokens) > 1 else None
    if known is None:
        return looks_like_participle(first.low)
    described = following is not None and following.tag == "noun" and not rewrite.plural(following.low)
    noun_phrase = described and known.form in {"base", "third"}
    closed = first.low in lexicon("function.prepositions", "function.adverbs", "function.adjectives").entries
    return known.form != "past" and not noun_phrase and not closed


def act(clause: str, draft: Draft) -> Step | None:
    """Something that somebody does, in any form: "smile", "she smiles", "waving at the dog"."""
    first = clause.split()[0]
    unknown = bool(draft.actor) and first.isalpha() and len(tag(first)) == 1 and tag(first)[0].tag == "noun"
    known_noun = first in lexicon(
        "function.adjectives", "clothes.garments", "scene.places", "face.parts", "clothes.colours"
    )
    if not _orders(clause) and not (unknown and not known_noun and verb(first) is None):
        return None
    return acted(draft, clause)


def not_done(clause: str, draft: Draft) -> Step | None:
    """An act or a mood that goes: "smile" after "do not". The clause comes without its negation."""
    opposite = said_as("opposites").get(clause)
    if opposite is not None:
        return acted(draft, opposite)
    told_as = said_as("manners").get(clause.removeprefix("look "), clause)
    emotion = rewrite.emotion_of(told_as)
    known = verb(told_as.split()[0])
    if emotion is not None and (known is not None or len(clause.split()) < 3):
        calm = acted(replace(draft, text=rewrite.without_words(draft.text, emotion)), "keep a calm face")
        return replace(calm, told=f"{calm.told}, without '{clause}'")
    if known is None or known.form not in {"base", "ing"} or not _orders(clause):
        return None
    if not rewrite.acting(draft.text, known.base, clause.partition(" ")[2]):
        return asking(
            draft,
            f"The prompt does not say '{clause}', so it cannot be taken out. What shall the person do instead: stand "
            "still, look at the camera or walk slowly?",
        )
    return Step("motion", f"'{clause}' is left out", rewrite.without_act(draft.text, known.base))


def ordered(clause: str, draft: Draft) -> Step | None:
    """What somebody is told to do by name: "fall" in "let her fall" is no season."""
    if (
        draft.actor in {"", "it"}
        or verb(clause.split()[0]) is None
        or clause.split()[0] in {"wear", "put", "have", "get", "be", "change", "dress"}
    ):
        return None
    return manner(clause, draft) or acted(draft, clause)


READINGS: tuple[Reading, ...] = (camera, pace, manner, instead)
