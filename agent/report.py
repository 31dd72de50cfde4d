"""The report of one job, as ``report.json`` holds it: what was asked, tried, measured and delivered.

The schema is versioned: a field may be added within a version, and none changes its meaning.
``python -m agent.report`` prints its JSON Schema.
"""

from __future__ import annotations

import json
import sys
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from agent.planner.protocol import Cause
from tools.contracts import Framing, Presentation
from tools.pools.calls import ArtifactId, RecogniserFacts, SeenFace, WindowFit
from tools.pools.usage import Usage
from tools.registry import Options

SKETCH_NOTICE = (
    "This is a preview: an animatic made of paper cut-outs, not a generated video. The pixels are a sketch and the "
    "scores are of the sketch. The head was cut from the reference photo itself, so another photo of the person will "
    "score lower."
)

Similarity = float
"""1 is the same face, lower is less alike; comparable only within one recogniser."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ConsentFacts(Part):
    """On what basis the person's likeness is used, and who said so."""

    basis: str = Field(description="self, written, licensed or synthetic")
    source: str = Field(description="who stated it, such as 'stated by the user' or 'asserted by client'")
    scope: str = Field("this video", description="'this video', with its follow-ups, or 'any video' with the photo")
    record: str | None = Field(None, description="id of the consent record, which holds the photo's hash too")
    expires: AwareDatetime | None = Field(None, description="when the consent ends; null where no end was stated")


class RequestFacts(Part):
    """What was asked for."""

    prompt: str
    photo_name: str = Field(description="file name of the reference photo as it was given")
    more_photo_names: list[str] = Field(description="of further photos, which condition the first frame too")
    identity: str | None = Field(None, description="the named person who was asked for, such as @alice")
    face: int | None = Field(description="which face of a group photo, from 1, left to right; null where it was alone")
    seed: int = Field(ge=0, description="every random choice of the job derives from it")
    consent: ConsentFacts
    width: int = Field(gt=0, description="pixels")
    height: int = Field(gt=0, description="pixels")
    frames: int = Field(gt=0)
    fps: int = Field(gt=0, description="frames a second")
    refines: str | None = Field(description="the job that this one is a follow-up of")
    understood: str | None = Field(description="of a follow-up: what was changed and what was kept")
    match_colours: bool = Field(description="the clip was held to the colours that it begins with")
    candidates: int = Field(ge=0, description="first frames painted in each attempt")
    max_attempts: int = Field(ge=0, description="attempts allowed in all")
    on_gate_failure: Literal["best", "fail"] = Field(description="what to do when no attempt passes")


class ReferenceFacts(Part):
    """The reference photo as it was used."""

    photo: ArtifactId = Field(description="content hash of the photo, upright and without metadata")
    face: SeenFace = Field(description="box in pixels of the photo")
    cut_method: str = Field(description="how the person was cut out")
    presentation: Presentation = Field(description="how prompts name the subject")


class PlannerFacts(Part):
    """Who split the prompt."""

    name: str = Field(description="'rules', 'qwen', 'qwen+repair' (asked twice), or 'rules (…)' with why no model did")
    templates: dict[str, int] = Field(description="versions of the prompt templates used, by name")
    notes: list[str] = Field(description="sentences for the user, such as a language that the planner does not know")


class Diagnosis(Part):
    """Why the best candidate of an attempt did not pass, from measured things only."""

    cause: Cause
    message: str


class Candidate(Part):
    """One first frame."""

    number: int = Field(ge=1, description="within its attempt")
    seed: int = Field(ge=0)
    image: ArtifactId
    similarity: Similarity | None = Field(description="to the reference photo; null where no face was found")
    largest_similarity: Similarity | None = Field(description="of the largest face, where others would score that one")
    face: SeenFace | None = Field(description="the face nearest the reference; box in pixels of the image")
    face_count: int = Field(ge=0, description="faces at or above the detector's floor")
    passed: bool


class Attempt(Part):
    """One batch of first frames from one spatial prompt."""

    number: int = Field(ge=1)
    move: str = Field(description="what made it: 'first', 're-seed' or the planner's move, such as 'closer_framing'")
    planner: str = Field(description="who wrote the spatial prompt, as in PlannerFacts.name")
    spatial_prompt: str
    framing: Framing
    loosened: str | None = Field(description="a sentence, where the user's own words gave way")
    candidates: list[Candidate]
    diagnosis: Diagnosis | None = Field(description="null where a candidate passed")


class Chosen(Part):
    """The first frame that the video was made from."""

    attempt: int = Field(ge=1)
    candidate: int = Field(ge=1)
    similarity: Similarity | None
    passed: bool


