"""Changing one thing in a prompt of the user's and leaving every other word of it alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from agent.planner.clauses import closed, main_verb
from agent.planner.language import sentences, words_of
from agent.planner.phrases import Token, noun_phrases, tag
from agent.planner.scene import Role, inner, role_of
from agent.planner.subject import subject_of, without_framing
from agent.planner.verbs import inflected, verb
from agent.planner.words import Lexicon, either, lexicon, listed, moods, singular
from tools.contracts import Presentation

_BREAKS = {"as", "while", "when", "then", "but", "because", "until", "so", "before", "after"}
_TIES = {",", "and", "or", "while", "as", "who", "that", "which", "then", "but"}
_CARRIES = {"adverb", "pronoun", "verb", "conjunction"}
_STILL = {"across", "through", "along", "over", "down", "up", "into", "to", "towards", "toward", "past", "around"}


@dataclass(frozen=True)
class Part:
    """A noun phrase of a prompt, and what it shows.

    ``start`` is where the word that leads it begins ("in", "wearing"), ``noun`` where its determiner does.
    """

    text: str
    role: Role | None
    lead: str
    start: int
    noun: int
    end: int


@cache
def _lead() -> re.Pattern[str]:
    leads = either(*listed("refine.wearing"), *listed("function.prepositions"))
    determiners = either(*listed("function.determiners"))
    return re.compile(
        rf"(?:(?<![\w-])(?P<lead>(?:from\s+)?(?:{leads}))\s+)?(?:(?<![\w-])(?:{determiners})\s+)?$",
        re.IGNORECASE,
    )


def parts(text: str) -> list[Part]:
    """The noun phrases of a text in order; quotations and framing phrases are none."""
    found = []
    for phrase in noun_phrases(tag(without_framing(text))):
        if '"' in phrase.text:
            continue
        before = _lead().search(text[: phrase.start])
        assert before is not None  # the pattern matches nothing at all, too
        lead = before["lead"] or ""
        noun = before.end("lead") + 1 if lead else before.start()
        found.append(Part(phrase.text, role_of(inner(phrase)), lead.lower(), before.start(), noun, phrase.end))
    return found


def _joined(before: str, after: str) -> str:
    """Two halves of a text from between which something went."""
    before, after = before.rstrip(), after.lstrip()
    if before.endswith(",") and after.startswith(","):
        after = after[1:].lstrip() if main_verb(tag(before)) else after
        before = before if after[:1] != "," else before[:-1]
        after = after.removeprefix(",").lstrip() if not before.endswith(",") else after
    if not after or after[0] in ".;!?":
        before = before.rstrip(" ,")
    return f"{before}{'' if not before or after[:1] in {',', '.', ';', '!', '?', ''} else ' '}{after}"


def without(text: str, part: Part) -> str | None:
    """The text without a part; ``None`` where the sentence hangs on it ("climbs a mountain")."""
    after = text[part.end :]
    after = re.sub(r"^\s+on (?:her|his|their|my|the) (?:face|lips|head)\b", "", after)
    tied = re.match(r"\s*(?:,\s*and|,|and|or)\s+", after)
    follows = part.end + tied.end() if tied else -1
    if part.lead and tied and any(other.noun == follows and other.role == part.role for other in parts(text)):
        return text[: part.noun] + text[follows:]
    before = text[: part.start]
    if not part.lead:
        tie = re.search(r"(?:,|\s)\s*(?:and|or)?\s*$", before)
        if tie is None or not re.search(r",|and|or", tie.group()):
            return None
        before = before[: tie.start()]
    return _joined(before, after)


def instead_of(text: str, part: Part, phrase: str, led: bool = False) -> str:
    """The text with ``phrase`` where a part was; ``led`` says that the phrase brings its own preposition."""
    return text[: part.start if led else part.noun] + phrase + text[part.end :]


def _first_sentence(text: str) -> str:
    return (sentences(text) or [text])[0]


def _act(text: str) -> tuple[Sequence[Token], Token | None]:
    tokens = tag(without_framing(_first_sentence(text)))
    return tokens, main_verb(tokens)


def clause_end(text: str) -> int:
    """Where the clause of what the subject does ends: before a comma, an "as", or an "and" with a verb after it."""
    tokens, main = _act(text)
    begun = tokens.index(main) + 1 if main else 0
    for index in range(max(begun, 1), len(tokens)):
        token, following = tokens[index], tokens[index + 1] if index + 1 < len(tokens) else None
        acts_next = token.low in {"and", "or"} and following is not None and following.tag in {"verb", "adverb"}
        if token.tag == "stop" or token.low in _BREAKS or acts_next:
            return tokens[index - 1].end
    return len(_first_sentence(text).rstrip(" .!?;,"))


def inserted(text: str, phrase: str) -> str:
    """The text with a phrase at the end of what the subject does: "walks *at night*, smiling"."""
    at = clause_end(text)
    return f"{text[:at]} {phrase}{text[at:]}".strip()


def after_subject(text: str, phrase: str, presentation: Presentation) -> str:
    """The text with a phrase right behind its subject: "A woman *in a red dress* walks"."""
    mention = subject_of(text, presentation).mention
    if mention is None or mention.kind in {"first person", "she", "he"}:
        return inserted(text, phrase)
    return f"{text[: mention.end]} {phrase}{text[mention.end :]}"


def appended(text: str, sentence: str) -> str:
    return f"{closed(text)} {sentence}"


def continued(text: str, participle: str) -> str:
    """The text with what else happens, as a participle that shares its subject: "surfing at dawn, *smiling*"."""
    at = len(_first_sentence(text).rstrip(" .!?;,"))
    return f"{text[:at]}, {participle}{text[at:]}"


def _segments(text: str) -> Iterator[tuple[int, int]]:
    """The clauses between stops, as places in the text."""
    start = 0
    for token in tag(text):
        if token.tag == "stop":
            yield start, token.start
            start = token.end
    yield start, len(text)


def without_camera(text: str) -> str:
    """The text without the clauses that move the camera; a text that is nothing else stays."""
    moves = lexicon("verbs.camera_moves")
    for start, end in reversed(list(_segments(text))):
        clause = text[start:end]
        if re.search(r"\bcamera\b", clause, re.IGNORECASE) and (
            moves.matches(clause) or verb_in(clause, "refine.camera")
        ):
            rest = _joined(text[:start].rstrip(" ,"), text[end:])
            text = rest.strip(" .,;") + rest[len(rest.rstrip(" .,;")) :] if words_of(rest) else text
    return text


def verb_in(text: str, name: str) -> bool:
    """Whether a text holds any form of the verbs of a list."""
    bases = {entry.split()[0] for entry in listed(name)}
    return any((known := verb(word)) is not None and known.base in bases for word in words_of(text))


PACES = ("very slowly", "slowly", "", "quickly", "very quickly")


def pace_of(text: str) -> int:
    """Where the text stands in ``PACES``."""
    slow, fast = lexicon("refine.slow").find(text), lexicon("refine.fast").find(text)
    strong = re.search(r"\bvery (?:slow|quick|fast)", text, re.IGNORECASE) is not None
    return 2 + (bool(fast) - bool(slow)) * (2 if strong else 1)


def paced(text: str, pace: str) -> str:
    """The text with an adverb of pace before its first act and no other; the camera keeps its own."""
    words = lexicon("refine.slow", "refine.fast")
    for start, end in reversed(list(_segments(text))):
        clause = text[start:end]
        if "camera" not in clause.lower():
            bare = re.sub(rf"(?:\bvery\s+)?{words.pattern.pattern}", " ", clause, flags=re.IGNORECASE)
            text = text[:start] + (re.sub(r"\s+", " ", bare).rstrip() if bare != clause else clause) + text[end:]
    text = text.strip()
    if not pace:
        return text
    _, main = _act(text)
    if main is None:
        return inserted(text, f"moving {pace}")
    auxiliary = main.low in lexicon("verbs.auxiliaries").entries
    at = main.end if auxiliary else main.start
    return f"{text[:at]} {pace}{text[at:]}" if auxiliary else f"{text[:at]}{pace} {text[at:]}"


def acting(text: str, base: str, what: str = "") -> list[Token]:
    """Where a text does what a verb says, in any of its forms, and in the same clause what it is done to."""
    head = words_of(what)[-1:]
    clauses = {end: text[start:end] for start, end in _segments(text)}
    found = [token for token in tag(text) if token.tag == "verb" and token.verb and token.verb.base == base]
    return [
        token
        for token in found
        if not head or head[0] in words_of(next(clause for end, clause in clauses.items() if end >= token.end))
    ]


def main_act(text: str) -> str | None:
    """The base of the verb that says what the subject does; ``None`` where there is none, or none that is known."""
    _, main = _act(text)
    return main.verb.base if main and main.verb else None


def acted_instead(text: str, old: str, new: str, rest: str) -> str:
    """The text with one verb for another, in the same form; ``rest`` takes the place of what hung on the old one."""
    for token in reversed(acting(text, old)):
        assert token.verb is not None
        form = inflected(new, token.verb.form)
        end = max(clause_end(text), token.end) if rest else token.end
        text = text[: token.start] + form + (f" {rest}" if rest else "") + text[end:]
    return text


def without_act(text: str, base: str) -> str:
    """The text without what a verb says: its clause goes, and a subject that does nothing else stands."""
    while found := acting(text, base):
        shorter = _without_clause(text, found[-1])
        if len(acting(shorter, base)) >= len(found):
            return shorter
        text = shorter
    return text


def _without_clause(text: str, act: Token) -> str:
    tokens = tag(text)
    index = next(i for i, token in enumerate(tokens) if token.start == act.start)
    if (main := _act(text)[1]) is not None and main.start == act.start:
        return _stilled(text, tokens, index)
    first = index
    while first > 0 and (tokens[first - 1].tag in _CARRIES or tokens[first - 1].text in _TIES):
        first -= 1
        if tokens[first].text in _TIES and not (first > 0 and tokens[first - 1].text == ","):
            break
    last = index
    while last + 1 < len(tokens):
        following = tokens[last + 1]
        after = tokens[last + 2] if last + 2 < len(tokens) else None
        if following.tag == "stop" or following.low in _BREAKS:
            break
        if following.low == "and" and after is not None and after.tag in {"verb", "adverb"}:
            break
        last += 1
    return _joined(text[: tokens[first].start], text[tokens[last].end :])


def _stilled(text: str, tokens: Sequence[Token], index: int) -> str:
    """The subject stands where it moved: "walks across the pad" to "stands still at the pad"."""
    act = tokens[index]
    assert act.verb is not None
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    stands = f"{inflected('stand', act.verb.form)} still"
    if following is not None and following.low in _STILL:
        return f"{text[: act.start]}{stands} at{text[following.end :]}"
    bare = following is None or following.tag in {"stop", "preposition", "conjunction", "adverb"}
    return text[: act.start] + stands + text[act.end if bare else max(clause_end(text), act.end) :]


def emotion_of(text: str) -> Lexicon | None:
    """The words of the emotion that a text shows; ``None`` where it shows none that a face could drop."""
    return next((mood.words for mood in moods() if mood.emotion and mood.words.matches(text)), None)


def without_words(text: str, words: Lexicon) -> str:
    """The text without the words of a list: verbs with their clause, nouns with what leads them, others alone."""
    for _ in range(len(words.find(text))):
        found = words.find(re.sub(r'"[^"]*"', " ", text))
        if not found:
            break
        text = _without_word(text, found[0])
    return text


def _without_word(text: str, word: str) -> str:
    token = next((token for token in tag(text) if token.low == word), None)
    if token is not None and token.verb is not None:
        return without_act(text, token.verb.base)
    part = next((part for part in parts(text) if word in words_of(part.text)), None)
    rest = without(text, part) if part is not None and words_of(part.text)[-1] == word else None
    if rest is not None:
        return rest
    bare = re.sub(rf"(?<![\w-])(?:very\s+)?{re.escape(word)}(?![\w-])", "", text, count=1, flags=re.IGNORECASE)
    return mended(bare)


def mended(text: str) -> str:
    """The text with its spaces and its articles put right after a word went."""
    text = re.sub(r"\s+([,.;!?])", r"\1", " ".join(text.split()))
    text = re.sub(r"(?i)\b(a)n(?=\s+[bcdfgjklmnpqrstvwxyz])", r"\1", text)
    return re.sub(r"(?i)\b(a)(?=\s+[aeio]\w)", r"\1n", text)


def framed(text: str, framing: str) -> str:
    """The text with a framing where it had none."""
    return continued(text, f"in a {framing}")


def bare(text: str) -> str:
    """Words without the determiner before them."""
    return re.sub(rf"^(?:{either(*listed('function.determiners'))})\s+", "", text)


def plural(text: str) -> bool:
    """Whether a noun phrase names more than one thing."""
    last = words_of(text.split(" of ")[0])[-1]
    return singular(last) != last


def relit(text: str, phrase: str, group: Lexicon) -> str:
    """The text with one time, weather or light for all others of its group."""
    old = [part for part in parts(text) if part.role == "time" and group.ends(part.text)]
    if old and old[0].lead:
        return mended(f"{_unlit(text[: old[0].start], group)} {phrase}{_unlit(text[old[0].end :], group)}")
    return inserted(mended(_unlit(text, group)), phrase)


def _unlit(text: str, group: Lexicon) -> str:
    for part in reversed(parts(text)):
        last = words_of(part.text)[-1]
        if part.role == "time" and group.ends(part.text):
            text = without(text, part) or text
        elif part.role and any(word in group.entries and word != last for word in words_of(part.text)):
            plain = " ".join(word for word in text[part.noun : part.end].split() if word.lower() not in group.entries)
            text = text[: part.noun] + plain + text[part.end :]
    return text


def moved(text: str, phrase: str) -> str:
    """The text with one place for the first that it names; others that a preposition leads go."""
    old = [part for part in parts(text) if part.role == "place" and part.lead]
    if not old:
        return inserted(text, phrase)
    new = instead_of(text, old[0], phrase, led=True)
    for part in reversed([part for part in parts(new) if part.role == "place" and part.lead]):
        if part.start > old[0].start + len(phrase):
            new = without(new, part) or new
    return mended(new)
