"""A prompt made plain: one line, plain quotes, sentence case, no markup, and which language it is in."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from agent.planner.words import lexicon, listed
from tools.framing import framing_of

NOT_ENGLISH = "The prompt is not in English, which the rule-based planner reads; it was passed through as it is."

_PLAIN = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "…": ".", "–": ",", "—": ","}
)
_QUOTED = re.compile(r'"([^"]+)"|(?<!\w)\'([^\']{2,}?)\'(?!\w)')


@dataclass(frozen=True)
class Source:
    """``text`` is the prompt made plain; ``english`` says whether the word lists can read it."""

    text: str
    english: bool
    notes: tuple[str, ...] = ()


def quoted(text: str) -> list[str]:
    """What stands between quotation marks, in order, whatever the glyph."""
    return [double or single for double, single in _QUOTED.findall(text.translate(_PLAIN))]


def numbers(text: str) -> list[str]:
    """Every number written in digits."""
    return re.findall(r"\d+(?:[.,:]\d+)*", text)


def words_of(text: str) -> list[str]:
    """The words in lower case, hyphens and apostrophes kept."""
    return re.findall(r"[^\W_]+(?:['-][^\W_]+)*", text.lower())


def sentences(text: str) -> list[str]:
    """The sentences with their closing marks; a full stop inside quotation marks or a number ends none."""
    held = _QUOTED.sub(lambda match: re.sub(r"[.!?]", "\x00", match.group()), text)
    pieces, start = [], 0
    for match in re.finditer(r"[.!?;]+(?=\s|$)", held):
        pieces.append(text[start : match.end()].strip())
        start = match.end()
    return [piece for piece in (*pieces, text[start:].strip()) if words_of(piece)]


def ascii_fold(text: str) -> str:
    """Letters without their accents; what has no plain letter goes."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _pictograph(char: str) -> bool:
    return unicodedata.category(char) in {"So", "Sk", "Cs", "Co", "Cn", "Cf"} and char not in "^`"


def _without_pictographs(text: str) -> tuple[str, bool]:
    kept = "".join(" " if _pictograph(char) or ord(char) == 0xFE0F else char for char in text)
    return kept, kept != text


def _names_of_pictographs(text: str) -> str:
    names = (unicodedata.name(char, "").lower() for char in text if unicodedata.category(char) == "So")
    return ", ".join(name for name in names if name and "variation" not in name)


def _either(name: str) -> str:
    return "|".join(re.escape(entry) for entry in sorted(listed(name), key=len, reverse=True))


def _calm(text: str) -> str:
    """Sentence case for a prompt in capitals; quoted strings stay as they are."""
    letters = [char for char in _QUOTED.sub("", text) if char.isalpha()]
    if len(letters) < 4 or sum(char.isupper() for char in letters) < 0.7 * len(letters):
        return text
    parts, start = [], 0
    for match in _QUOTED.finditer(text):
        parts += [text[start : match.start()].lower(), match.group()]
        start = match.end()
    calm = "".join([*parts, text[start:].lower()])
    calm = re.sub(rf"\b(?:{_either('scene.proper')})\b", lambda match: match.group().title(), calm)
    return re.sub(r"(^|[.!?]\s+)([a-z])", lambda match: match.group(1) + match.group(2).upper(), calm)


def is_english(text: str) -> bool:
    """Whether the word lists can read a text: Latin letters, and no other language's small words in the majority."""
    letters = [char for char in text if char.isalpha()]
    if not letters:
        return True
    if sum(char.isascii() for char in letters) < 0.7 * len(letters):
        return False
    words = words_of(_QUOTED.sub(" ", text))
    english = sum(word in lexicon("language.english").entries for word in words)
    others = sum(word in lexicon("language.others").entries for word in words)
    return others == 0 or english >= others or (framing_of(text) is not None and english + 2 >= others)


def _named_as_me(text: str) -> str:
    """A saved identity ("@alice") is the person of the photo, as "me" is."""
    return re.sub(r"@[\w-]+", "me", re.sub(r"@[\w-]+'s\b", "my", text))


def _no_markup(text: str) -> str:
    text = re.sub(r"<[^<>]{0,40}>|[*_#`~|\\<>{}\[\]^]+", " ", text)
    return re.sub(r"(?i)\b(here is|here's)\b", "there is", text)


def _no_request(text: str) -> str:
    """Without the words that ask for a video ("make a video of …"); a prompt that is nothing else stays."""
    bare = re.sub(rf"(?i)^(?:(?:{_either('language.leads')})(?=[\s,:])[\s,:]*)+", "", text)
    bare = re.sub(rf"(?i)^(?:{_either('language.presents')})\s+(?=(?:an?|the)\s)", "", bare)
    return bare if words_of(bare) else text


def _one_shot(text: str) -> str:
    return re.sub(rf"(?i)\b(?:and\s+)?(?:then\s+)?(?:{_either('language.cuts')})\b", "then", text)


@lru_cache(maxsize=64)
def read(prompt: str) -> Source:
    """The prompt made plain. Never empty for a prompt with a letter or a picture in it."""
    text = "".join(" " if unicodedata.category(char) == "Cc" else char for char in prompt)
    text = unicodedata.normalize("NFC", text).translate(_PLAIN)
    plain, pictures = _without_pictographs(text)
    notes = []
    if pictures and words_of(plain):
        notes.append("Emoji and symbols were left out of the prompts.")
    elif pictures:
        plain = _names_of_pictographs(text) or plain
        notes.append("The prompt holds only emoji; they were read by their Unicode names.")
    plain = _QUOTED.sub(lambda match: f'"{match.group(1) or match.group(2)}"', plain)
    plain = " ".join(_one_shot(_no_markup(plain)).split())
    plain = re.sub(r"\s+([,.;:!?])", r"\1", plain)
    plain = re.sub(r"([,.;:!?])(?:\s*[,.;:!?])+", r"\1", plain)
    plain = _calm(_named_as_me(plain.strip(" ,;:-")))
    english = is_english(plain)
    plain = _no_request(plain) if english else plain
    if not english:
        notes.append(NOT_ENGLISH)
    return Source(plain, english, tuple(notes))
