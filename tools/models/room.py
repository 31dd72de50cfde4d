"""Whether the disks hold what is going to be downloaded."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tools.errors import InputError
from tools.models.catalog import told_size


@dataclass(frozen=True)
class Room:
    """So many bytes will be written below the folder, which need not be there yet."""

    folder: Path
    bytes: int


def expect_room(asked: Iterable[Room]) -> None:
    """``InputError`` where a disk has less space than all that goes there takes."""
    disks: dict[int, list[Room]] = defaultdict(list)
    for room in asked:
        disks[_there(room.folder).stat().st_dev].append(room)
    for rooms in disks.values():
        taken, free = sum(room.bytes for room in rooms), shutil.disk_usage(_there(rooms[0].folder)).free
        if taken > free:
            raise InputError(
                f"The download takes {told_size(taken / 1e9)}, and the disk that holds {rooms[0].folder} has "
                f"{told_size(free / 1e9)} free; make some, or set HF_HOME, where models of the Hub go, to another disk."
            )


def _there(folder: Path) -> Path:
    return folder if folder.exists() else _there(folder.parent)
