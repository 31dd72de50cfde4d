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
    scene, _ = _named(prompt, "scenes", "scene_hints") or ("plain", None)
    palette, _ = _named(prompt, "palettes", "palette_hints") or (vocabulary()["usual_palette"].get(scene, "day"), None)
    return Setting(scene, palette)


def outfit_of(prompt: str) -> Outfit:
    """The garment that the prompt names first, in the colour that it is written with, else in its usual colours."""
    garment, match = _named(prompt, "garments", "garment_hints") or ("plain", None)
    usual = vocabulary()["usual_colours"][garment]
    colour = (_colour_before(prompt, match.end()) if match else None) or _colour_worn(prompt)
    return Outfit(garment, colour or usual["colour"], usual["accent"])


@cache
def vocabulary() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text("utf-8"))


def _named(prompt: str, *tables: str) -> tuple[str, re.Match[str]] | None:
    """The name whose phrase comes first in the prompt, and that phrase, by the first table that holds one."""
    for table in tables:
        phrases: dict[str, list[str]] = vocabulary()[table]
        found = [(name, match) for name, listed in phrases.items() if (match := _pattern(tuple(listed)).search(prompt))]
        if found:
            return min(found, key=lambda each: (each[1].start(), -each[1].end()))
    return None


@cache
def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(phrases, key=len, reverse=True)
    listed = "|".join(re.escape(phrase).replace(r"\ ", r"[\s-]+") for phrase in longest_first)
    return re.compile(rf"(?<![\w-])({listed})(?:e?s)?(?![\w])", re.IGNORECASE)


def _colour_before(prompt: str, position: int) -> str | None:
    """The colour named last before ``position`` in the same clause ("a long red evening dress")."""
    colours = _colours(re.split(r"[,.;]|\b(?:and|with|in|who|wears|wearing)\b", prompt[:position])[-1])
    return colours[-1] if colours else None


def _colour_worn(prompt: str) -> str | None:
    """The colour that comes first in the clause after "wearing"."""
    worn = _pattern(tuple(vocabulary()["worn"]["words"])).search(prompt)
    colours = _colours(re.split(r"[,.;]|\bwith\b", prompt[worn.end() :])[0]) if worn else []
    return colours[0] if colours else None


def _colours(clause: str) -> list[str]:
    colours: dict[str, str] = vocabulary()["colours"]
    return [colours[re.sub(r"[\s-]+", " ", name.lower())] for name in _pattern(tuple(colours)).findall(clause)]
