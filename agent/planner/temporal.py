"""The Temporal Prompt Polisher: the whole prompt as one shot that starts with the subject, and the face kept alive."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.planner.clauses import agreeing, capital, closed, main_verb, predicate, uncapitalised
from agent.planner.language import Source, sentences, words_of
from agent.planner.phrases import tag
from agent.planner.pronouns import fit_pronouns
from agent.planner.scene import life_of
from agent.planner.subject import Mention, Subject, with_article
from agent.planner.temporal_checks import longest_temporal
from agent.planner.words import lexicon
from tools.contracts import Presentation
from tools.framing import framing_phrases

_ENDS_OPEN = re.compile(
    r"(?i)\b(?:on|onto|at|around|over|behind|beside|near|past|towards?|follows?|following|shows?|showing|tracks?|reveals?|of|to|"
    r"circles?|orbits?|surrounds?|frames?|hits?|lights?|illuminates?)$"
)


_PRESENTS = re.compile(r"(?i)(?:^|[\s,]+)(?:(?:and|where|but)\s+)?(?:it|this|that|here)(?:\s+(?:is|was)|'s)$")
"""What introduces the subject without saying more: "…, and it is" before "me"."""


@dataclass(frozen=True)
class _Opening:
    """The sentence with the subject in it, cut at the subject: what stood before, and what the subject does."""

    before: str
    after: str


def _opening_of(sentence: str, at: int, until: int) -> _Opening:
    return _Opening(sentence[:at].strip(), sentence[until:].rstrip(" .!?;"))


def _whole(opening: _Opening, subject: str, target: str, agree: bool) -> str:
    """The sentence turned so that the subject comes first; nothing that stood before it is lost."""
    before, after = _PRESENTS.sub("", opening.before), opening.after
    after = re.sub(r"^\s*(?:as|while)\s+(?:she|he|they|i|the (?:woman|man|person))\s+", " ", after) if before else after
    if not before.strip(" ,"):
        return predicate(subject, after, agree)
    paired = re.fullmatch(r"(.*\S)\s+and", before)
    if paired and not any(token.tag == "verb" for token in tag(paired.group(1))):
        return f"{subject.rstrip(',')} and {uncapitalised(paired.group(1))}{after}"
    held = re.fullmatch(r"(.*\S?)\s+(as|while|when)", before)
    if held:
        return f"{predicate(subject, after, agree)}, {held.group(2)} {uncapitalised(held.group(1))}"
    tokens = tag(before)
    acts = any(token.tag == "verb" and not token.low.endswith(("ing", "ed")) and token.low != "lit" for token in tokens)
    participial = bool(tokens) and tokens[0].tag == "verb" and tokens[0].low.endswith("ing")
    clause = bool(tokens) and tokens[0].low in {"as", "while", "when", "after", "before"}
    if tokens and (clause or ((tokens[0].tag == "preposition" or participial) and not acts)):
        lead = uncapitalised(before.strip(" ,"))
        if not _ENDS_OPEN.search(lead):
            return f"{predicate(subject, after, agree)}, {lead}"
    rest = re.sub(r"(?i)(?:[\s,]*\b(?:with|and|where|featuring|just|only|but|then))+$", "", before.strip(" ,"))
    if _ENDS_OPEN.search(rest):
        rest = f"{rest} {target}"
    return f"{predicate(subject, after, agree)}. {capital(rest)}" if rest else predicate(subject, after, agree)


def _without_mention(text: str, subject: str) -> str:
    """A prompt that names nobody: its action given to the subject, or its scene set around them."""
    text = text.strip(" ,.")
    tokens = [token for token in tag(text) if token.tag != "adverb"]
    words = words_of(text)
    if not tokens or not words:
        return f"{subject} looks around slowly{', ' + uncapitalised(text) if words else ''}"
    if len(words) == 1 and lexicon("function.adjectives").entries & set(words):
        return f"{subject} looks {words[0]}"
    first = tokens[0]
    form = "ing" if first.low.endswith("ing") and first.tag == "verb" else (first.verb.form if first.verb else None)
    if form == "base":
        return f"{subject} {uncapitalised(agreeing(text, first.start))}"
    if form in {"ing", "third", "past"}:
        return predicate(subject, f" {uncapitalised(text)}", agree=False)
    acting = main_verb(tag(text))
    takes_scene = first.tag == "preposition" or (acting is not None and acting.low.endswith("ing"))
    if takes_scene and acting is not None:
        joint = " " if first.tag == "preposition" else ", "
        return predicate(subject, f"{joint}{uncapitalised(text)}", agree=False)
    if acting is None:
        joint = "" if first.tag == "preposition" else "amid "
        return f"{subject} looks around slowly, {joint}{uncapitalised(text)}"
    return f"{subject} looks around slowly. {capital(text)}"


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
        return f"A {presentation}: {closed(source.text)} {life_of('')}"
    body, framing = _framing_lead(source.text)
    body = _told(source.text, body, subject, presentation)
    life = life_of(source.text)
    closing = [framing] if framing else []
    grown = " ".join([closed(body), *closing, life])
    if len(words_of(grown)) > longest_temporal(source.text) and lexicon("face.dynamics").matches(body):
        grown = " ".join([closed(body), *closing])
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
        if _owns(mention, opening.after):
            opening = _Opening(opening.before, f"'s{opening.after}")
        agree = mention.kind == "first person" or mention.plural
        told = [_whole(opening, name, target, agree), *pieces[:index], *pieces[index + 1 :]]
    told = [closed(capital(piece)) for piece in told if words_of(piece)]
    return fit_pronouns(" ".join(told), presentation, keep_gendered=_names_opposite(subject, presentation))


def _owns(mention: Mention, after: str) -> bool:
    """Whether the mention is a possessive: "her hair"."""
    following = tag(after)[:1]
    return mention.noun in {"her", "his"} and bool(following) and following[0].tag in {"noun", "number"}


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
    mention = subject.mention
    if mention is not None and mention.kind not in {presentation, "role", "anyone"}:
        text = f"{text[: mention.start]}the {presentation}{text[mention.end :]}"
    text = fit_pronouns(text, presentation, keep_gendered=_names_opposite(subject, presentation))
    return f"A {presentation} appears in the scene. {closed(capital(text))} {life_of(source.text)}"
