"""A motion played out over a clip: the pose of the person and the place of the camera at every moment.

Everything starts from rest, so the first moment is the first frame, and nothing jumps.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from tools.contracts import Framing
from tools.preview.camera import Camera
from tools.preview.countenance import Countenance
from tools.preview.motion import Motion
from tools.preview.pose import Pose
from tools.preview.timing import ease, gone

STARTING = 0.8
"""Seconds from standing to full pace."""
REACH = 0.34
"""How far the camera goes sideways at most, before the scenery ends, as a fraction of the picture's height."""
ARMS = 42.0
"""How far an arm goes up in a dance, in degrees."""
STEPPING = 1.0
"""The pace below which a person glides: skates, skis, surfs."""
WALKING = 0.012
"""The depth of a bob beyond which a step is a run."""
HAIR_ROOM = 0.025
"""Picture kept above the hair."""

_PUSH: dict[Framing, float] = {"close-up": 0.08, "medium shot": 0.16, "full shot": 0.05, "wide shot": 0.14}
_APPROACH: dict[Framing, float] = {"close-up": 0.12, "medium shot": 0.34, "full shot": 0.4, "wide shot": 0.5}
_PAN = 0.16


@dataclass(frozen=True)
class Stage:
    """What a motion has to fit. Lengths are fractions of the picture's height.

    ``width`` is the picture's, ``eyes`` where the eyes are at rest; ``hair`` is how far it reaches above them;
    ``step`` is the length of one stride, 0 where no legs are seen.
    """

    framing: Framing
    width: float
    eyes: tuple[float, float]
    hair: float
    step: float
    seconds: float


