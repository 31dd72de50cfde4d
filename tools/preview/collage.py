"""The collage: painted scenery in layers, the person cut out of their photo, and the camera before them.

One collage serves the first frame and the clip, so the clip begins with exactly that picture.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from tools.contracts import Reference, RGBAImage, RGBImage, Size
from tools.preview.bust import BustFigure
from tools.preview.camera import AT_REST, FAR, MID, NEAR, PERSON, Camera
from tools.preview.drawing import draw_scene
from tools.preview.geometry import Matrix, shift
from tools.preview.layout import layout_of
from tools.preview.light import light_of
from tools.preview.mark import corner_mark
from tools.preview.performance import Stage
from tools.preview.pose import REST, Pose
from tools.preview.puppet import PuppetFigure
from tools.preview.reading import outfit_of, setting_of
from tools.preview.sprites import blend, lay, premultiply, warped

MARGIN = 0.12
"""Scenery beyond each edge of the picture, for the camera to move over."""

FALL = {"rain": (-0.22, 1.4), "snow": (-0.03, 0.13)}
"""How fast rain and snow go, right and down, in picture heights a second."""

_scene = lru_cache(maxsize=2)(draw_scene)  # candidates and the clip of one job share it


class Collage:
    """``prompt`` is the spatial one. The same arguments give the same pixels."""

    def __init__(self, reference: Reference, prompt: str, seed: int, size: Size) -> None:
        setting, outfit = setting_of(prompt), outfit_of(prompt)
        scene = _scene(setting, size, MARGIN)
        self.layout = layout_of(prompt, seed, size)
        self._mid = premultiply(scene.mid)
        scenery = np.ascontiguousarray(scene.far[..., :3])
        blend(scenery, self._mid)
        light = light_of(scenery, self.layout.light)
        self.size = size
        self.figure = (
            PuppetFigure(reference, outfit, self.layout, light, scene.ground)
            if self.layout.whole
            else BustFigure(reference, outfit, self.layout, light)
        )
        self._far = np.ascontiguousarray(light.sided(scene.far)[..., :3])
        self._near = premultiply(scene.near)
        self._falling = None if scene.falling is None else premultiply(scene.falling)
        self._fall = FALL.get(setting.palette, (0.0, 0.0))
        self._mark = corner_mark(size)

    def picture(self, pose: Pose = REST, camera: Camera = AT_REST, seconds: float = 0.0) -> RGBImage:
        """The collage at one moment; the defaults are the first frame."""
        picture = self._seen(self._far, self._view(camera, FAR), finely=True)
        blend(picture, self._seen(self._mid, self._view(camera, MID), finely=True))
        if self._falling is not None:
            x, y = self._fall
            fallen = shift(x * seconds * self.size.height, y * seconds * self.size.height)
            blend(picture, self._seen(self._falling, self._view(camera, MID) @ fallen, border=cv2.BORDER_WRAP))
        self.figure.draw(picture, self._view(camera, PERSON), pose)
        blend(picture, self._seen(self._near, self._view(camera, NEAR)))
        lay(picture, self._mark, np.eye(3))
        return picture

    def stage(self, seconds: float) -> Stage:
        """What a motion of ``seconds`` has to fit."""
        width, height = self.size
        x, y = self.figure.eyes
        hair, step = self.figure.hair / height, self.figure.step / height
        return Stage(self.layout.framing, width / height, (x / height, y / height), hair, step, seconds)

    def _view(self, camera: Camera, depth: float) -> Matrix:
        return camera.view(depth, self.size, about=self.figure.eyes)

    def _seen(
        self, layer: RGBAImage, view: Matrix, *, finely: bool = False, border: int = cv2.BORDER_REFLECT_101
    ) -> RGBAImage:
        """A layer through the camera, without its margin; ``finely`` where its grain would shimmer as it moves."""
        placed = view @ shift((self.size.width - layer.shape[1]) / 2, (self.size.height - layer.shape[0]) / 2)
        flags = cv2.INTER_CUBIC if finely else cv2.INTER_LINEAR
        return warped(layer, placed, self.size, flags, border)
