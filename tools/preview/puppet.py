"""The person of a full or a wide shot: a puppet of about five heads, jointed at shoulders and hips."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from tools.contracts import Reference, RGBImage
from tools.preview.drawing import Part, draw_puppet
from tools.preview.geometry import Matrix, Point, move, scale, shift, turn
from tools.preview.layout import Layout
from tools.preview.light import Light
from tools.preview.pose import Pose
from tools.preview.reading import Outfit
from tools.preview.sprites import SHADE, Sprite, backing, cut, lay, premultiply
from tools.preview.sticker import HeadSticker, edge_of, fall_of

BODY = 5.7
"""The height of the body from collar to sole, in face heights."""
FINE = 1.25
"""Pixels of the parts for one pixel of the picture."""
LEG_SWING = 14.0
ARM_SWING = 9.0
"""Degrees to either side at full swing."""


@dataclass(frozen=True)
class _Limb:
    """``back`` is its paper edge and shadow; it turns about ``pivot``, in its pixels, at ``anchor``, in the body's."""

    back: Sprite
    front: Sprite
    pivot: Point
    anchor: Point

    def turned(self, degrees: float, drop: float = 0.0, length: float = 1.0) -> Matrix:
        """From its pixels to the body's; ``drop`` lowers its joint, ``length`` stretches it."""
        at = shift(self.anchor[0], self.anchor[1] + drop)
        return at @ turn(degrees) @ scale(1, length) @ shift(-self.pivot[0], -self.pivot[1])


