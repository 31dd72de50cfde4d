"""The Temporal Prompt Polisher: the whole prompt as one shot that starts with the subject, and the face kept alive."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.planner.language import Source, sentences, words_of
from agent.planner.phrases import Token, tag
from agent.planner.pronouns import fit_pronouns
from agent.planner.scene import life_of
from agent.planner.subject import Subject, with_article
from agent.planner.validators import longest_temporal
from agent.planner.verbs import doing, looks_like_participle, third_person, verb
from agent.planner.words import lexicon, listed
from tools.contracts import Presentation
from tools.framing import framing_phrases

_SUBORDINATE = {"as", "while", "when", "that", "which", "where", "because", "if", "until", "before", "after", "who"}
_ENDS_OPEN = re.compile(
    r"(?i)\b(?:on|onto|at|around|over|behind|beside|near|past|towards?|follows?|following|shows?|showing|tracks?|reveals?|of|to|"
    r"circles?|orbits?|surrounds?|frames?|hits?|lights?|illuminates?)$"
)


@dataclass(frozen=True)
class _Opening:
    """The sentence with the subject in it, cut at the subject: what stood before, and what the subject does."""

    before: str
    after: str


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _small(text: str) -> str:
    """Without a sentence's capital; "I" and names keep theirs."""
    first = text.split(" ", 1)[0].strip(",.")
    named = (
        first in {"I", "I'm"}
        or first[1:] != first[1:].lower()
        or first.lower() in lexicon("people.names", "scene.proper").entries
    )
    return text if named else text[:1].lower() + text[1:]


def _closed(text: str) -> str:
    text = text.strip(" ,;:-")
    return text if not text or text[-1] in ".!?" else f"{text}."


def _replace(text: str, token: Token, new: str) -> str:
    return text[: token.start] + new + text[token.end :]


def _main_verb(tokens: list[Token]) -> Token | None:
    """The first verb outside a clause of its own, finite where there is one."""
    participle: Token | None = None
    inside = False
    for index, token in enumerate(tokens):
        if token.tag == "stop":
            inside = False
        if token.low in _SUBORDINATE and index > 1:
            inside = token.low not in {"who", "that"} or index > 2
            continue
        if token.tag != "verb" or inside:
            continue
        form = "ing" if token.low.endswith("ing") else (token.verb.form if token.verb else "third")
        since = tokens[tokens.index(participle) : index] if participle else []
        after_noun_of_its_own = tokens[index - 1].tag == "noun" and any(other.text == "," for other in since)
        if form == "ing":
            participle = participle or token
        elif not (form == "past" and token.low in {"dressed", "covered", "lit", "clad", "surrounded", "dwarfed"}) and (
            not after_noun_of_its_own or participle is None
        ):
            return token
    return participle


def _agreeing(text: str, start: int) -> str:
    """Base forms after ``start`` that share the subject, each made to agree: "walk and wave" to "walks and waves"."""
    for token in reversed(tag(text)):
        if token.start < start or token.tag != "verb" or token.verb is None or token.verb.form != "base":
            continue
        before = [other for other in tag(text) if other.end <= token.start]
        if (
            not before
            or before[-1].low in {"and", ",", "then"}
            or before[-1].tag == "adverb"
            or before[-1].end <= start
        ):
            text = _replace(text, token, third_person(token.verb.base))
    return text


_START = len("A woman")
_TO_SINGULAR = {"am": "is", "are": "is", "have": "has", "do": "does", "were": "was"}


def _predicate(subject: str, after: str, agree: bool) -> str:
    """The opening sentence: the subject and what it does, with a finite verb.

    ``agree`` says that the source's subject was not a single third person, so its verbs have to change.
    """
    after = re.sub(r"^\s*,?\s*\b(?:who|that)\b", "", after)
    joint = "" if after[:1] in {",", "'", ""} else " "
    plain = f"A woman{joint}{after.lstrip() if joint else after}"
    main = _main_verb(tag(plain))
    if main is None:
        rest = plain[_START:].strip(" ,.")
        return f"{subject} looks around slowly{', ' + rest if rest else ''}"
    lead, tail = plain[_START : main.start].strip(), plain[main.end :]
    doing_now = _as_finite(main, agree)
    if agree and doing_now != main.low:
        tail = _agreeing(f"A woman {doing_now}{tail}", len(f"A woman {doing_now}"))[len(f"A woman {doing_now}") :]
    if lead.endswith(",") and lead.count(",") % 2 == 1 and len(words_of(lead)) < 7:
        lead = lead.strip(" ,")
    return f"{_led(subject, lead)} {doing_now}{tail}"


