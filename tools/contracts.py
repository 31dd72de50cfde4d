"""The protocols and plain data types that the agent, the pools and the backends all speak.

Pixels are numpy arrays, ``uint8``, in RGB order. Nothing here imports a backend, or a library that one needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

RGBImage = NDArray[np.uint8]
"""Shape (height, width, 3), RGB, 0 to 255."""

RGBAImage = NDArray[np.uint8]
"""Shape (height, width, 4), RGB and straight (not premultiplied) alpha, 0 to 255."""

Embedding = NDArray[np.float32]
"""Shape (d,), as the recogniser gives it: not normalised."""

Frames = Iterable[RGBImage]
"""The frames of one clip in order, all of one size. May be lazy, so that a long clip is never held whole."""

Presentation = Literal["woman", "man", "person"]
"""How prompts name the subject."""

Framing = Literal["close-up", "medium shot", "full shot", "wide shot"]

FRAMINGS: tuple[Framing, ...] = ("close-up", "medium shot", "full shot", "wide shot")
"""From near to far. One step closer is one place to the left."""

Progress = Callable[[int, int, str], None]
"""``report(done, total, message)``: called at least once a step of work; raises ``Cancelled``."""


class Size(NamedTuple):
    """Pixels; both sides even, so that yuv420p can hold them."""

    width: int
    height: int


class Box(NamedTuple):
    """A rectangle in pixels of its image: left, top, width, height. It may reach over the edge of the image."""

    x: float
    y: float
    width: float
    height: float

    @property
    def shorter_side(self) -> float:
        return min(self.width, self.height)


@dataclass(frozen=True)
class Face:
    """One face as an analyzer saw it.

    ``points`` are named landmarks in pixels; which names there are is the analyzer's to say.
    Names are the subject's own: ``left_eye_outer`` lies on the right side of an unmirrored picture.
    ``score`` is the detector's, comparable only within one analyzer.
    ``yaw`` and ``roll`` are degrees: 0 is frontal and upright, yaw is positive when the subject's nose moves
    to the right of the picture, roll when the head tips clockwise; ``None`` where it cannot be told.
    """

    box: Box
    score: float
    points: Mapping[str, tuple[float, float]]
    embedding: Embedding = field(repr=False, compare=False)
    yaw: float | None = None
    roll: float | None = None
    presentation: Presentation | None = None


@dataclass(frozen=True)
class Thresholds:
    """What counts as the same person for one analyzer; similarities of two analyzers are never comparable.

    ``smallest_face`` is in pixels of the shorter side of the face box: below it the similarity means nothing.
    ``widest_yaw`` is in degrees: beyond it a low similarity is put down to the turned head.
    """

    first_frame: float
    video_mean: float
    video_p10: float
    smallest_face: int
    detector_floor: float
    widest_yaw: float


class FaceAnalyzer(Protocol):
    """Finds, embeds and compares faces."""

    name: str
    """The recogniser's name as results print it beside every similarity."""
    thresholds: Thresholds

    def analyze(self, images: Sequence[RGBImage]) -> list[list[Face]]:
        """Every face found, per image, largest box first; the caller applies ``thresholds.detector_floor``."""
        ...

    def similarity(self, a: Face, b: Face) -> float:
        """How alike two faces are; higher is closer, and 1 is the same embedding."""
        ...


@dataclass(frozen=True)
class CutOut:
    """A person without their background: ``pixels`` has the size of the photo; ``method`` says how it was cut."""

    pixels: RGBAImage
    method: str


class BackgroundRemover(Protocol):
    """Cuts one person out of a photo."""

    def remove(self, image: RGBImage, face: Face) -> CutOut:
        """Cut out the person whose face is ``face``."""
        ...


@dataclass(frozen=True)
class Reference:
    """A photo of the person: the photo whole, their face in it, and the photo cut out. All share one pixel grid."""

    image: RGBImage
    face: Face
    cut_out: CutOut
    presentation: Presentation


class FirstFrameGenerator(Protocol):
    """Paints the first frame: the person of the references as the spatial prompt says."""

    def generate(
        self, references: Sequence[Reference], prompt: str, seeds: Sequence[int], size: Size, report: Progress
    ) -> list[RGBImage]:
        """One image of exactly ``size`` for each seed, in order; the same arguments give the same pixels."""
        ...


class IdentityWriter(Protocol):
    """Writes a person down for other programs."""

    def write_lora(self, references: Sequence[Reference], path: Path, report: Progress) -> str:
        """A LoRA for Stable Diffusion XL, from all references together; returns how to use it, in sentences.

        ``InputError`` where none of the references shows a usable face.
        """
        ...


class FaceDetailer(Protocol):
    """Paints a face again in place, closer to the reference, keeping the pose."""

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
        """The frames with their faces repainted; ``strength`` is 0 (as it was) to 1.

        ``faces`` are those of each frame, the nearest to the first reference first: that one alone becomes the person.
        """
        ...


ChatMessage = Mapping[str, str]
"""One turn of a conversation: ``role`` (system, user or assistant) and ``content``."""


class ChatModel(Protocol):
    """Writes one answer in JSON."""

    def complete(
        self, model: str, messages: Sequence[ChatMessage], schema: Mapping[str, Any], seed: int, report: Progress
    ) -> str:
        """JSON text that the JSON Schema admits; ``report`` is called at least every few tokens.

        ``model`` is a Hub id or a folder of weights, loaded at its first use and kept. The same arguments give the same
        text. ``Unavailable`` where the weights are not there; ``BackendError`` where the answer does not end in time.
        """
        ...


@dataclass(frozen=True)
class ClipSpec:
    """``frames`` images of ``size``, shown at ``fps`` a second."""

    size: Size
    frames: int
    fps: int


@dataclass(frozen=True)
class Origin:
    """How a first frame was made, for a video backend of the same family; others ignore it."""

    backend: str
    prompt: str
    seed: int


@dataclass(frozen=True)
class Given:
    """What a clip is made from: frames fixed by index (0 is the first frame), and photos of the person.

    ``origin`` belongs to ``frames[0]`` and is ``None`` where it is not known.
    """

    frames: Mapping[int, RGBImage]
    references: tuple[Reference, ...] = ()
    origin: Origin | None = None


KEYFRAME_GROUP = 4
"""Frames of one latent of a video engine: after frame 0, which has its own, those of a clip come in groups of so many.

A fixed frame among others that are to be painted reaches an engine as a mixture, so whole groups are given."""


class VideoGenerator(Protocol):
    """Makes the clip.

    ``needs`` holds ``"first_frame"``, ``"reference"`` or both.
    ``takes_keyframes``: frames other than 0 may be given too, in whole groups, which identity repair needs.
    """

    needs: frozenset[str]
    takes_keyframes: bool

    def check(self, clip: ClipSpec) -> None:
        """``InputError``, with what would do, for a clip that it cannot make; asked before anything is painted."""
        ...

    def generate(self, prompt: str, clip: ClipSpec, given: Given, seed: int, report: Progress) -> Frames:
        """Exactly ``clip.frames`` frames of ``clip.size``.

        Frame 0 shows the given first frame, as exactly as the engine can: some paint it anew.
        """
        ...
