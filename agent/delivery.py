"""The last node's work: the results of a job in one folder that people see."""

from __future__ import annotations

import itertools
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.context import Context, Tools
from agent.report import Report
from agent.report_page import render_page
from agent.reporting import build_report, chosen_candidate
from agent.state import State
from agent.views import CurvePoint, Delivered
from tools.artifacts import room_on_disk
from tools.errors import InputError
from tools.pools.calls import FramePoint, MakeContactSheet, RecogniserFacts, SheetReply

VIDEO, FIRST_FRAME, SHEET, REPORT, PAGE = (
    "video.mp4",
    "first_frame.png",
    "contact_sheet.jpg",
    "report.json",
    "report.html",
)


def check_folder(folder: Path) -> None:
    """Raise ``InputError`` where the results could not be written to ``folder``; leaves nothing behind."""
    ancestor = folder
    while not ancestor.exists() and ancestor != ancestor.parent:
        ancestor = ancestor.parent
    if not ancestor.is_dir():
        raise InputError(f"{ancestor} is a file, and the results need a folder; give another folder.")
    try:
        with tempfile.NamedTemporaryFile(dir=ancestor):
            pass
    except OSError as error:
        raise InputError(
            f"The results cannot be written to {folder} ({error.strerror}); give a folder that you may write to."
        ) from None


def deliver_files(state: State, context: Context, tools: Tools) -> dict[str, Any]:
    """Put video, first frame, contact sheet and report into the job's folder, all or none; a dumped ``Delivered``."""
    sheet = tools.call(_sheet_request(state, context), SheetReply)
    names = {"video": VIDEO, "contact_sheet": SHEET, "page": PAGE, "report": REPORT}
    if chosen_candidate(state) is not None:
        names["first_frame"] = FIRST_FRAME
    report = build_report(state, context, finished=datetime.now().astimezone(), events=tools.notes, files=names)
    folder = results_folder(context)
    place_files(_contents(state, context, report, sheet.sheet), folder, context.job_id)
    stages = _seconds_a_stage(state) | {"deliver": tools.elapsed()}
    return _delivered(folder, report, stages, sheet.frames).model_dump(mode="json")


def _sheet_request(state: State, context: Context) -> MakeContactSheet:
    recogniser = RecogniserFacts.model_validate(state["recogniser"])
    sketch = " This is a preview: the pixels are a sketch." if context.recipe.sketch else ""
    return MakeContactSheet(
        video=state["video"]["file"],
        fps=context.recipe.fps,
        points=[FramePoint.model_validate(point) for point in state["video"]["score"]["points"]],
        good_from=recogniser.thresholds.video_p10,
        caption=f"Identity similarity to the photo by {recogniser.name}.{sketch}",
    )


def _contents(state: State, context: Context, report: Report, sheet: str) -> dict[str, bytes]:
    artifacts = context.artifacts
    images = {
        candidate["image"]: artifacts.read(candidate["image"])
        for attempt in state.get("attempts", [])
        for candidate in attempt["candidates"]
    }
    video = artifacts.read(state["video"]["file"])
    files = {
        VIDEO: video,
        SHEET: artifacts.read(sheet),
        REPORT: report.model_dump_json(indent=2).encode(),
        PAGE: render_page(report, video, images).encode(),
    }
    chosen = chosen_candidate(state)
    if chosen is not None:
        files[FIRST_FRAME] = images[chosen["image"]]
    return files


def place_files(files: Mapping[str, bytes], folder: Path, job_id: str) -> None:
    """Write beside the folder first, so that a full disk leaves nothing half-written in it.

    What a killed process left of this job there is cleared away.
    """
    with room_on_disk(folder, "have the results written to another folder"):
        draft = folder.parent / f".{folder.name}.{job_id}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        try:
            for name, data in files.items():
                (draft / name).write_bytes(data)
            folder.mkdir(exist_ok=True)
            for name in files:
                (draft / name).replace(folder / name)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def results_folder(context: Context) -> Path:
    """The folder that was asked for, else one among the videos, named by date and subject; the same at every call."""
    if context.request.out:
        return Path(context.request.out)
    words = re.findall(r"[\w'-]+", context.request.prompt)[:8]
    name = f"{datetime.now().astimezone():%Y-%m-%d} {' '.join(words)}"[:80].strip()
    numbered = (f"{name} {number}" if number > 1 else name for number in itertools.count(1))
    return context.take_folder(folder for each in numbered if not (folder := context.videos / each).exists())


def _seconds_a_stage(state: State) -> dict[str, float]:
    stages: dict[str, float] = {}
    for timing in state["timings"]:
        stages[timing["stage"]] = stages.get(timing["stage"], 0.0) + timing["seconds"]
    return stages


def _delivered(folder: Path, report: Report, stages: dict[str, float], tiles: Sequence[int]) -> Delivered:
    video, chosen = report.video, report.chosen
    assert video is not None
    place_of = {frame: place for place, frame in enumerate(tiles, 1)}
    curve = [
        CurvePoint(
            frame=point.frame,
            second=round(point.frame / video.fps, 2),
            similarity=point.similarity,
            tile=place_of.get(point.frame),
        )
        for point in video.points
    ]
    paths = {role: str(folder / name) for role, name in report.files.items()}
    return Delivered(
        folder=str(folder),
        video=paths["video"],
        first_frame=paths.get("first_frame"),
        contact_sheet=paths["contact_sheet"],
        report=paths["report"],
        page=paths["page"],
        preset=report.preset,
        sketch=report.sketch,
        recogniser=report.recogniser.name,
        first_frame_similarity=chosen.similarity if chosen else None,
        first_frame_passed=chosen.passed if chosen else None,
        attempts=len(report.attempts),
        identity_skip=video.identity_skip,
        identity_zero=video.identity_zero,
        face_rate=video.face_rate,
        seconds=video.seconds,
        width=video.width,
        height=video.height,
        seed=report.request.seed,
        warnings=report.warnings,
        stages=stages,
        curve=curve,
        good_from=report.recogniser.thresholds.video_p10,
        spatial_prompt=report.attempts[chosen.attempt - 1].spatial_prompt if chosen else None,
        temporal_prompt=report.temporal_prompt,
    )