def _as_finite(main: Token, agree: bool) -> str:
    if main.low in _TO_SINGULAR:
        return _TO_SINGULAR[main.low]
    if main.low == "wearing":
        return "wears"
    if main.low.endswith("ing") and (main.verb or looks_like_participle(main.low)):
        return doing(main.low)
    return third_person(main.verb.base) if agree and main.verb and main.verb.form == "base" else main.text


def _led(subject: str, lead: str) -> str:
    """The subject with what stands between it and its verb; the words between commas are closed before the verb."""
    if not lead:
        return subject
    if not subject.endswith(",") or lead.startswith(","):
        return f"{subject.rstrip(',')}{'' if lead.startswith(',') else ' '}{lead}"
    names = re.search(r", an? [^,]*,$", subject)
    return f"{subject[:-1] if names else subject} {lead.rstrip(',')},"


def _opening_of(sentence: str, at: int, until: int) -> _Opening:
    return _Opening(sentence[:at].strip(), sentence[until:].rstrip(" .!?;"))


def _whole(opening: _Opening, subject: str, target: str, agree: bool) -> str:
    """The sentence turned so that the subject comes first; nothing that stood before it is lost."""
    before, after = opening.before, opening.after
    after = re.sub(r"^\s*(?:as|while)\s+(?:she|he|they|i|the (?:woman|man|person))\s+", " ", after) if before else after
    if not before.strip(" ,"):
        return _predicate(subject, after, agree)
    paired = re.fullmatch(r"(.*\S)\s+and", before)
    if paired and not any(token.tag == "verb" for token in tag(paired.group(1))):
        return f"{subject.rstrip(',')} and {_small(paired.group(1))}{after}"
    held = re.fullmatch(r"(.*\S?)\s+(as|while|when)", before)
    if held:
        return f"{_predicate(subject, after, agree)}, {held.group(2)} {_small(held.group(1))}"
    tokens = tag(before)
    acts = any(token.tag == "verb" and (token.verb is None or token.verb.form != "past") for token in tokens)
    if tokens and tokens[0].tag == "preposition" and not acts:
        lead = _small(before.strip(" ,"))
        if not _ENDS_OPEN.search(lead):
            return f"{_predicate(subject, after, agree)}, {lead}"
    rest = re.sub(r"(?i)(?:[\s,]*\b(?:with|and|where|featuring|just|only|but|then))+$", "", before.strip(" ,"))
    if _ENDS_OPEN.search(rest):
        rest = f"{rest} {target}"
    return f"{_predicate(subject, after, agree)}. {_capital(rest)}" if rest else _predicate(subject, after, agree)


def _without_mention(text: str, subject: str) -> str:
    """A prompt that names nobody: its action given to the subject, or its scene set around them."""
    text = text.strip(" ,.")
    tokens = [token for token in tag(text) if token.tag != "adverb"]
    words = words_of(text)
    if not tokens:
        return f"{subject} looks around slowly{', ' + _small(text) if text else ''}"
    if len(words) == 1 and lexicon("function.adjectives").entries & set(words):
        return f"{subject} looks {words[0]}"
    first = tokens[0]
    form = "ing" if first.low.endswith("ing") and first.tag == "verb" else (first.verb.form if first.verb else None)
    if form == "base":
        agreed = _agreeing(_replace(text, first, third_person(first.low)), first.start)
        return f"{subject} {_small(agreed)}"
    if form in {"ing", "third", "past"}:
        return _predicate(subject, f" {_small(text)}", agree=False)
    acting = _main_verb(tag(text))
    takes_scene = first.tag == "preposition" or (acting is not None and acting.low.endswith("ing"))
    if takes_scene and acting is not None:
        joint = " " if first.tag == "preposition" else ", "
        return _predicate(subject, f"{joint}{_small(text)}", agree=False)
    if acting is None:
        joint = "" if first.tag == "preposition" else "amid "
        return f"{subject} looks around slowly, {joint}{_small(text)}"
    return f"{subject} looks around slowly. {_capital(text)}"


