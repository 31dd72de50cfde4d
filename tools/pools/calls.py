"""The typed messages between the agent and its workers: one request and one reply for each operation.

They hold references to artifacts, prompts and numbers; never pixels. Importing them is light.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tools.contracts import Presentation, Thresholds
from tools.registry import BackendCapability, Options

ArtifactId = Annotated[str, Field(pattern=r"^([\w-]+/)?[0-9a-f]{64}\.[a-z0-9]+$")]
"""The content hash and kind of some bytes, as ``tools.artifacts`` keeps them; ``job/…`` for a scratch file of a job."""

Queue = Literal["render", "quick"]


class Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Backend(Message):
    """A backend by its name in the registry, and its options; a bare name has none."""

    name: str
    options: Options = {}

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value


class Request(Message):
    """One call. ``queue`` says which worker takes it; ``reply`` is the type of its answer."""

    operation: ClassVar[str]
    queue: ClassVar[Queue]
    reply: ClassVar[type[Message]]


class SeenFace(Message):
    """A face as scores and reports keep it: pixels of its image, degrees, the detector's score."""

    x: float
    y: float
    width: float
    height: float
    detector_score: float
    yaw: float | None = None
    roll: float | None = None


class RecogniserFacts(Message):
    """The analyzer that made a similarity, and what counts as the same person for it."""

    name: str
    thresholds: Thresholds


class ReferencePhoto(Message):
    """Enough to have the reference again in any worker."""

    photo: ArtifactId
    face: int = Field(description="0 is the leftmost face that the detector is sure of")
    cut_out: ArtifactId
    cut_method: str
    presentation: Presentation
    faces: Backend = Field(description="what found the face")


class InspectReply(Message):
    reference: ReferencePhoto
    seen: SeenFace
    recogniser: RecogniserFacts


class InspectReference(Request):
    """Find the face, refuse what cannot work, and cut the person out.

    ``face`` counts from 1, left to right; ``None`` means the photo must hold one person. ``face_at`` is a point on the
    face, in pixels, which means the same face to every recogniser, and goes before ``face``. ``like`` is an earlier
    photo of the person: then the face most like theirs is taken, and a photo of somebody else refused.
    ``presentation`` is from the user's words, ``None`` where they did not say.
    """

    operation: ClassVar[str] = "inspect_reference"
    queue: ClassVar[Queue] = "quick"
    reply: ClassVar[type[Message]] = InspectReply

    photo: ArtifactId
    face: int | None
    face_at: tuple[float, float] | None = None
    like: ReferencePhoto | None = None
    presentation: Presentation | None
    faces: Backend
    matting: Backend


class PaintReply(Message):
    images: list[ArtifactId]


class PaintFirstFrames(Request):
    """One image for each seed. With a ``detailer`` their faces are then painted again, the person's as the person.

    ``video``, ``frames`` and ``fps`` are of the clip that is to follow: nothing is painted where it cannot be made.
    """

    operation: ClassVar[str] = "paint_first_frames"
    queue: ClassVar[Queue] = "render"
    reply: ClassVar[type[Message]] = PaintReply

    references: list[ReferencePhoto]
    prompt: str
    seeds: list[int]
    width: int
    height: int
    backend: Backend
    detailer: Backend | None = None
    detail_strength: float = Field(0.5, ge=0, le=1)
    video: Backend
    frames: int
    fps: int


class ImageScore(Message):
    """``face`` is the face nearest the reference among those at or above the detector's floor, ``face_count`` of them.

    ``similarity`` is its own; ``largest_similarity`` that of the largest of them, which others may have scored.
    ``faint`` is the best detection below the floor, where no face reached it.
    """

    similarity: float | None
    largest_similarity: float | None = None
    face: SeenFace | None
    face_count: int
    faint: SeenFace | None = None
    width: int
    height: int


class ScoreReply(Message):
    scores: list[ImageScore]


