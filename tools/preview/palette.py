"""The light of a time of day or a weather, laid on the paint of a scene."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Place = Literal["outdoors", "indoors", "void"]
"""Where a scene plays: only outdoors are there air and weather; a void is lit like the outdoors."""
Falling = Literal["rain", "snow"]

HEX = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Palette:
    """One table of ``palettes.toml``, which says what its entries mean."""

    light: str
    indoors: str
    veil: str
    veiled: float
    colours: dict[str, str]
    shown: dict[str, float]
    falling: Falling | None = None

    def repaint(self, name: str, rule: str, place: Place) -> str:
        """The declarations of a scene's class ``name`` in this light; ``lit-`` classes are light of their own."""
        if name in self.shown:
            return f"opacity: {self.shown[name]}" if self.shown[name] else "display: none"
        if name in self.colours:
            return recoloured(rule, lambda _: self.colours[name])
        if name.startswith("lit-"):
            return rule
        light = self.indoors if place == "indoors" else self.light
        veiled = self.veiled if place == "outdoors" else 0.0
        return recoloured(rule, lambda paint: mixed(_under(paint, light), self.veil, veiled))


@cache
def palettes() -> dict[str, Palette]:
    tables = tomllib.loads(Path(__file__).with_name("palettes.toml").read_text("utf-8"))
    return {name: Palette(**table) for name, table in tables.items()}


def recoloured(rule: str, colour: Callable[[str], str]) -> str:
    """The declarations with every ``#rrggbb`` in them replaced."""
    return HEX.sub(lambda match: colour(match.group()), rule)


def mixed(colour: str, other: str, amount: float) -> str:
    """``colour`` with ``amount`` of ``other`` in it, 0 to 1."""
    return _hex(a + (b - a) * amount for a, b in zip(_rgb(colour), _rgb(other), strict=True))


def _under(paint: str, light: str) -> str:
    return _hex(a * b / 255 for a, b in zip(_rgb(paint), _rgb(light), strict=True))


def _rgb(colour: str) -> bytes:
    return bytes.fromhex(colour[1:])


def _hex(rgb: Iterable[float]) -> str:
    return "#" + bytes(map(round, rgb)).hex()
