"""The files of a batch's results: lines appended one by one, each on the disk before the next row is begun.

<folder>/results.jsonl   a line for each row that was completed
<folder>/errors.jsonl    a line for each time that a row failed; one that was completed later stays here
<folder>/rows/<custom_id>/…   video, first frame, contact sheet and report of a row
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from agent.views import JobError
from tools.artifacts import room_on_disk
from tools.errors import InputError

RESULTS, ERRORS, ROWS = "results.jsonl", "errors.jsonl", "rows"


class Ended(BaseModel):
    """What a line of either file says first."""

    model_config = ConfigDict(cache_strings="keys")  # else pydantic keeps thousands of values for next time

    custom_id: str
    row: str = Field(description="stands for what the row asked")
    prompt: str
    reference: str = Field(description="name of the photo, or @name")
    job_id: str | None = Field(description="null where no job could be made of the row")
    seconds: float = Field(description="from the job's start to its end")
    ended: AwareDatetime


class RowResult(Ended):
    """A row that was completed. Similarities are comparable only within one recogniser."""

    passed: bool = Field(description="first frame and video both reach what the recogniser asks")
    recogniser: str
    identity_skip: float | None = Field(description="mean similarity of the scored frames that show a face")
    identity_zero: float = Field(description="the same with faceless frames counted 0")
    face_rate: float
    first_frame_similarity: float | None
    attempts: int
    seed: int
    preset: str
    sketch: bool
    video: str = Field(description="absolute path, as are the others")
    first_frame: str | None
    contact_sheet: str
    report: str
    page: str
    warnings: list[str]
    stages: dict[str, float] = Field(description="seconds spent in each stage")


class RowError(Ended):
    """A row that failed."""

    error: JobError


Line = TypeVar("Line", bound=Ended)


class ResultFiles:
    """For one process at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results, self.errors = folder / RESULTS, folder / ERRORS

    def append(self, line: RowResult | RowError) -> int:
        """Write a line to the disk, and tell where it begins. ``InputError`` where the disk is full."""
        file = self.results if isinstance(line, RowResult) else self.errors
        with room_on_disk(self.folder, "move the batch to another disk"), file.open("ab") as out:
            begins = out.tell()
            out.write(line.model_dump_json().encode() + b"\n")
            out.flush()
            os.fsync(out.fileno())
        return begins

    def mend(self) -> None:
        """Make both files where they are missing, and drop a last line that a killed process left half-written."""
        for file in (self.results, self.errors):
            file.touch()
            with file.open("rb+") as lines:
                lines.truncate(_whole(lines))

    def read(self, kind: type[Line]) -> Iterator[tuple[int, Line]]:
        """Where each line begins, with what it says; a half-written last one is left out."""
        file = self.results if kind is RowResult else self.errors
        if not file.exists():
            return
        with file.open("rb") as lines:
            begins = 0
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    return
                yield begins, _parsed(kind, line, file, number)
                begins += len(line)

    def at(self, kind: type[Line], offset: int) -> Line:
        """The line that begins there."""
        file = self.results if kind is RowResult else self.errors
        with file.open("rb") as lines:
            lines.seek(offset)
            return kind.model_validate_json(lines.readline())


def _parsed(kind: type[Line], line: bytes, file: Path, number: int) -> Line:
    try:
        return kind.model_validate(json.loads(line))
    except (ValueError, ValidationError):
        raise InputError(
            f"Line {number} of {file} is none that Steadface wrote; restore it, or choose another folder."
        ) from None


def _whole(lines: BinaryIO) -> int:
    """Bytes up to and with the last end of a line."""
    at = lines.seek(0, os.SEEK_END)
    while at > 0:
        begin = max(0, at - 4096)
        lines.seek(begin)
        found = lines.read(at - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        at = begin
    return 0