class ScoreImages(Request):
    operation: ClassVar[str] = "score_images"
    queue: ClassVar[Queue] = "quick"
    reply: ClassVar[type[Message]] = ScoreReply

    reference: ReferencePhoto
    images: list[ArtifactId]


class ClipReply(Message):
    """``clip`` is lossless scratch; ``takes_keyframes`` says whether the engine can repair windows."""

    clip: ArtifactId
    takes_keyframes: bool


class Animate(Request):
    """Make the clip from the first frame, the references or both, as the backend needs.

    With ``match_colours`` it is then held to the colours of its frame 0.
    """

    operation: ClassVar[str] = "animate"
    queue: ClassVar[Queue] = "render"
    reply: ClassVar[type[Message]] = ClipReply

    job_id: str
    prompt: str
    first_frame: ArtifactId | None
    first_frame_backend: str | None
    first_frame_prompt: str | None
    first_frame_seed: int | None
    references: list[ReferencePhoto]
    seed: int
    width: int
    height: int
    frames: int
    fps: int
    match_colours: bool = False
    backend: Backend


class FramePoint(Message):
    """One scored frame of the delivered file; ``similarity`` is ``None`` where no face was found.

    ``yaw`` is in degrees, ``side`` the shorter one of the face box in pixels, each where it is known.
    """

    frame: int
    similarity: float | None
    yaw: float | None = None
    side: float | None = None


class VideoScore(Message):
    """``identity_skip`` leaves faceless frames out (the published rule), ``identity_zero`` counts them 0."""

    identity_skip: float | None
    identity_zero: float
    face_rate: float
    p10: float | None
    drift: float | None = Field(description="first scored frame's similarity less identity_skip")
    points: list[FramePoint]


class WholeClip(Message):
    """``tools.clip_checks.ClipChecks``, where each field is told; in grey levels of 0 to 255."""

    first_frame_distance: float | None
    flash: float
    colour_drift: float
    motion: float


class ScoreVideoReply(Message):
    video: ArtifactId
    bytes: int
    seconds: float
    score: VideoScore
    whole: WholeClip


class ScoreVideo(Request):
    """Encode the clip as it will be delivered, read it back and score ``samples`` frames of it, evenly spread.

    ``first_frame`` is what the clip was made from, where it was.
    """

    operation: ClassVar[str] = "score_video"
    queue: ClassVar[Queue] = "quick"
    reply: ClassVar[type[Message]] = ScoreVideoReply

    reference: ReferencePhoto
    clip: ArtifactId
    first_frame: ArtifactId | None = None
    fps: int
    samples: int
    title: str
    comment: str


class ScoreFileReply(Message):
    fps: float
    seconds: float
    score: VideoScore
    recogniser: RecogniserFacts


class ScoreFile(Request):
    """Score ``samples`` frames, evenly spread, of a video file of whatever kind and origin.

    Raises ``InputError`` where it is none that can be read, or longer than ``longest`` seconds.
    """

    operation: ClassVar[str] = "score_file"
    queue: ClassVar[Queue] = "quick"
    reply: ClassVar[type[Message]] = ScoreFileReply

    reference: ReferencePhoto
    video: ArtifactId
    samples: int
    longest: float


class ShrinkReply(Message):
    video: ArtifactId


class ShrinkVideo(Request):
    """The mp4 as a smaller one of at most ``most_bytes``: first coarser, then smaller in its pixels too."""

    operation: ClassVar[str] = "shrink_video"
    queue: ClassVar[Queue] = "quick"
    reply: ClassVar[type[Message]] = ShrinkReply

    video: ArtifactId
    most_bytes: int


class WindowFit(Message):
    """How a regenerated window sits in its clip: grey levels as in ``WholeClip``, motion in pixels a frame.

    ``seam`` is the larger step into and out of the window, ``usual_step`` the largest from frame to frame where the
    clip was left as it was. Both motions are means over the frames spliced in.
    """

    seam: float
    usual_step: float
    motion_before: float
    motion_after: float


