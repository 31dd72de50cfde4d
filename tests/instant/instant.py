"""Backends that answer at once, for tests of everything round them. They paint no person and recognise none.

A picture says in a mark of black and white squares what the analyzer is to find in it, and the mark survives H.264.
A picture without a mark shows one frontal face of the person, so that any photo serves as a reference.

Words in the prompt steer a job (``PaintFirstFrames`` reads the spatial prompt, ``Animate`` the temporal one):

    similarity=0.3   of the face in the first frame           faces=2      that many faces, none for 0
    side=20          of the face box, in pixels               yaw=40       degrees
    score=0.1        of the detector                          paint=2      seconds that painting takes
    video=2          seconds that the video takes             crash=once   the worker dies in the middle of the video,
    damage=20-40     frames that show the face at 0.1                      ``always`` for each time
    disk=full        there is no room for the video        defect       in the code that makes the video
    repair=0.05      similarity that the detailer reaches,    photos       similarity is a tenth of the photos
                     ``never`` where it fails                              that were given

`` then `` parts the attempts: "similarity=0.3 then yaw=60 then similarity=0.9" fails twice and passes. The planner
``instant`` hands the words on untouched; another planner may drop them.
"""

from __future__ import annotations

import errno
import math
import os
import re
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from agent.planner.desk import Desk
from agent.planner.protocol import Plan, Refinement, Revision, Tried
from tools.contracts import (
    Box,
    ClipSpec,
    CutOut,
    Face,
    Given,
    Presentation,
    Progress,
    Reference,
    RGBImage,
    Size,
    Thresholds,
)
from tools.errors import BackendError, InputError
from tools.framing import framing_of

MEMORY = "INSTANT_MEMORY"
"""Environment variable that names a folder, where ``crash=once`` remembers that it crashed."""

_SQUARE = 8
_COLUMNS = 12
_SIGNATURE = 0b101101001110


@dataclass(frozen=True)
class Mark:
    """What the analyzer finds: ``faces`` in a row of equal boxes, the first with this similarity, the others with 0."""

    similarity: float = 0.9
    faces: int = 1
    side: int = 64
    yaw: int = 0
    score: float = 0.95

    def rows(self) -> list[int]:
        return [
            _SIGNATURE,
            round((self.similarity + 1) * 1000),
            self.faces,
            self.side,
            self.yaw + 360,
            round(self.score * 1000),
        ]

    @staticmethod
    def of(rows: Sequence[int]) -> Mark:
        _, similarity, faces, side, yaw, score = rows
        return Mark(round(similarity / 1000 - 1, 3), faces, side, yaw - 360, score / 1000)


PERSON = Mark(similarity=1.0)


def picture(mark: Mark, size: Size = Size(256, 144), shade: int = 90) -> RGBImage:
    """A flat picture that carries the mark in its upper left corner."""
    image = np.full((size.height, size.width, 3), (shade, 120, 255 - shade), np.uint8)
    _stamp(image, mark)
    return image


def read_mark(image: RGBImage) -> Mark:
    """The mark of a picture, or that of the person where it carries none."""
    height, width = image.shape[:2]
    rows = len(PERSON.rows())
    if height < rows * _SQUARE or width < _COLUMNS * _SQUARE:
        return PERSON
    squares = image[: rows * _SQUARE, : _COLUMNS * _SQUARE].mean(axis=2).reshape(rows, _SQUARE, _COLUMNS, _SQUARE)
    bits = squares.mean(axis=(1, 3)) > 127
    values = [int("".join("1" if bit else "0" for bit in row), 2) for row in bits]
    return Mark.of(values) if values[0] == _SIGNATURE else PERSON


def _stamp(image: RGBImage, mark: Mark) -> None:
    bits = np.array([[int(bit) for bit in f"{value:0{_COLUMNS}b}"] for value in mark.rows()], np.uint8) * 255
    squares = bits.repeat(_SQUARE, axis=0).repeat(_SQUARE, axis=1)
    image[: squares.shape[0], : squares.shape[1]] = squares[..., None]


class Planner:
    name = "instant"

    def __init__(self, desk: Desk) -> None:
        pass

    def decouple(self, prompt: str, presentation: Presentation, seed: int) -> Plan:
        first = prompt.split(" then ")[0]
        return Plan(
            temporal_prompt=prompt,
            spatial_prompt=first,
            framing=framing_of(first) or "close-up",
            asked=frozenset({"framing"} if framing_of(first) else ()),
            planner=self.name,
            templates={"instant_plan": 1},
        )

    def revise(
        self, prompt: str, plan: Plan, history: Sequence[Tried], presentation: Presentation, seed: int
    ) -> Revision:
        """The next of the attempts in the prompt; the last one stays, with the number of the attempt behind it."""
        tried = {each.spatial_prompt for each in history}
        steps = prompt.split(" then ")
        left = [step for step in steps if step not in tried]
        words = left[0] if left else f"{steps[-1]} {len(history) + 1}"
        move = f"after {history[-1].diagnosis.cause}"
        framing = framing_of(words) or plan.framing
        return Revision(words, framing, move, self.name, templates={"instant_revision": 2})

    def refine(self, instruction: str, prompt: str, plan: Plan, presentation: Presentation, seed: int) -> Refinement:
        """The first word is the change, the others the new prompt: "motion damage=3-9", "look similarity=0.7", "seed",
        "settings" (five candidates), "undo"; anything else is asked back."""
        change, _, words = instruction.partition(" ")
        if change not in ("motion", "look", "settings", "seed", "undo"):
            change = "question"
        return Refinement(
            changes=frozenset({change}),
            prompt=words or prompt,
            temporal_prompt=words or plan.temporal_prompt,
            spatial_prompt=words if change == "look" else plan.spatial_prompt,
            framing=plan.framing,
            settings={"candidates": 5} if change == "settings" else {},
            told=f"Understood as {change}.",
            planner=self.name,
            question="What shall change?" if change == "question" else None,
            templates={"instant_refine": 3},
        )


