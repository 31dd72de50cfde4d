"""From the words of a prompt to a painted scene and a garment: nothing but look-ups in ``vocabulary.toml``."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Setting:
    """Where and when: ``scene`` names a file in ``scenes/``, ``palette`` a table of ``palettes.toml``."""

    scene: str
    palette: str


@dataclass(frozen=True)
class Outfit:
    """What is worn: ``garment`` names a file in ``garments/``; ``colour`` and ``accent`` are ``#rrggbb``."""

    garment: str
    colour: str
    accent: str


def setting_of(prompt: str) -> Setting:
    """The scene and the light that the prompt names first; a plain backdrop by day where it names none."""
    words = _vocabulary()
    scene = _first_named(prompt, words["scenes"]) or "plain"
    palette = _first_named(prompt, words["palettes"]) or words["usual_palette"].get(scene, "day")
    return Setting(scene, palette)


def outfit_of(prompt: str) -> Outfit:
    """The garment that the prompt names first, in the colour written before it, else in its usual colours."""
    words = _vocabulary()
    named = _first_match(prompt, words["garments"])
    garment = named[0] if named else "plain"
    usual = words["usual_colours"][garment]
    colour = _colour_before(prompt, named[1].start()) if named else None
    return Outfit(garment, colour or usual["colour"], usual["accent"])


@cache
def _vocabulary() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text("utf-8"))


def _first_named(prompt: str, phrases: dict[str, list[str]]) -> str | None:
    found = _first_match(prompt, phrases)
    return found[0] if found else None


def _first_match(prompt: str, phrases: dict[str, list[str]]) -> tuple[str, re.Match[str]] | None:
    """The earliest phrase in the prompt, the longest of those that start together, with the name it stands for."""
    found = [(name, match) for name, listed in phrases.items() if (match := _pattern(tuple(listed)).search(prompt))]
    return min(found, key=lambda each: (each[1].start(), -each[1].end()), default=None)


@cache
def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(phrases, key=len, reverse=True)
    listed = "|".join(re.escape(phrase).replace(r"\ ", r"[\s-]+") for phrase in longest_first)
    return re.compile(rf"(?<![\w-])(?:{listed})(?:e?s)?(?![\w])", re.IGNORECASE)


def _colour_before(prompt: str, position: int) -> str | None:
    """The colour named nearest before ``position`` in the same clause ("a long red evening dress")."""
    clause = re.split(r"[,.;]|\b(?:and|with|in)\b", prompt[:position])[-1]
    colours: dict[str, str] = _vocabulary()["colours"]
    last = None
    for match in _pattern(tuple(colours)).finditer(clause):
        last = match.group().lower()
    return colours.get(last) if last else None
