"""What a temporal prompt asks for: how the person moves, where they look, what the camera does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Move = Literal["across", "towards", "bob", "turn"]
CameraMove = Literal["push in", "pull out", "pan left", "pan right", "follow"]


@dataclass(frozen=True)
class Motion:
    """``pace`` is in steps or beats a second, at the usual ``tempo`` of 1, ``depth`` how far a bob goes (a fraction of
    the picture's height).

    ``heading`` is -1 for the left of the picture, 1 for the right, 0 where the prompt does not say.
    ``look`` is where the face turns, right and up, each -1 to 1.
    """

    move: Move
    pace: float
    tempo: float
    depth: float
    heading: int
    camera: CameraMove
    look: tuple[float, float]
    smile: bool


_GOING = r"walk|stroll|strid|step|march|wander|hik|run|sprint|jog|rac|rush|com|mov|head"
_TOWARDS = re.compile(
    rf"\b(?:{_GOING})\w*\b[^.;]{{0,40}}?\b(?:towards?|up to)\s+(?:the\s+)?(?:camera|viewer|lens|us\b)"
    r"|\bapproach(?:es|ing)?\b|\bcom(?:es|ing)\s+closer\b",
    re.IGNORECASE,
)


def _verbs(*stems: str) -> re.Pattern[str]:
    """The stems with the endings of English verbs, but not as the name of a thing ("running track")."""
    things = r"\s+(?:boots|club|floor|pole|shirt|shoes|stick|suit|track|trousers)\b"
    return re.compile(rf"\b(?:{'|'.join(stems)})(?:e?s|ing|ed)?\b(?!{things})", re.IGNORECASE)


# fmt: off
_MOVES: tuple[tuple[re.Pattern[str], Move, float, float], ...] = (
    (_verbs("run", "runn", "sprint", "rush", "race", "rac", "dash"), "across", 2.5, 0.02),
    (_verbs("walk", "stroll", "wander", "march", "stride", "strid", "hike", "hik", "step"), "across", 1.5, 0.012),
    (_verbs("skate", "skat", "ski", "surf", "glide", "glid", "cross"), "across", 0.8, 0.008),
    (_verbs("dance", "danc", "jump", "bounce", "bounc", "hop", "hopp", "celebrate", "celebrat"), "bob", 1.7, 0.024),
    (_verbs("jog", "jogg", "cycle", "cycl", "pedal", "row", "climb"), "bob", 2.2, 0.018),
    (_verbs("ride", "rid", "drive", "driv", "sail", "swim", "swimm", "play", "drum", "strum"), "bob", 1.2, 0.014),
    (_verbs("talk", "speak", "sing", "laugh", "work", "type", "typ", "cook", "eat", "gestur"), "bob", 0.7, 0.006),
)
# fmt: on
"""Verbs, the move that they ask for, its pace and its depth. Any other verb is a turn of the head."""

_CAMERA: dict[CameraMove, re.Pattern[str]] = {
    "pull out": re.compile(r"\b(?:pull|zoom|doll|track|mov)\w*\s+(?:slowly\s+)?(?:out|back|away)\b", re.IGNORECASE),
    "push in": re.compile(r"\b(?:push|zoom|doll)\w*\s+(?:slowly\s+)?(?:in|closer)\b", re.IGNORECASE),
    "pan left": re.compile(r"\bpan\w*\s+(?:\w+\s+){0,4}?left\b", re.IGNORECASE),
    "pan right": re.compile(r"\bpan(?:s|ning)?\b", re.IGNORECASE),
    "follow": re.compile(r"\b(?:camera|shot)\s+(?:\w+\s+)?(?:follow|track)|\btracking shot\b", re.IGNORECASE),
}
"""In the order in which they are looked for."""

_TO_RIGHT = re.compile(r"\b(?:to|towards?)\s+the\s+right\b|\bleft\s+to\s+right\b|\brightwards?\b", re.IGNORECASE)
_TO_LEFT = re.compile(r"\b(?:to|towards?)\s+the\s+left\b|\bright\s+to\s+left\b|\bleftwards?\b", re.IGNORECASE)
_LOOKS = r"\b(?:look|gaz|glanc|star|turn|eyes|head|face)\w*\b[^.;,]{0,24}?\b"
_LOOK_UP = re.compile(rf"{_LOOKS}(?:up|upwards?|sky|ceiling|stars|above)\b", re.IGNORECASE)
_LOOK_DOWN = re.compile(rf"{_LOOKS}(?:down|downwards?|ground|below)\b", re.IGNORECASE)
_LOOK_LEFT = re.compile(rf"{_LOOKS}left\b", re.IGNORECASE)
_LOOK_RIGHT = re.compile(rf"{_LOOKS}right\b", re.IGNORECASE)
_SMILE = re.compile(r"(?<!faint )\b(?:smil|grin|laugh|beam|happ|joy|cheer|delight)\w*", re.IGNORECASE)


_SLOWLY = re.compile(
    r"\b(?:slow(?:ly|er)?|gently|calmly|leisurely|unhurried(?:ly)?|languidly|in slow motion)\b", re.IGNORECASE
)
_QUICKLY = re.compile(r"\b(?:quick(?:ly|er)?|fast(?:er)?|briskly|rapidly|hurried(?:ly)?|swiftly)\b", re.IGNORECASE)
_OF_CAMERA = re.compile(r"\b(?:camera|shot|zoom|pan|pull|push|doll)\w*\b[^.;,]*", re.IGNORECASE)
SLOW, QUICK = 0.6, 1.4


def motion_of(prompt: str) -> Motion:
    """The move of the first verb that is known, or a turn of the head; a slow push in unless a camera move is named."""
    found = [(m.start(), move, pace, depth) for verbs, move, pace, depth in _MOVES if (m := verbs.search(prompt))]
    _, move, pace, depth = min(found, default=(0, "turn", 0.0, 0.0))
    if _TOWARDS.search(prompt):
        move, pace, depth = "towards", max(pace, 1.4), max(depth, 0.012)
    named = next((name for name, pattern in _CAMERA.items() if pattern.search(prompt)), None)
    return Motion(
        move=move,
        pace=pace,
        tempo=_tempo(_OF_CAMERA.sub("", prompt)),
        depth=depth,
        heading=_sign(_TO_RIGHT.search(prompt), _TO_LEFT.search(prompt)),
        camera=named or ("follow" if move == "across" else "push in"),
        look=(
            _sign(_LOOK_RIGHT.search(prompt), _LOOK_LEFT.search(prompt)),
            _sign(_LOOK_UP.search(prompt), _LOOK_DOWN.search(prompt)),
        ),
        smile=_SMILE.search(prompt) is not None,
    )


def _tempo(prompt: str) -> float:
    if _SLOWLY.search(prompt):
        return SLOW
    return QUICK if _QUICKLY.search(prompt) else 1.0


def _sign(positive: object, negative: object) -> int:
    return int(positive is not None) - int(negative is not None)
