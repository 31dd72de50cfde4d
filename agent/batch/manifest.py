"""Reading a manifest, row after row, never the whole: JSONL, CSV, a datasets folder, or VIP-200K's folders."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.errors import InputError

LONGEST_LINE = 1_000_000
"""Characters of a line of JSON."""

Entry = tuple[int, Mapping[str, object] | InputError]
"""The number of a line, from 1, with its fields or what is wrong with it; in folders the rows are counted."""


def read_manifest(path: Path) -> Iterator[Entry]:
    """The rows in their order. Raises ``InputError`` where the file as a whole cannot be read."""
    try:
        yield from _reader(path)(path)
    except FileNotFoundError:
        raise InputError(f"There is no manifest {path}; check the path.") from None
    except PermissionError:
        raise InputError(f"The manifest {path} cannot be read: permission denied; allow reading it.") from None
    except UnicodeDecodeError:
        raise InputError(f"The manifest {path} is not text in UTF-8; save it as that.") from None


def folder_of(path: Path) -> Path:
    """What paths in the manifest are relative to."""
    return path if path.is_dir() else path.parent


def _reader(path: Path) -> Any:  # noqa: ANN401 - one of the functions below
    if path.is_dir():
        if (path / "dataset_info.json").exists():
            return _datasets_folder
        if next(path.glob("*/prompt*.txt"), None):
            return _vip_folder
        raise InputError(
            f"{path} is a folder of no known kind; give a JSONL or CSV file, a folder that datasets saved to disk, or "
            "one with a folder for each person that holds image.png and prompt1.txt."
        )
    if path.suffix.lower() == ".csv":
        return _csv_file
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return _json_lines
    raise InputError(f"{path.name} is no manifest by its name; call it .jsonl or .csv.")


def _json_lines(path: Path) -> Iterator[Entry]:
    with path.open(encoding="utf-8-sig") as file:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE:
                raise InputError(f"Line {number} of {path.name} has more than {LONGEST_LINE:,} characters.")
            if line.strip():
                yield number, _fields(line)


def _fields(line: str) -> Mapping[str, object] | InputError:
    try:
        fields = json.loads(line)
    except ValueError as error:
        return InputError(f"The line is not JSON ({error}).")
    return fields if isinstance(fields, dict) else InputError("The line is no JSON object, such as {…}.")


def _csv_file(path: Path) -> Iterator[Entry]:
    """Empty cells are left out; the column ``overrides`` holds JSON."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for cells in reader:
                yield reader.line_num, _typed(cells)
        except csv.Error as error:
            raise InputError(f"Line {reader.line_num} of {path.name} is no CSV: {error}.") from None


def _typed(cells: Mapping[Any, Any]) -> Mapping[str, object] | InputError:
    if None in cells:
        return InputError("The line has more cells than the first one; put text with commas in double quotes.")
    given: dict[str, object] = {name: cell for name, cell in cells.items() if cell}
    overrides = given.get("overrides")
    if isinstance(overrides, str):
        try:
            given["overrides"] = json.loads(overrides)
        except ValueError as error:
            return InputError(f"The column overrides is not JSON ({error}).")
    return given


def _datasets_folder(path: Path) -> Iterator[Entry]:
    try:
        from datasets import Dataset
    except ImportError:
        raise InputError(
            f"{path} was saved by the library datasets, which is not installed; pip install 'steadface[datasets]', or "
            "export the rows as JSONL."
        ) from None
    rows = Dataset.load_from_disk(str(path))
    for number, row in enumerate(rows, 1):
        yield number, {name: value for name, value in row.items() if value is not None}


def _vip_folder(path: Path) -> Iterator[Entry]:
    """``id001/image.png`` with ``prompt1.txt`` and so on, as the test set of VIP-200K is laid out."""
    number = 0
    for person in sorted(folder for folder in path.iterdir() if folder.is_dir()):
        photo = next((file for file in sorted(person.glob("image.*"))), person / "image.png")
        for prompt in sorted(person.glob("prompt*.txt"), key=_number_in):
            number += 1
            yield (
                number,
                {
                    "custom_id": f"{person.name}-{prompt.stem}",
                    "prompt": prompt.read_text(encoding="utf-8-sig"),
                    "reference": str(photo.relative_to(path)),
                },
            )


def _number_in(prompt: Path) -> tuple[int, str]:
    digits = prompt.stem.removeprefix("prompt")
    return (int(digits), "") if digits.isdecimal() else (0, digits)
