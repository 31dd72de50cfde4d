"""Photos whose faces are plain green rectangles, and the reader that knows them, where the product asks insightface."""

from __future__ import annotations

from collections.abc import Collection

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.contracts import Box, CutOut, Face, Reference, RGBImage
from tools.first_frame.hyperlora.conditioning import DETECTOR_SIZES, OUTLINE, Points, Sighting

GREEN = (0, 255, 0)


def photo_of(*faces: Box, size: tuple[int, int] = (400, 300), seed: int = 0) -> RGBImage:
    """Noise without any green pixel, and the faces in it."""
    image = np.random.default_rng(seed).integers(1, 255, (size[1], size[0], 3), dtype=np.uint8)
    for x, y, width, height in faces:
        image[int(y) : int(y + height), int(x) : int(x + width)] = GREEN
    return image


def reference_of(image: RGBImage, face: Box) -> Reference:
    nobody = np.zeros((*image.shape[:2], 4), np.uint8)
    return Reference(image, Face(face, 1.0, {}, np.zeros(1, np.float32)), CutOut(nobody, "not cut"), "person")


class GreenFaces:
    """Finds green rectangles, at some sizes of the detector only; the largest has the best score.

    The outline is an ellipse, and other landmarks lie in two corners. The embedding is made of the picture that it is
    taken from.
    """

    def __init__(self, sides: Collection[int] = DETECTOR_SIZES, length: int = 6) -> None:
        self._sides = sides
        self._length = length
        self.asked: list[int] = []
        self.embedded: list[tuple[RGBImage, Box]] = []

    def find(self, image: RGBImage, side: int) -> list[Sighting]:
        self.asked.append(side)
        if side not in self._sides:
            return []
        green = (image == GREEN).all(axis=-1).astype(np.uint8)
        boxes = [Box(*row[:4].tolist()) for row in cv2.connectedComponentsWithStats(green)[2][1:]]
        boxes.sort(key=lambda box: -box.width * box.height)
        return [Sighting(box, 0.9 - 0.1 * n, np.zeros((5, 2), np.float32)) for n, box in enumerate(boxes)]

    def landmarks(self, image: RGBImage, face: Sighting) -> Points:
        x, y, width, height = face.box
        turn = np.linspace(0, 2 * np.pi, len(OUTLINE), endpoint=False)
        points = np.empty((106, 2), np.float32)
        points[:] = x, y
        points[33] = x + width, y + height
        points[list(OUTLINE), 0] = x + width / 2 * (1 + np.cos(turn))
        points[list(OUTLINE), 1] = y + height / 2 * (1 + np.sin(turn))
        return points

    def embedding(self, image: RGBImage, face: Sighting) -> NDArray[np.float32]:
        self.embedded.append((image, face.box))
        vector = np.random.default_rng(int(image.sum())).normal(size=self._length)
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)
