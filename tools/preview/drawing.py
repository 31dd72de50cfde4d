"""Scenes and garments from their SVG files, in the colours of a palette or of a prompt, as layers of pixels.

``docs/scenes.md`` says how the files are made.
"""

from __future__ import annotations

import io
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import numpy as np
import resvg_py
from PIL import Image, ImageColor, ImageFilter

from tools.contracts import RGBAImage, Size
from tools.preview.reading import Outfit, Setting

SCENES = Path(__file__).with_name("scenes")
GARMENTS = Path(__file__).with_name("garments")
SVG = "{http://www.w3.org/2000/svg}"

PARTS = ("leg-right", "leg-left", "arm-right", "arm-left", "torso")
"""The moving parts of a puppet, from back to front; left and right are the subject's own."""

FAR_BLUR = 0.0016
NEAR_BLUR = 0.006
FALLING_BLUR = 0.001
GRAIN = 3.2


@dataclass(frozen=True)
class SceneLayers:
    """A scene in layers of one size, which is the picture's and the margin on every side.

    ``far`` is opaque; ``mid`` lies behind the person and ``near`` before them, in the lowest 18 % of the picture.
    ``ground`` is where feet stand: a fraction of the picture's height, counted without the margin.
    ``falling`` is rain or snow, to be scrolled down behind the person: its bottom edge continues at its top.
    """

    far: RGBAImage
    mid: RGBAImage
    near: RGBAImage
    ground: float
    falling: RGBAImage | None


class Neck(NamedTuple):
    """Where the head comes out of a garment, in pixels of its canvas.

    ``y`` is the upper edge of the front of the collar at its middle, ``x``: below it the head is covered.
    ``width`` is that of the opening.
    """

    x: float
    y: float
    width: float


@dataclass(frozen=True)
class Bust:
    """Collar, shoulders and chest on one canvas: ``behind`` the head and in ``front`` of it."""

    behind: RGBAImage
    front: RGBAImage
    neck: Neck


@dataclass(frozen=True)
class Part:
    """One moving part: it turns about ``pivot`` (pixels of the part), which sits on ``anchor`` (of the puppet)."""

    pixels: RGBAImage
    pivot: tuple[float, float]
    anchor: tuple[float, float]


@dataclass(frozen=True)
class Puppet:
    """A body without its head, four heads high: its feet stand on the lower edge of ``size``.

    ``behind`` is the back of the collar, which the head covers; ``parts`` are keyed and ordered as ``PARTS``.
    Parts other than the torso go behind the head, the torso before it.
    """

    size: tuple[int, int]
    behind: Part
    parts: Mapping[str, Part]
    neck: Neck


def draw_scene(setting: Setting, size: Size, margin: float) -> SceneLayers:
    """Paint a scene for a picture of ``size``, with ``margin`` (a fraction of each side's length) around it."""
    palette = _palettes()[setting.palette]
    drawing = _drawn(SCENES / f"{setting.scene}.svg")
    place = drawing.get("data-place", "outdoors")
    _paint(drawing, lambda name, rule: _lit(name, rule, palette, place))
    width, height = (round(length * (1 + 2 * margin)) for length in size)
    view = _cover(drawing, width, height)
    far, mid, near = (_render(drawing, [layer], view, (width, height)) for layer in ("far", "mid", "near"))
    ground = (float(drawing.get("data-ground", "")) - view.y) / view.height
    falling = palette.get("falling") if place == "outdoors" else None
    return SceneLayers(
        far=_papered(_softened(far, FAR_BLUR * height)),
        mid=_papered(mid),
        near=_papered(_softened(near, NEAR_BLUR * height)),
        ground=ground * (1 + 2 * margin) - margin,
        falling=None if falling is None else _FALLING[falling](width, height),
    )


def draw_bust(outfit: Outfit, shoulder_width_px: float) -> Bust:
    """The garment of a close-up or a medium shot, ``shoulder_width_px`` from shoulder to shoulder."""
    drawing = _garment(outfit)
    view = _marked(drawing, "bust-view")
    scale = shoulder_width_px / float(drawing.get("data-shoulders", ""))
    size = (round(view.width * scale), round(view.height * scale))
    behind, front = (_papered(_render(drawing, [group], view, size)) for group in ("bust-behind", "bust-front"))
    neck = _marked(drawing, "bust-neck")
    return Bust(behind, front, _neck(neck, view, scale))