class Analyzer:
    name = "instant recogniser"
    thresholds = Thresholds(
        first_frame=0.5, video_mean=0.45, video_p10=0.4, smallest_face=32, detector_floor=0.3, widest_yaw=25.0
    )

    def analyze(self, images: Sequence[RGBImage]) -> list[list[Face]]:
        return [self._faces(image) for image in images]

    def similarity(self, a: Face, b: Face) -> float:
        """The cosine of the two embeddings."""
        return float(a.embedding @ b.embedding)

    def _faces(self, image: RGBImage) -> list[Face]:
        mark, width = read_mark(image), image.shape[1]
        return [
            Face(
                box=Box((number + 0.5) * width / mark.faces - mark.side / 2, 60.0, float(mark.side), float(mark.side)),
                score=mark.score,
                points={},
                embedding=_at(mark.similarity if number == 0 else 0.0),
                yaw=float(mark.yaw),
                roll=0.0,
            )
            for number in range(mark.faces)
        ]


def _at(similarity: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """A unit vector with this cosine to (1, 0)."""
    return np.array([similarity, math.sqrt(max(0.0, 1 - similarity**2))], np.float32)


class Scissors:
    def remove(self, image: RGBImage, face: Face) -> CutOut:
        return CutOut(np.dstack([image, np.full(image.shape[:2], 255, np.uint8)]), method="instant")


class Painter:
    def generate(
        self, references: Sequence[Reference], prompt: str, seeds: Sequence[int], size: Size, report: Progress
    ) -> list[RGBImage]:
        _work(_number(prompt, "paint", 0.0), report, "painting")
        mark = _mark_in(prompt)
        if "photos" in prompt.split():
            mark = replace(mark, similarity=len(references) / 10)
        return [picture(mark, size, shade=seed % 200) for seed in seeds]


class Detailer:
    def detail(
        self,
        frames: Sequence[RGBImage],
        faces: Sequence[Sequence[Face]],
        references: Sequence[Reference],
        prompt: str,
        strength: float,
        seed: int,
        report: Progress,
    ) -> list[RGBImage]:
        report(0, len(frames), "repainting faces")
        if "repair=never" in prompt:
            raise BackendError("The detailer is out of paint.")
        return [
            _marked(frame, replace(read_mark(frame), similarity=_number(prompt, "repair", 0.9))) for frame in frames
        ]


class Projector:
    """Shows the nearest given frame. Only a clip made from one frame is damaged; a repaired window is not."""

    needs = frozenset({"first_frame"})
    takes_keyframes = True

    def check(self, clip: ClipSpec) -> None:
        if clip.fps == 13:
            raise InputError("The projector is superstitious; ask for another number of frames a second than 13.")

    def generate(self, prompt: str, clip: ClipSpec, given: Given, seed: int, report: Progress) -> Iterator[RGBImage]:
        begin, end = _damage(prompt) if len(given.frames) == 1 else (0, -1)
        _work(_number(prompt, "video", 0.0) / 2, report, "animating")
        _crash(prompt)
        if "defect" in prompt.split():
            raise ZeroDivisionError("a defect")
        if "disk=full" in prompt:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        _work(_number(prompt, "video", 0.0) / 2, report, "animating")
        for index in range(clip.frames):
            report(index, clip.frames, "animating")
            image = given.frames[min(given.frames, key=lambda key: abs(key - index))]
            yield _marked(image, replace(read_mark(image), similarity=0.1)) if begin <= index <= end else image


def _marked(image: RGBImage, mark: Mark) -> RGBImage:
    copy = image.copy()
    _stamp(copy, mark)
    return copy


def _mark_in(prompt: str) -> Mark:
    usual = Mark()
    return Mark(
        similarity=_number(prompt, "similarity", usual.similarity),
        faces=int(_number(prompt, "faces", usual.faces)),
        side=int(_number(prompt, "side", usual.side)),
        yaw=int(_number(prompt, "yaw", usual.yaw)),
        score=_number(prompt, "score", usual.score),
    )


def _number(prompt: str, word: str, usual: float) -> float:
    found = re.search(rf"\b{word}=(-?[\d.]*\d)", prompt)
    return float(found[1]) if found else usual


def _damage(prompt: str) -> tuple[int, int]:
    found = re.search(r"\bdamage=(\d+)-(\d+)", prompt)
    return (int(found[1]), int(found[2])) if found else (0, -1)


def _work(seconds: float, report: Progress, message: str) -> None:
    steps = max(1, round(seconds / 0.05))
    for step in range(steps):
        report(step, steps, message)
        time.sleep(seconds / steps)


def _crash(prompt: str) -> None:
    found = re.search(r"\bcrash=(once|always)", prompt)
    if not found:
        return
    crashed = Path(os.environ[MEMORY]) / "crashed"
    if found[1] == "always" or not crashed.exists():
        crashed.touch()
        os.kill(os.getpid(), signal.SIGKILL)
