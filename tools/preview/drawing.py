"""Scenes and garments from their SVG files, in the colours of a palette or of a prompt, as layers of pixels.

``docs/scenes.md`` says how the files are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

from PIL import Image

from tools.contracts import RGBAImage, Size
from tools.preview.palette import Place, mixed, palettes, recoloured
from tools.preview.paper import papered, softened
from tools.preview.reading import Outfit, Setting
from tools.preview.svg import Drawing, View
from tools.preview.weather import draw_falling

SCENES = Path(__file__).with_name("scenes")
GARMENTS = Path(__file__).with_name("garments")

PARTS = ("leg-right", "leg-left", "arm-right", "arm-left", "torso")
"""The moving parts of a puppet, from back to front; left and right are the subject's own."""

FAR_BLUR, NEAR_BLUR = 0.0016, 0.006
"""How soft the layers are that the lens is not set to, as fractions of the height."""

SHADES = {"": ("#000000", 0.0), "-light": ("#fff6e8", 0.24), "-dark": ("#171429", 0.34)}
"""What is mixed into a garment's colours, and how much, for the classes that end so."""


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
    palette = palettes()[setting.palette]
    written = Drawing.read(SCENES / f"{setting.scene}.svg")
    place = cast(Place, written.said("place", "outdoors"))
    drawing = written.repainted(lambda name, rule: palette.repaint(name, rule, place))
    width, height = (round(length * (1 + 2 * margin)) for length in size)
    view = _covering(drawing, width, height)
    far, mid, near = (drawing.render(layer, view, (width, height)) for layer in ("far", "mid", "near"))
    falls = palette.falling if place == "outdoors" else None
    return SceneLayers(
        far=papered(softened(far, FAR_BLUR * height)),
        mid=papered(mid),
        near=papered(softened(near, NEAR_BLUR * height)),
        ground=(drawing.number("ground") - view.y) / view.height * (1 + 2 * margin) - margin,
        falling=draw_falling(falls, width, height) if falls else None,
    )


def draw_bust(outfit: Outfit, shoulder_width_px: float) -> Bust:
    """The garment of a close-up or a medium shot, ``shoulder_width_px`` from shoulder to shoulder."""
    drawing = _garment(outfit)
    canvas = _Canvas(drawing.rectangle("bust-view"), shoulder_width_px / drawing.number("shoulders"))
    behind, front = (canvas.drawn(drawing, group) for group in ("bust-behind", "bust-front"))
    return Bust(behind, front, canvas.neck(drawing.rectangle("bust-neck")))


def draw_puppet(outfit: Outfit, height_px: float) -> Puppet:
    """The whole garment in parts, ``height_px`` from collar to sole."""
    drawing = _garment(outfit)
    view = drawing.rectangle("body-view")
    canvas = _Canvas(view, height_px / view.height)
    anchors = {part: canvas.at(drawing.point(f"pivot-{part}")) for part in PARTS}
    parts = {part: _cropped(canvas.drawn(drawing, part), anchor) for part, anchor in anchors.items()}
    behind = _cropped(canvas.drawn(drawing, "torso-behind"), anchors["torso"])
    return Puppet(canvas.size, behind, parts, canvas.neck(drawing.rectangle("body-neck")))


@dataclass(frozen=True)
class _Canvas:
    """Pixels that show ``view`` of a drawing, ``scale`` to one of its units."""

    view: View
    scale: float

    @property
    def size(self) -> tuple[int, int]:
        return round(self.view.width * self.scale), round(self.view.height * self.scale)

    def drawn(self, drawing: Drawing, group: str) -> RGBAImage:
        return papered(drawing.render(group, self.view, self.size))

    def at(self, point: tuple[float, float]) -> tuple[float, float]:
        return (point[0] - self.view.x) * self.scale, (point[1] - self.view.y) * self.scale

    def neck(self, mark: View) -> Neck:
        return Neck(*self.at((mark.x + mark.width / 2, mark.y)), mark.width * self.scale)


def _covering(drawing: Drawing, width: int, height: int) -> View:
    """The part of a scene that fills ``width`` by ``height``: its foot, about its point of interest."""
    whole = drawing.whole
    scale = max(width / whole.width, height / whole.height)
    wide, high = width / scale, height / scale
    left = min(max(whole.width * drawing.number("focus") - wide / 2, 0), whole.width - wide)
    return View(whole.x + left, whole.y + whole.height - high, wide, high)


def _garment(outfit: Outfit) -> Drawing:
    """The garment in its two colours, each in its shades; every other class keeps the colour it is written in."""
    paints = {
        f"{name}{ending}": mixed(colour, *shade)
        for name, colour in (("main", outfit.colour), ("accent", outfit.accent))
        for ending, shade in SHADES.items()
    }

    def repaint(name: str, rule: str) -> str:
        return recoloured(rule, lambda written: paints.get(name.removesuffix("-line"), written))

    return Drawing.read(GARMENTS / f"{outfit.garment}.svg").repainted(repaint)


def _cropped(pixels: RGBAImage, anchor: tuple[float, float]) -> Part:
    """A part without the clear canvas about it."""
    left, top, right, bottom = Image.fromarray(pixels).getbbox() or (0, 0, 1, 1)
    return Part(pixels[top:bottom, left:right], (anchor[0] - left, anchor[1] - top), anchor)