class PuppetFigure:
    """Pieces from back to front: ground shadow, paper edges, legs, arms, the collar's back, the head, the torso."""

    def __init__(self, reference: Reference, outfit: Outfit, layout: Layout, light: Light, ground: float) -> None:
        self._height = layout.size.height
        self._head = HeadSticker(reference, layout, light)
        puppet = draw_puppet(outfit, BODY * layout.face * FINE)
        larger = float(np.clip(1.05 * self._head.neck_width * FINE / puppet.neck.width, 1.0, 1.2)) / FINE
        x, y = self._head.neck
        collar = shift(x, y) @ scale(larger, larger) @ shift(-puppet.neck.x, -puppet.neck.y)
        soles = move(collar, (puppet.neck.x, puppet.size[1]))
        self._stand = shift(0, max(ground * self._height, soles[1]) - soles[1])
        self._place = self._stand @ collar
        self.eyes: Point = move(self._stand, self._head.eyes)
        self._neck: Point = move(self._stand, self._head.neck)
        self._feet: Point = move(self._stand, soles)
        edge, fall = edge_of(layout) / larger, fall_of(layout)
        self._limbs = {
            name: _limb(part, light, edge, (fall[0] / larger, fall[1] / larger)) for name, part in puppet.parts.items()
        }
        self._collar = cut(light.on(premultiply(puppet.behind.pixels)))
        self._collar_at = shift(*_less(puppet.behind.anchor, puppet.behind.pivot))
        self._leg = puppet.size[1] - self._limbs["leg-left"].anchor[1]
        self._larger = larger
        self.hair = self._head.hair
        self.step = 2 * self._leg * larger * math.sin(math.radians(LEG_SWING))
        self._ground = _ground_shadow(0.3 * BODY * layout.face)

    def draw(self, picture: RGBImage, view: Matrix, pose: Pose) -> None:
        """Lay the person on the picture; ``view`` is the camera's at their distance."""
        grounded = view @ self._going(pose)
        standing = grounded @ shift(0, -pose.hop * self._height) @ turn(pose.lean, about=self._feet)
        body = standing @ self._place
        drop = self._drop(pose)
        places = self._places(pose, drop)
        head = standing @ self._holding(pose, drop) @ self._stand
        lay(picture, self._ground, grounded @ shift(*self._feet))
        for name, limb in self._limbs.items():
            lay(picture, limb.back, body @ places[name])
        self._head.lay_back(picture, head)
        for name, limb in self._limbs.items():
            if name != "torso":
                lay(picture, limb.front, body @ places[name])
        lay(picture, self._collar, body @ shift(0, drop) @ self._collar_at)
        self._head.lay_face(picture, head, pose.expression)
        lay(picture, self._limbs["torso"].front, body @ places["torso"])

    def _going(self, pose: Pose) -> Matrix:
        nearer = 1 + pose.nearer
        return shift(pose.x * self._height, 0) @ scale(nearer, nearer, about=self.eyes)

    def _holding(self, pose: Pose, drop: float) -> Matrix:
        down = drop * self._larger - (pose.head_lift + 0.002 * pose.breath) * self._height
        return shift(0, down) @ turn(pose.head_tilt, about=self._neck)

    def _drop(self, pose: Pose) -> float:
        """How far the hips sink, in the body's pixels: legs apart or bent reach less far down."""
        apart = 0.0 if pose.towards else math.radians(LEG_SWING * pose.swing * apartness(pose.stride))
        return self._leg * (1 - math.cos(apart)) + pose.y * self._height / self._larger

    def _places(self, pose: Pose, drop: float) -> dict[str, Matrix]:
        """Where every limb is: stepping to the side, or on the spot towards the camera."""
        place = self._towards if pose.towards else self._sideways
        bent = 1 - pose.y * self._height / self._larger / self._leg
        return {"torso": self._limbs["torso"].turned(0, drop), **place(pose, drop, bent)}

    def _sideways(self, pose: Pose, drop: float, bent: float) -> dict[str, Matrix]:
        """One foot goes out while the other stands, then the other closes up: feet never slide."""
        opening = math.sin(math.tau * pose.stride) * pose.swing
        places = {}
        for name, out in (("left", -1), ("right", 1)):
            lifted = 0.05 * max(-out * pose.heading * opening, 0.0)
            leg, arm = self._limbs[f"leg-{name}"], self._limbs[f"arm-{name}"]
            places[f"leg-{name}"] = leg.turned(
                out * LEG_SWING * pose.swing * apartness(pose.stride), drop, bent - lifted
            )
            places[f"arm-{name}"] = arm.turned(pose.swing * out * 4 - ARM_SWING * opening, drop, 1 - 0.05 * lifted)
        return places

    def _towards(self, pose: Pose, drop: float, bent: float) -> dict[str, Matrix]:
        """Feet and opposite hands rise in turn."""
        rise = pose.swing * math.sin(math.pi * pose.stride)
        places = {}
        for name, out in (("left", -1), ("right", 1)):
            up, hand_up = max(-out * rise, 0.0), max(out * rise, 0.0)
            leg, arm = self._limbs[f"leg-{name}"], self._limbs[f"arm-{name}"]
            places[f"leg-{name}"] = leg.turned(0, drop, bent - 0.13 * up)
            raised = 4 * pose.swing + 5 * hand_up + max(out * pose.arms, 0.0)
            places[f"arm-{name}"] = arm.turned(out * raised, drop, 1 - 0.12 * hand_up)
        return places


def apartness(stride: float) -> float:
    """How far the feet are apart, 0 together to 1: once a stride, at an even pace, turning softly."""
    return 0.5 - math.asin(0.96 * math.cos(math.tau * stride)) / math.asin(0.96) / 2


def _limb(part: Part, light: Light, edge: float, fall: Point) -> _Limb:
    pixels = premultiply(part.pixels)
    return _Limb(backing(pixels[..., 3], edge, fall), cut(light.on(pixels)), part.pivot, part.anchor)


def _ground_shadow(width: float) -> Sprite:
    """A soft flat oval around the origin."""
    half = (round(width), round(width * 0.3))
    y, x = np.mgrid[-half[1] : half[1] + 1, -half[0] : half[0] + 1].astype(np.float32)
    away = (x / half[0]) ** 2 + (y / half[1]) ** 2
    alpha = cv2.GaussianBlur(0.5 * np.clip(1 - away, 0, 1), (0, 0), 1.5)[..., None]
    pixels = np.dstack([alpha * SHADE, alpha * 255]).round().astype(np.uint8)
    return Sprite(pixels, shift(-half[0], -half[1]))


def _less(a: Point, b: Point) -> Point:
    return a[0] - b[0], a[1] - b[1]