def _subject_words(subject: Subject, presentation: Presentation) -> str:
    return f"A {presentation}, {subject.aside}," if subject.aside else f"A {presentation}"


def _framing_lead(text: str) -> tuple[str, str]:
    """A prompt that opens with its framing ("wide shot of …"), and that framing as a closing sentence."""
    named = framing_phrases(text)
    if not named:
        return text, ""
    lead = re.match(
        rf"(?i)\s*(?:an? )?((?:[\w-]+ ){{0,2}}?{re.escape(named[0])})(?:\s+(?:of|on|shows?|showing)\b|\s*[,:])\s*", text
    )
    if not lead or re.search(r"(?i)\b(?:of|in|with|the)\b", lead.group(1)):
        return text, ""
    return text[lead.end() :], f"The framing is {with_article(lead.group(1).lower())}."


def temporal_prompt(source: Source, subject: Subject, presentation: Presentation) -> str:
    """The prompt for the video: everything the source says, the subject first, and a sentence for the face last."""
    if not source.english:
        return f"A {presentation}: {_closed(source.text)} {life_of('')}"
    body, framing = _framing_lead(source.text)
    body = _told(source.text, body, subject, presentation)
    life = life_of(source.text)
    closing = [framing] if framing else []
    grown = " ".join([_closed(body), *closing, life])
    if len(words_of(grown)) > longest_temporal(source.text) and lexicon("face.dynamics").matches(body):
        grown = " ".join([_closed(body), *closing])
    return " ".join(grown.split())


def _names_opposite(subject: Subject, presentation: Presentation) -> bool:
    """Whether somebody else is named whom a gendered pronoun may mean."""
    opposite: Presentation = "man" if presentation == "woman" else "woman"
    return subject.has_other(opposite) or (presentation == "person" and bool(subject.others))


def _told(text: str, body: str, subject: Subject, presentation: Presentation) -> str:
    name, target = _subject_words(subject, presentation), f"the {presentation}"
    cut = len(text) - len(body)
    mention = subject.mention
    pieces = sentences(body) or [body]
    if mention is None:
        told = [_without_mention(pieces[0], name), *pieces[1:]]
    else:
        at, until = mention.start - cut, mention.end - cut
        index, offset = _sentence_with(body, pieces, at)
        opening = _opening_of(pieces[index], max(at - offset, 0), until - offset)
        agree = mention.kind == "first person" or mention.plural
        told = [_whole(opening, name, target, agree), *pieces[:index], *pieces[index + 1 :]]
    told = [_closed(_capital(piece)) for piece in told if words_of(piece)]
    return fit_pronouns(" ".join(told), presentation, keep_gendered=_names_opposite(subject, presentation))


def _sentence_with(body: str, pieces: list[str], at: int) -> tuple[int, int]:
    """Which sentence holds the place ``at`` of the body, and where that sentence starts."""
    start = 0
    for index, piece in enumerate(pieces):
        start = body.index(piece, start)
        if at < start + len(piece):
            return index, start
        start += len(piece)
    return len(pieces) - 1, max(start - len(pieces[-1]), 0)


def plain_temporal(source: Source, subject: Subject, presentation: Presentation) -> str:
    """The source whole behind a plain opening, for a sentence that defeats the polisher."""
    text = source.text
    if subject.mention is not None:
        text = f"{text[: subject.mention.start]}the {presentation}{text[subject.mention.end :]}"
    text = fit_pronouns(text, presentation, keep_gendered=_names_opposite(subject, presentation))
    return f"A {presentation} appears in the scene. {_closed(_capital(text))} {life_of(source.text)}"
