"""The clip of the ``preview`` preset: the collage of the first frame, moved as the temporal prompt asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2

from tools.contracts import ClipSpec, Given, Progress, RGBImage
from tools.preview.collage import Collage
from tools.preview.flat import FlatPicture, filling
from tools.preview.motion import Motion, motion_of
from tools.preview.performance import Performance


class PreviewVideo:
    """Paints the collage again from the first frame's origin; over any other picture only the camera moves."""

    needs = frozenset({"first_frame", "reference"})
    takes_keyframes = False

    def check(self, clip: ClipSpec) -> None:
        """There is no clip that it cannot make."""

    def generate(self, prompt: str, clip: ClipSpec, given: Given, seed: int, report: Progress) -> Iterator[RGBImage]:
        report(0, clip.frames, "Painting the scene")
        motion = motion_of(prompt)
        picture = _collage_in_motion(motion, clip, given, seed) or _flat_in_motion(motion, clip, given)
        for number in range(clip.frames):
            yield picture(number)
            report(number + 1, clip.frames, f"Frame {number + 1} of {clip.frames}")


def _collage_in_motion(motion: Motion, clip: ClipSpec, given: Given, seed: int) -> Callable[[int], RGBImage] | None:
    """The collage by frame number, where the first frame is one of its own."""
    if given.origin is None or given.origin.backend != "preview":
        return None
    collage = Collage(given.references[0], given.origin.prompt, given.origin.seed, clip.size)
    if not _alike(collage.picture(), given.frames[0]):
        return None
    performance = Performance(motion, collage.stage((clip.frames - 1) / clip.fps), seed)

    def frame(number: int) -> RGBImage:
        seconds = number / clip.fps
        return collage.picture(*performance.at(seconds), seconds)

    return frame


def _alike(painted: RGBImage, given: RGBImage) -> bool:
    """Whether they are one picture: the same pixels, but for rounding on another machine."""
    return painted.shape == given.shape and float(cv2.absdiff(painted, given).mean()) < 0.5


def _flat_in_motion(motion: Motion, clip: ClipSpec, given: Given) -> Callable[[int], RGBImage]:
    flat = FlatPicture(filling(given.frames[0], clip.size), motion.camera)
    return lambda number: flat.at(number / max(clip.frames - 1, 1))
