"""The Spatial Semantic Parser: what the first frame shows, as comma phrases."""

from __future__ import annotations

import re

from agent.planner.language import Source, words_of
from agent.planner.scene import Shown, look_of, shown_in
from agent.planner.spatial_checks import clip_tokens
from agent.planner.subject import Subject, without_framing
from agent.planner.validators import Context, check_phrase, check_spatial
from tools.contracts import Presentation
from tools.framing import framing_phrases

LONGEST = 36
"""Words of a first spatial prompt: room for a revision within CLIP's 77 tokens, and one changed word still counts."""

MOST_CHOSEN = 9
"""Comma phrases between the subject, with what the user's own noun adds, and the framing: 12 in all."""

UNREAD_TOKENS = 32
"""CLIP tokens of a source in another language; half of what there is, the rest is for what revisions add."""

_SHARE = {"face": 3, "clothing": 3, "environment": 5}


def framing_words(source: Source) -> str:
    """The user's own framing phrase, the last where they named several; the paper's where they named none."""
    named = framing_phrases(source.text)
    return named[-1].lower() if named else "close-up"


def joined(phrases: list[str]) -> str:
    return ", ".join(phrases)


def _chosen(shown: Shown, look: str, context: Context) -> list[str]:
    """The phrases that fit, face first; from the end of the environment what does not fit goes."""
    said = {phrase.split()[-1] for phrase in shown.face}
    face = [*(part for part in look.split(", ") if part.split()[-1] not in said), *shown.face]
    groups = (("face", face), ("clothing", shown.clothing), ("environment", shown.environment))
    chosen: list[str] = []
    room = LONGEST - 6
    for name, phrases in groups:
        fitting = [phrase for phrase in phrases if not check_phrase(phrase, context)][: _SHARE[name]]
        for index, phrase in enumerate(fitting):
            size = len(words_of(phrase))
            keeps_room = 0 if name == "environment" else 6
            if index == 0 or size <= room - keeps_room:
                chosen.append(phrase)
                room -= size
    # a phrase such as "cold, bright morning" counts twice
    while joined(chosen).count(",") >= MOST_CHOSEN:
        chosen.pop()
    return chosen


def spatial_prompt(source: Source, subject: Subject, presentation: Presentation) -> str:
    """Starts with the subject and ends with one framing phrase.

    A prompt in a language that the lists cannot read is passed through between the two.
    """
    framing = framing_words(source)
    context = Context(source.text, presentation)
    if not source.english:
        return _passed_through(source, presentation, framing)
    shown = shown_in(source.text)
    alone = subject.mention is not None and not subject.mention.plural
    aside = [subject.aside.lower()] if alone and subject.aside else []
    aside = [phrase for phrase in aside if not check_phrase(phrase, context)]
    phrases = [f"a {presentation}", *aside, *_chosen(shown, look_of(source.text), context)]
    prompt = joined([*phrases, framing])
    if any(violation.code == "unchanged" for violation in check_spatial(prompt, context)):
        prompt = joined([*phrases, "soft even light", framing])
    return prompt


def _passed_through(source: Source, presentation: Presentation, framing: str) -> str:
    """As many of the source's words as leave a revision room within CLIP's tokens."""
    words = " ".join(re.sub(r"[^\w\s'-]", " ", without_framing(source.text)).split())
    while clip_tokens(words) > UNREAD_TOKENS:
        words = words[: len(words) * 9 // 10].rstrip()
    return joined([f"a {presentation}", *([words] if words else []), "natural expression", framing])