def draw_puppet(outfit: Outfit, height_px: float) -> Puppet:
    """The whole garment in parts, ``height_px`` from collar to sole."""
    drawing = _garment(outfit)
    view = _marked(drawing, "body-view")
    scale = height_px / view.height
    size = (round(view.width * scale), round(view.height * scale))
    pivots = {part: _pivot(drawing, part, view, scale) for part in PARTS}
    parts = {part: _part(_papered(_render(drawing, [part], view, size)), pivots[part]) for part in PARTS}
    behind = _part(_papered(_render(drawing, ["torso-behind"], view, size)), pivots["torso"])
    return Puppet(size, behind, parts, _neck(_marked(drawing, "body-neck"), view, scale))


class _View(NamedTuple):
    """A rectangle in the units of a drawing."""

    x: float
    y: float
    width: float
    height: float


@cache
def _palettes() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("palettes.toml").read_text("utf-8"))


def _drawn(path: Path) -> ET.Element:
    return ET.fromstring(path.read_text("utf-8"))


def _paint(drawing: ET.Element, rule_of: Callable[[str, str], str]) -> None:
    """Write every rule of the style block anew: ``rule_of`` gets the name of its class and its declarations."""
    for style in drawing.iter(f"{SVG}style"):
        style.text = re.sub(
            r"\.([\w-]+)\s*\{([^}]*)\}",
            lambda rule: f".{rule[1]} {{{rule_of(rule[1], rule[2])}}}",
            style.text or "",
        )


def _lit(name: str, rule: str, palette: Mapping[str, Any], place: str) -> str:
    """One rule of a scene under a palette."""
    if name in palette["shown"]:
        return re.sub(r"opacity:\s*[\d.]+", f"opacity: {palette['shown'][name]}", rule)
    if name in palette["colours"]:
        return _recoloured(rule, lambda _: palette["colours"][name])
    if name.startswith("lit-"):
        return rule
    light = palette["indoors" if place == "indoors" else "light"]
    veiled = palette["veiled"] if place == "outdoors" else 0.0
    return _recoloured(rule, lambda paint: _mixed(_under(paint, light), palette["veil"], veiled))


def _under(paint: str, light: str) -> str:
    return _hex(np.array(ImageColor.getrgb(paint)) * np.array(ImageColor.getrgb(light)) / 255)


def _garment(outfit: Outfit) -> ET.Element:
    shades = {
        f"{name}{shade}": _mixed(colour, towards, amount)
        for name, colour in (("main", outfit.colour), ("accent", outfit.accent))
        for shade, towards, amount in (("", colour, 0.0), ("-light", "#fff6e8", 0.24), ("-dark", "#171429", 0.34))
    }
    drawing = _drawn(GARMENTS / f"{outfit.garment}.svg")
    _paint(drawing, lambda name, rule: _recoloured(rule, lambda paint: shades.get(name.removesuffix("-line"), paint)))
    return drawing


def _recoloured(rule: str, colour: Callable[[str], str]) -> str:
    return re.sub(r"#[0-9a-fA-F]{6}", lambda match: colour(match.group()), rule)


def _mixed(colour: str, other: str, amount: float) -> str:
    a, b = np.array(ImageColor.getrgb(colour)), np.array(ImageColor.getrgb(other))
    return _hex(a + (b - a) * amount)


def _hex(rgb: Iterable[float]) -> str:
    return "#" + "".join(f"{round(value):02x}" for value in rgb)


def _cover(drawing: ET.Element, width: int, height: int) -> _View:
    """The part of a scene that fills ``width`` by ``height``, cut to the side of its point of interest."""
    whole = _View(*map(float, drawing.get("viewBox", "").split()))
    scale = max(width / whole.width, height / whole.height)
    seen = _View(0, 0, width / scale, height / scale)
    centre = whole.x + whole.width * float(drawing.get("data-focus", "0.5"))
    left = min(max(centre - seen.width / 2, whole.x), whole.x + whole.width - seen.width)
    return _View(left, whole.y + whole.height - seen.height, seen.width, seen.height)


def _render(drawing: ET.Element, groups: list[str], view: _View, size: tuple[int, int]) -> RGBAImage:
    """The named groups alone, ``view`` of them stretched over ``size`` pixels."""
    drawn = deepcopy(drawing)
    for child in list(drawn):
        if child.tag == f"{SVG}g" and child.get("id") not in groups:
            drawn.remove(child)
    drawn.attrib.update(viewBox=" ".join(f"{v:g}" for v in view), width=str(size[0]), height=str(size[1]))
    drawn.set("preserveAspectRatio", "none")
    png = resvg_py.svg_to_bytes(svg_string=ET.tostring(drawn, "unicode"), skip_system_fonts=True)
    return np.array(Image.open(io.BytesIO(bytes(png))).convert("RGBA"))


