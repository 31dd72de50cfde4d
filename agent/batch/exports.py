"""The videos of a batch, copied under the names that others expect."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Literal

from agent.batch.results import ResultFiles, RowResult
from tools.artifacts import room_on_disk
from tools.errors import InputError

Layout = Literal["vbench", "vip"]

LONGEST_NAME = 255
"""Bytes of a file name."""


def export(folder: Path, layout: Layout, to: Path) -> tuple[int, list[str]]:
    """Copy the videos; how many, and a sentence for each that was left out. Raises ``InputError``."""
    files = ResultFiles(folder)
    if not files.results.exists():
        raise InputError(f"{folder} holds no results of a batch; give the folder that --out named.")
    name = _VBench() if layout == "vbench" else _vip
    done, left_out = 0, []
    with room_on_disk(to, "choose another folder"):
        for _, result in files.read(RowResult):
            try:
                target = to / name(result)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(result.video, target)
                done += 1
            except InputError as error:
                left_out.append(str(error))
            except FileNotFoundError:
                left_out.append(f"{result.custom_id}: its video is no longer at {result.video}.")
    return done, left_out


class _VBench:
    """``{prompt}-{index}.mp4``; the index counts the videos of a prompt from 0, in the order they were completed."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def __call__(self, result: RowResult) -> str:
        prompt = " ".join(result.prompt.split())
        name = f"{prompt}-{self._seen[prompt]}.mp4"
        if "/" in name or "\0" in name or len(name.encode()) > LONGEST_NAME:
            raise InputError(
                f"{result.custom_id}: its prompt cannot be a file's name, for it has a slash or more than "
                f"{LONGEST_NAME} bytes."
            )
        self._seen[prompt] += 1
        return name


def _vip(result: RowResult) -> str:
    """``id001/prompt1.mp4`` of the row ``id001-prompt1``."""
    found = re.fullmatch(r"(.+)-(prompt\d+)", result.custom_id)
    if found is None:
        raise InputError(f"{result.custom_id}: it is no row of VIP-200K's folders, such as id001-prompt1.")
    return f"{found[1]}/{found[2]}.mp4"
