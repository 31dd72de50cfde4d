"""SVG drawings in named groups, whose colours are placeholders: the rules of their style block."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import numpy as np
import resvg_py
from PIL import Image

from tools.contracts import RGBAImage

_SVG = "{http://www.w3.org/2000/svg}"
_RULE = re.compile(r"\.([\w-]+)\s*\{([^}]*)\}")

Repaint = Callable[[str, str], str]
"""From the name of a class and its declarations to the new declarations."""


class View(NamedTuple):
    """A rectangle in the units of a drawing."""

    x: float
    y: float
    width: float
    height: float


class Drawing:
    """One SVG file; its children are groups, of which each layer or part is one."""

    def __init__(self, svg: str) -> None:
        self._root = ET.fromstring(svg)

    @classmethod
    def read(cls, path: Path) -> Drawing:
        return cls(path.read_text("utf-8"))

    def repainted(self, repaint: Repaint) -> Drawing:
        """The drawing with every rule of its style block written anew."""
        drawing = deepcopy(self)
        for style in drawing._root.iter(f"{_SVG}style"):
            style.text = _RULE.sub(lambda rule: f".{rule[1]} {{{repaint(rule[1], rule[2])}}}", style.text or "")
        return drawing

    @property
    def whole(self) -> View:
        return View(*map(float, self._root.attrib["viewBox"].split()))

    @property
    def groups(self) -> list[str]:
        return [group.attrib["id"] for group in self._root.findall(f"{_SVG}g")]

    def said(self, name: str, default: str) -> str:
        """What the drawing says of itself in its attribute ``data-name``."""
        return self._root.get(f"data-{name}", default)

    def number(self, name: str) -> float:
        return float(self._root.attrib[f"data-{name}"])

    def rectangle(self, name: str) -> View:
        """The mark with the id ``name``, a ``rect``."""
        mark = self._marked(name)
        return View(*(float(mark.attrib[side]) for side in ("x", "y", "width", "height")))

    def point(self, name: str) -> tuple[float, float]:
        """The middle of the mark with the id ``name``, a ``circle``."""
        mark = self._marked(name)
        return float(mark.attrib["cx"]), float(mark.attrib["cy"])

    def render(self, group: str, view: View, size: tuple[int, int]) -> RGBAImage:
        """One group alone, ``view`` of it stretched over ``size`` pixels."""
        root = deepcopy(self._root)
        for other in root.findall(f"{_SVG}g"):
            if other.get("id") != group:
                root.remove(other)
        root.attrib.update(viewBox=" ".join(map(str, view)), width=str(size[0]), height=str(size[1]))
        root.set("preserveAspectRatio", "none")
        png = resvg_py.svg_to_bytes(svg_string=ET.tostring(root, "unicode"), skip_system_fonts=True)
        return np.array(Image.open(io.BytesIO(bytes(png))).convert("RGBA"))

    def _marked(self, name: str) -> ET.Element:
        return next(element for element in self._root.iter() if element.get("id") == name)