def _element(drawing: ET.Element, name: str) -> ET.Element:
    return next(element for element in drawing.iter() if element.get("id") == name)


def _marked(drawing: ET.Element, name: str) -> _View:
    """The rectangle that the drawing marks with the id ``name``."""
    mark = _element(drawing, name)
    return _View(*(float(mark.get(side, "")) for side in ("x", "y", "width", "height")))


def _neck(mark: _View, view: _View, scale: float) -> Neck:
    middle = mark.x + mark.width / 2
    return Neck((middle - view.x) * scale, (mark.y - view.y) * scale, mark.width * scale)


def _pivot(drawing: ET.Element, part: str, view: _View, scale: float) -> tuple[float, float]:
    mark = _element(drawing, f"pivot-{part}")
    return (float(mark.get("cx", "")) - view.x) * scale, (float(mark.get("cy", "")) - view.y) * scale


def _part(pixels: RGBAImage, anchor: tuple[float, float]) -> Part:
    """Crop a part to what is drawn of it."""
    left, top, right, bottom = Image.fromarray(pixels).getbbox() or (0, 0, 1, 1)
    return Part(pixels[top:bottom, left:right], (anchor[0] - left, anchor[1] - top), anchor)


def _softened(pixels: RGBAImage, radius: float) -> RGBAImage:
    # "RGBa" is premultiplied: blurred straight, the colours of clear pixels would bleed into the edges.
    blurred = Image.fromarray(pixels).convert("RGBa").filter(ImageFilter.GaussianBlur(radius))
    return np.array(blurred.convert("RGBA"))


def _papered(pixels: RGBAImage) -> RGBAImage:
    """Lay the grain of paper over the colours."""
    grain = _grain(*pixels.shape[:2])
    papered = pixels.copy()
    papered[..., :3] = np.clip(pixels[..., :3] + grain[..., None], 0, 255)
    return papered


def _grain(height: int, width: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Fibres and specks about zero, the same for every picture of one size."""
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width), np.uint8))
    specks, fibres = (np.asarray(noise.filter(ImageFilter.BoxBlur(radius)), np.float32) for radius in (0.7, 3))
    grain = sum((layer - layer.mean()) / layer.std() for layer in (specks, fibres))
    return np.asarray(grain * GRAIN / 2, np.int16)


def _rain(width: int, height: int) -> RGBAImage:
    return _fallen(width, height, columns=15, length=0.085, slant=0.16, thickness=0.0022, opacity=0.43)


def _snow(width: int, height: int) -> RGBAImage:
    return _fallen(width, height, columns=18, length=0.0, slant=0.0, thickness=0.0085, opacity=0.84)


_FALLING: Mapping[str, Callable[[int, int], RGBAImage]] = {"rain": _rain, "snow": _snow}


def _fallen(
    width: int, height: int, *, columns: int, length: float, slant: float, thickness: float, opacity: float
) -> RGBAImage:
    """White strokes or flakes scattered over the columns of a grid; lengths are fractions of the height."""
    rng = np.random.default_rng(2)
    rows = round(columns * height / width)
    strokes = []
    for column, row in np.ndindex(columns, rows):
        x, y, depth = rng.random(3)
        left, top = (column + x) * width / columns, (row + y) * height / rows
        long, thick = length * height * (0.5 + depth), thickness * height * (0.35 + depth)
        # drawn once more above and below, so that the bottom continues at the top
        line = "".join(
            f"M{left:.1f} {top + turn:.1f}l{-slant * long:.1f} {long + 0.1:.1f}" for turn in (-height, 0, height)
        )
        strokes.append(f'<path d="{line}" stroke-width="{thick:.2f}" opacity="{opacity * (0.35 + 0.65 * depth):.2f}"/>')
    group = f'<g id="falling" stroke="white" stroke-linecap="round">{"".join(strokes)}</g>'
    drawing = ET.fromstring(f'<svg xmlns="{SVG[1:-1]}">{group}</svg>')
    return _softened(_render(drawing, ["falling"], _View(0, 0, width, height), (width, height)), FALLING_BLUR * height)