class Gate(Part):
    """What the gate between first frame and video decided."""

    threshold: Similarity = Field(description="smallest similarity that passes")
    passed: bool
    warning: str | None = Field(description="a sentence, where nothing passed")
    loosened: list[str] = Field(description="what was changed of the user's own words, in order")


class Point(Part):
    """One scored frame of the delivered file."""

    frame: int = Field(ge=0)
    similarity: Similarity | None = Field(description="null where no face was found")


class WholeClip(Part):
    """What can go wrong with a clip as a whole; on frames made eight times smaller."""

    first_frame_distance: float | None = Field(description="mean difference of frame 0 from the first frame, if any")
    flash: float = Field(ge=0, description="greatest change of brightness between two frames of the first second")
    colour_drift: float = Field(ge=0, description="between the mean colours of the first and the last 8 frames")
    motion: float = Field(ge=0, description="mean difference of one frame from the next")


class VideoFacts(Part):
    """The delivered video and its identity scores, made on the file as delivered."""

    file: ArtifactId
    width: int = Field(gt=0, description="pixels")
    height: int = Field(gt=0, description="pixels")
    frames: int = Field(gt=0)
    fps: float = Field(gt=0, description="frames a second")
    seconds: float = Field(gt=0, description="playing time")
    bytes: int = Field(gt=0)
    identity_skip: Similarity | None = Field(description="mean similarity; faceless frames are left out")
    identity_zero: Similarity = Field(description="mean similarity; faceless frames count 0")
    face_rate: float = Field(ge=0, le=1, description="share of the scored frames that show a face")
    p10: Similarity | None = Field(description="10th percentile of the similarity; faceless frames are left out")
    drift: float | None = Field(description="similarity of the first scored frame less identity_skip")
    points: list[Point]
    whole: WholeClip = Field(description="of the whole clip, whoever is in it; in grey levels of 0 to 255")
    passed: bool = Field(description="identity_skip and p10 reach the recogniser's thresholds for a video")


class Repair(Part):
    """One window of drifted frames that was made again."""

    first: int = Field(ge=0, description="first frame of the window, still the person")
    last: int = Field(ge=0, description="last frame of the window, inclusive; it may lie beyond the clip")
    keyframes: list[int] = Field(description="frames of the window that were corrected first")
    drifted: tuple[int, int] = Field(description="first and last frame that the window was to replace")
    before: Similarity | None = Field(description="identity_skip of the clip without it")
    after: Similarity | None = Field(description="identity_skip of the clip with it")
    curve_before: list[Point] = Field(description="the scored frames of the window without it")
    curve_after: list[Point] = Field(description="the scored frames of the window with it")
    fit: WindowFit | None = Field(description="how it sits in the clip; null where it could not be made")
    accepted: bool
    objection: str | None = Field(description="a sentence: why it was not taken")


class Timing(Part):
    """One run of a stage; a stage that ran again is listed again."""

    stage: str
    seconds: float = Field(ge=0, description="from its start to its end")
    tool_seconds: float = Field(ge=0, description="the part of it spent in tools, waiting for a worker included")
    retries: int = Field(0, ge=0, description="calls that were run again because their worker died or was lost")
    usage: Usage = Field(Usage(), description="what its calls took of the machines of their workers")


class Report(Part):
    """One job: what was asked, tried, measured and delivered.

    The same request with the same seed gives the same report but for ``job_id``, ``created``, ``finished``,
    ``timings``, ``events`` and the ``record`` of its consent.
    """

    schema_version: Literal[1] = 1
    steadface: str = Field(description="version of Steadface")
    job_id: str
    created: AwareDatetime
    finished: AwareDatetime
    preset: str
    sketch: bool = Field(description="the pixels are a sketch, as the preset preview makes them")
    notice: str | None = Field(description="what a reader must know before any score, set for a sketch")
    backends: dict[str, str] = Field(description="capability to the backend that served it")
    options: dict[str, Options] = Field(description="capability to the options of its backend, where it was given any")
    request: RequestFacts
    reference: ReferenceFacts
    recogniser: RecogniserFacts = Field(description="made every similarity of this report")
    planner: PlannerFacts
    temporal_prompt: str
    attempts: list[Attempt] = Field(description="in order; empty where the preset makes no first frame")
    chosen: Chosen | None
    gate: Gate | None
    video: VideoFacts | None = Field(description="null where the job ended before it")
    repairs: list[Repair]
    timings: list[Timing] = Field(description="in order")
    events: list[str] = Field(description="sentences: what happened on the way, such as a worker that was replaced")
    warnings: list[str] = Field(description="sentences: what may be wrong with the result; read these first")
    files: dict[str, str] = Field(description="role to the name of a file beside this report")


def json_schema() -> str:
    """The JSON Schema of ``Report``, as ``docs/report.schema.json`` holds it."""
    return json.dumps(Report.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(json_schema())