class RepairReply(Message):
    clip: ArtifactId
    fit: WindowFit


class Keyframe(Message):
    """A frame of a clip as it is to be, by its number there."""

    frame: int
    image: ArtifactId


class KeyframesReply(Message):
    keyframes: list[Keyframe]


class FixKeyframes(Request):
    """Paint the person's face again in ``frames`` of the clip, by their numbers, with the face detailer."""

    operation: ClassVar[str] = "fix_keyframes"
    queue: ClassVar[Queue] = "render"
    reply: ClassVar[type[Message]] = KeyframesReply

    clip: ArtifactId
    frames: list[int]
    references: list[ReferencePhoto]
    prompt: str
    strength: float
    seed: int
    backend: Backend


class RepairWindow(Request):
    """Regenerate frames ``first`` to ``last`` of the clip, between frames that are still the person.

    ``last`` may lie beyond the end of the clip, for a length that the engine can make. ``keyframes`` are fixed, as the
    frames after those ``drifted`` are; only these, inclusive, are spliced back.
    """

    operation: ClassVar[str] = "repair_window"
    queue: ClassVar[Queue] = "render"
    reply: ClassVar[type[Message]] = RepairReply

    job_id: str
    clip: ArtifactId
    first: int
    last: int
    keyframes: list[Keyframe]
    drifted: tuple[int, int]
    references: list[ReferencePhoto]
    prompt: str
    seed: int
    fps: int
    backend: Backend


class EncodedReply(Message):
    """``usage`` says in sentences what the file is for."""

    lora: ArtifactId
    usage: str


class EncodeIdentity(Request):
    """The person of the photos, all together, as a LoRA file."""

    operation: ClassVar[str] = "encode_identity"
    queue: ClassVar[Queue] = "quick"
    reply: ClassVar[type[Message]] = EncodedReply

    references: list[ReferencePhoto]
    backend: Backend


class SheetReply(Message):
    """``frames`` are those of the video that the tiles show, in order."""

    sheet: ArtifactId
    frames: list[int] = []


class MakeContactSheet(Request):
    """Tiles of the delivered video, each with its similarity under it; a JPEG below 300 KB."""

    operation: ClassVar[str] = "make_contact_sheet"
    queue: ClassVar[Queue] = "quick"
    reply: ClassVar[type[Message]] = SheetReply

    video: ArtifactId
    fps: int
    points: list[FramePoint]
    good_from: float = Field(description="similarity at and above which a frame is marked as the person")
    caption: str


class ShownCandidate(Message):
    image: ArtifactId
    number: int
    similarity: float | None
    passed: bool


class MakeCandidateSheet(Request):
    """First frames to choose from, each with its number and its similarity under it; a JPEG below 300 KB."""

    operation: ClassVar[str] = "make_candidate_sheet"
    queue: ClassVar[Queue] = "quick"
    reply: ClassVar[type[Message]] = SheetReply

    candidates: list[ShownCandidate]
    caption: str


class ChatReply(Message):
    """``seconds`` is what the answer took; loading the model does not count."""

    text: str
    seconds: float


class CompleteChat(Request):
    """One answer of a language model held in a worker; ``model`` is a Hub id or a folder of weights."""

    operation: ClassVar[str] = "complete_chat"
    queue: ClassVar[Queue] = "render"
    reply: ClassVar[type[Message]] = ChatReply

    model: str
    messages: list[dict[str, str]]
    answer_schema: dict[str, Any]
    seed: int
    seconds: int = Field(600, description="for the answer, once the model is loaded; then the call fails")
    backend: Backend


class CheckReply(Message):
    """One sentence for each backend that cannot be made here."""

    missing: list[str]


class CheckBackends(Request):
    """Whether every backend can be made here; ``backends`` maps capability to name."""

    operation: ClassVar[str] = "check_backends"
    queue: ClassVar[Queue] = "quick"
    reply: ClassVar[type[Message]] = CheckReply

    backends: dict[BackendCapability, Backend]