class Performance:
    """``seed`` varies the small things: when the eyes blink, how the head sways."""

    def __init__(self, motion: Motion, stage: Stage, seed: int) -> None:
        rng = random.Random(seed)
        self._motion, self._stage = motion, stage
        self._pace = motion.pace * motion.tempo
        self._heading = motion.heading or (1 if stage.eyes[0] < stage.width / 2 else -1)
        self._countenance = Countenance(motion, stage.seconds, rng)
        self._phase = rng.uniform(0, math.tau)
        self._size = 0.5 if stage.step else math.sqrt(_APPROACH["close-up"] / _APPROACH[stage.framing])
        moves: dict[str, Callable[[Pose, float], Pose]] = {
            "across": self._across,
            "towards": self._towards,
            "bob": self._bob,
            "turn": self._turn,
        }
        self._move = moves[motion.move]

    def at(self, seconds: float) -> tuple[Pose, Camera]:
        pose = self._move(self._breathing(seconds), seconds)
        return pose, self._keeping_hair(pose, self._camera(pose, seconds))

    def _breathing(self, seconds: float) -> Pose:
        """Standing there, alive: the head goes along with the face."""
        awake = ease(seconds / 1.2)
        expression = self._countenance.at(seconds)
        return Pose(
            breath=(1 - math.cos(math.tau * seconds / 3.6)) / 2,
            head_tilt=0.9 * awake * math.sin(math.tau * seconds / 4.9 + self._phase) + 0.15 * expression.yaw,
            head_lift=0.004 * self._size * expression.pitch,
            expression=expression,
        )

    def _across(self, pose: Pose, seconds: float) -> Pose:
        """Steps to the side; where the legs show, the way is as long as the steps."""
        stage = self._stage
        share = gone(seconds, STARTING) / gone(stage.seconds, STARTING) if stage.seconds else 0.0
        way = self._way()
        steps = way / stage.step if stage.step else self._pace * gone(stage.seconds, STARTING)
        return self._stepping(
            replace(pose, x=self._heading * way * share, heading=self._heading), steps * share, seconds
        )

    def _towards(self, pose: Pose, seconds: float) -> Pose:
        through = ease_in(seconds / self._stage.seconds) if self._stage.seconds else 0.0
        nearer = _APPROACH[self._stage.framing] * min(self._motion.tempo, 1.0) * through
        stride = 0.8 * self._pace * gone(seconds, STARTING)
        x = 0.3 * (self._stage.width / 2 - self._stage.eyes[0]) * nearer / _APPROACH[self._stage.framing]
        return self._stepping(replace(pose, x=x, nearer=nearer, towards=True), stride, seconds)

    def _stepping(self, pose: Pose, stride: float, seconds: float) -> Pose:
        starting = ease(seconds / STARTING)
        side = math.sin(math.pi * stride * (1 if pose.towards or not self._stage.step else 2))
        running = self._motion.depth - WALKING
        return replace(
            pose,
            hop=2.5 * max(running, 0.0) * starting * math.cos(math.pi * stride) ** 2,
            y=0 if self._stage.step else starting * self._motion.depth * self._size * side**2,
            lean=starting * (0.8 * side + 200 * max(running, 0.0) * self._heading * (not pose.towards)),
            head_tilt=pose.head_tilt - starting * 0.9 * side,
            stride=stride,
            swing=starting if self._motion.pace >= STEPPING else 0.0,
        )

    def _bob(self, pose: Pose, seconds: float) -> Pose:
        motion, starting = self._motion, ease(seconds / STARTING)
        beats = self._pace * gone(seconds, STARTING)
        side = math.sin(math.pi * beats)
        liveliness = motion.depth / 0.024
        return replace(
            pose,
            x=0.7 * motion.depth * self._size * starting * side,
            y=motion.depth * starting * side**2,
            lean=2.4 * liveliness * starting * side,
            head_tilt=pose.head_tilt - 2.2 * liveliness * starting * math.sin(math.pi * beats - 0.5),
            head_lift=pose.head_lift + 0.25 * motion.depth * starting * side**2,
            stride=beats,
            swing=0.55 * liveliness * starting,
            arms=ARMS * starting * side if liveliness >= 1 else 0.0,
            towards=True,
        )

    def _turn(self, pose: Pose, seconds: float) -> Pose:
        """The shoulders follow the face a little."""
        return replace(pose, lean=0.12 * pose.expression.yaw)

    def _way(self) -> float:
        """How far the person goes: to the far side of the picture, and as far again as the camera can follow."""
        stage = self._stage
        x = stage.eyes[0] if self._heading > 0 else stage.width - stage.eyes[0]
        room = stage.width * (0.8 if stage.step else 0.58) - x
        return min(self._motion.tempo, 1.0) * (max(room, 0.04 * stage.width) + self._reach())

    def _reach(self) -> float:
        return REACH if self._motion.camera == "follow" else 0.0

    def _camera(self, pose: Pose, seconds: float) -> Camera:
        stage, named = self._stage, self._motion.camera
        through = ease_in(seconds / stage.seconds) if stage.seconds else 0.0
        push = _PUSH[stage.framing]
        if named == "follow":
            return Camera(x=pose.x * self._reach() / max(self._way(), REACH), zoom=1 + 0.3 * push * through)
        if named in ("pan left", "pan right"):
            return Camera(x=(_PAN if named == "pan right" else -_PAN) * through)
        if named == "pull out":
            return Camera(zoom=1 - 0.8 * push * through)
        return Camera(zoom=1 + (0.3 if self._motion.move == "towards" else 1.0) * push * through)

    def _keeping_hair(self, pose: Pose, camera: Camera) -> Camera:
        """Tip the camera up where the picture would cut the hair off."""
        enlarged = camera.zoom * (1 + pose.nearer)
        top = self._stage.eyes[1] + pose.y - pose.head_lift - self._stage.hair * enlarged
        kept = min(HAIR_ROOM, self._stage.eyes[1] - self._stage.hair)
        return replace(camera, y=camera.y - max(kept - top, 0.0))


def ease_in(progress: float) -> float:
    """A camera's move: it starts softly, and is still going, slower, when the clip ends."""
    u = min(max(progress, 0.0), 1.0)
    return u * u * (2.2 - 1.2 * u)
