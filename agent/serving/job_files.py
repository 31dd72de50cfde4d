"""What a job holds, by the names that it has as resources: its photo, its candidates, and what it delivered."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from agent.serving.results import SCHEME
from tools.errors import InputError

if TYPE_CHECKING:
    from agent.jobs import JobEngine
    from agent.requests import Photo
    from agent.views import CandidateView

REFERENCE, FIRST_FRAME = "reference.png", "first_frame.png"

_URI = re.compile(rf"{SCHEME}://jobs/(?P<job>[\w-]+)/(?P<name>[\w./-]+)")
_CANDIDATE = re.compile(r"candidates/(\d{1,4})\.jpg")


def parsed_uri(uri: str) -> tuple[str, str]:
    """The job and the name in ``steadface://jobs/{job_id}/{name}``."""
    found = _URI.fullmatch(uri)
    if found is None:
        raise InputError(
            f"The URI {uri[:200]} is none of this server's; they begin with {SCHEME}://jobs/ and a job id."
        )
    return found["job"], found["name"]


def picture_of(engine: JobEngine, job_id: str, name: str) -> Photo:
    """The picture at its full size, as it is stored. Raises ``InputError`` where the job has none of that name."""
    from agent.requests import JobRequest, Photo

    if name == REFERENCE:
        request = JobRequest.model_validate(engine.row(job_id).request)
        photo = Photo(image=request.photo, name=request.photo_name, identity=request.identity, face_at=request.face_at)
    elif name == FIRST_FRAME:
        photo = Photo(image=_first_frame(engine, job_id), name=f"first frame of {job_id}")
    elif found := _CANDIDATE.fullmatch(name):
        photo = Photo(image=candidate_of(engine, job_id, int(found[1])), name=f"candidate {found[1]} of {job_id}")
    else:
        raise InputError(
            f"{name} is no picture of job {job_id}; there are {FIRST_FRAME}, candidates/1.jpg and {REFERENCE}."
        )
    if not engine.artifacts.exists(photo.image):
        raise InputError(f"The picture {name} of job {job_id} is no longer kept; give another.")
    return photo


def candidate_of(engine: JobEngine, job_id: str, number: int) -> str:
    """The artifact of a candidate, counted from 1 through all attempts."""
    candidates = _painted(engine, job_id)
    for candidate in candidates:
        if candidate.number == number:
            return Path(candidate.file).name
    has = f"has {len(candidates)}" if candidates else "has none yet"
    raise InputError(f"Job {job_id} has no candidate {number}; it {has}.")


def delivered_file(engine: JobEngine, job_id: str, field: str, name: str) -> Path:
    """The file that a job delivered; ``InputError`` where it made none, or it was moved since."""
    view = engine.view(job_id)
    path = getattr(view.result or view.first_frames, field, None)
    if path is None:
        raise InputError(f"Job {job_id} has no {name}: it is {view.status}.")
    if not Path(path).is_file():
        raise InputError(f"The {name} of job {job_id} is no longer where it was delivered.")
    return Path(path)


def _painted(engine: JobEngine, job_id: str) -> list[CandidateView]:
    """The candidates as they were kept when they were scored: a view may name the copies that people see."""
    from agent.views import CandidateView

    progress = engine.row(job_id).progress or {}
    return [CandidateView.model_validate(candidate) for candidate in progress.get("candidates", [])]


def _first_frame(engine: JobEngine, job_id: str) -> str:
    """The one delivered, else the one that the gate chose."""
    chosen = [Path(candidate.file).name for candidate in _painted(engine, job_id) if candidate.chosen]
    if chosen:
        return chosen[-1]
    view = engine.view(job_id)
    delivered = view.result.first_frame if view.result else None
    if delivered is None:
        raise InputError(f"Job {job_id} has no first frame yet: it is {view.status}.")
    try:
        return engine.artifacts.put(Path(delivered).read_bytes(), "png")
    except OSError:
        raise InputError(f"The first frame of job {job_id} is no longer where it was delivered.") from None
