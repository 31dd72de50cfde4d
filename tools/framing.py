"""The words for how close the camera is: what people write, and the four framings that they mean."""

from __future__ import annotations

import re

from tools.contracts import FRAMINGS, Framing

PHRASES: dict[Framing, tuple[str, ...]] = {
    "close-up": (
        "extreme close-up", "tight close-up", "close-up", "close up", "closeup", "headshot", "head shot",
        "head and shoulders", "close shot", "tight shot",
    ),
    "medium shot": (
        "medium close-up", "medium close up", "medium shot", "medium-shot", "mid shot", "mid-shot", "midshot",
        "half body shot", "half-body shot", "half body", "half-body", "waist-up", "waist up", "waist shot",
        "upper body", "upper-body", "bust shot", "chest-up", "chest up",
    ),
    "full shot": (
        "full body shot", "full-body shot", "full body", "full-body", "full-length shot", "full-length",
        "full length", "full shot", "head to toe", "head-to-toe", "medium wide shot", "medium long shot",
        "three-quarter shot", "knee shot", "american shot", "cowboy shot",
    ),
    "wide shot": (
        "extreme wide shot", "extreme long shot", "ultra wide shot", "ultra-wide shot", "very wide shot",
        "wide shot", "wide-shot", "wide angle shot", "wide-angle shot", "wide view", "long shot", "distant shot",
        "establishing shot", "aerial shot", "drone shot", "panoramic shot", "panorama",
    ),
}  # fmt: skip

_FRAMING_OF = {phrase: framing for framing, phrases in PHRASES.items() for phrase in phrases}
_ANY = re.compile(
    r"(?<![\w-])(" + "|".join(re.escape(p) for p in sorted(_FRAMING_OF, key=len, reverse=True)) + r")(?![\w-])",
    re.IGNORECASE,
)


def framing_phrases(text: str) -> list[str]:
    """Every framing phrase in the text, in order, as it was written."""
    return [match.group(1) for match in _ANY.finditer(text)]


def framing_of(text: str) -> Framing | None:
    """The framing that the last framing phrase of the text asks for, or ``None`` where there is none."""
    phrases = framing_phrases(text)
    return _FRAMING_OF[phrases[-1].lower()] if phrases else None


def reframed(text: str, framing: Framing) -> str:
    """The text with every framing phrase replaced by ``framing``."""
    return _ANY.sub(framing, text)


def closer(framing: Framing) -> Framing | None:
    """One step closer, or ``None`` for a close-up."""
    step = FRAMINGS.index(framing)
    return FRAMINGS[step - 1] if step else None
