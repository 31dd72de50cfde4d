"""The planner's prompt templates, one file each, and their loader.

A template is a front matter in TOML, a system part and a user part, parted by lines of ``+++``. The system part is
sent as it stands, the same bytes in every call, so that a server can keep what it read of it; ``{{ name }}`` in the
user part is replaced by an input.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Never

from prompts.schemas import first_fault
from tools.errors import InputError

NAMES = ("temporal_polisher", "spatial_parser", "revise_spatial", "refine", "repair_json")

_PART = re.compile(r"^\+\+\+[ \t]*$\n?", re.MULTILINE)
_SLOT = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_KEYS = ("version", "purpose", "inputs", "output")


@dataclass(frozen=True)
class Template:
    """``output`` is the JSON Schema of the answer; ``repair_json`` has none, since it takes that of what it mends."""

    name: str
    version: int
    purpose: str
    inputs: tuple[str, ...]
    output: Mapping[str, Any] | None
    system: str
    user: str

    def messages(self, inputs: Mapping[str, str]) -> list[dict[str, str]]:
        """The conversation that asks for an answer; ``inputs`` may hold more than the template uses."""
        said = _SLOT.sub(lambda slot: inputs[slot[1]], self.user)
        return [{"role": "system", "content": self.system}, {"role": "user", "content": said}]


@cache
def shipped() -> Mapping[str, Template]:
    """The templates of this package, by name."""
    texts = {name: files(__name__).joinpath(f"{name}.md").read_text("utf-8") for name in NAMES}
    return {name: _Reading(f"prompts/{name}.md", text).template(name) for name, text in texts.items()}


def templates(folder: Path | None) -> Mapping[str, Template]:
    """The shipped templates; those for which ``folder`` has a file of the same name are the user's own.

    Raises ``InputError``, with file, line and reason, for one that cannot be used.
    """
    return {**shipped(), **(_own(folder) if folder else {})}


def _own(folder: Path) -> dict[str, Template]:
    if not folder.is_dir():
        raise InputError(
            f"There is no folder {folder} for prompt templates; correct planner_prompts (STEADFACE_PLANNER_PROMPTS)."
        )
    found = sorted(folder.glob("*.md"))
    strangers = [file.name for file in found if file.stem not in NAMES]
    if strangers or not found:
        raise InputError(
            f"The folder of prompt templates {folder} holds {strangers[0] if strangers else 'no template'}; "
            f"a template is named {', '.join(f'{name}.md' for name in NAMES[:-1])} or {NAMES[-1]}.md."
        )
    return {file.stem: _fitting(_Reading(str(file), _text(file)), shipped()[file.stem]) for file in found}


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The prompt template {file} cannot be read as UTF-8 text ({error}); correct it.") from None


def _fitting(reading: _Reading, ours: Template) -> Template:
    """The template, if it asks for no more than the planner gives, and answers what the planner reads."""
    template = reading.template(ours.name)
    unknown = [name for name in template.inputs if name not in ours.inputs]
    if unknown:
        reading.refuse(("inputs",), f"there is no input {unknown[0]!r}; choose among {', '.join(ours.inputs)}")
    wanted = (ours.output or {}).get("properties", {})
    given = (template.output or {}).get("properties", {})
    for field, schema in wanted.items():
        if field not in given and field != "reading":
            reading.refuse(("output", "properties"), f"the output schema lacks the property {field!r}")
        types = _types(schema)
        if field in given and given[field]["type"] not in types:
            place = ("output", "properties", field, "type")
            reading.refuse(place, f"the property {field!r} must be of the type {' or '.join(types)}")
    return template


def _types(schema: Mapping[str, Any]) -> list[str]:
    """What a field may be; a text that is asked for in parts may come whole."""
    return [schema["type"], "string"] if "pattern" in schema.get("items", {}) else [schema["type"]]


class _Reading:
    """One file on its way to a template; every refusal names the line."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text.replace("\r\n", "\n")
        self.places: dict[tuple[str, ...], int] = {}

    def template(self, name: str) -> Template:
        marks = list(_PART.finditer(self.text))
        if len(marks) != 3 or self.text[: marks[0].start()].strip():
            self._refuse_at(1, "it needs a front matter, a system part and a user part, with a line +++ before each")
        front, system, user = _PART.split(self.text)[1:]
        self._system_from = self._line(marks[1].end())
        self._user_from = self._line(marks[2].end())
        facts = self._facts(front, self._line(marks[0].end()))
        output = self._checked(facts, name)
        self._check_slots(system, user, facts["inputs"])
        return Template(
            name, facts["version"], facts["purpose"], tuple(facts["inputs"]), output, system.strip(), user.strip()
        )

    def refuse(self, place: tuple[str, ...], reason: str) -> Never:
        """Refuse what stands at a place of the front matter, or where the nearest table round it begins."""
        while place not in self.places and place:
            place = place[:-1]
        self._refuse_at(self.places.get(place, 1), reason)

    def _refuse_at(self, line: int, reason: str) -> Never:
        raise InputError(f"The prompt template {self.file} cannot be used: line {line}: {reason}.")

    def _line(self, offset: int) -> int:
        return self.text.count("\n", 0, offset) + 1

    def _facts(self, front: str, start: int) -> dict[str, Any]:
        try:
            facts = tomllib.loads(front)
        except tomllib.TOMLDecodeError as error:
            told = re.sub(r" \(at .*\)$", "", str(error))
            at = re.search(r"at line (\d+)", str(error))
            last = front.rstrip().count("\n") + 1
            self._refuse_at(start - 1 + (int(at[1]) if at else last), f"the front matter is not TOML: {told}")
        table: tuple[str, ...] = ()
        for number, line in enumerate(front.splitlines(), start):
            if header := re.match(r"\s*\[+\s*([\w.-]+)\s*\]+", line):
                table = tuple(header[1].split("."))
                self.places.setdefault(table, number)
            elif key := re.match(r"\s*([\w.-]+)\s*=", line):
                self.places.setdefault((*table, *key[1].split(".")), number)
        return facts

    def _checked(self, facts: dict[str, Any], name: str) -> dict[str, Any] | None:
        """The output schema; every fact is then of its type."""
        strange = [key for key in facts if key not in _KEYS]
        if strange:
            self.refuse((strange[0],), f"the front matter has no {strange[0]!r}; it has {', '.join(_KEYS)}")
        if type(facts.get("version")) is not int or facts["version"] < 1:
            self.refuse(("version",), "version must be a whole number from 1")
        if not isinstance(facts.get("purpose"), str) or not facts["purpose"].strip():
            self.refuse(("purpose",), "purpose must be a sentence")
        inputs = facts.get("inputs")
        if not isinstance(inputs, list) or not all(isinstance(each, str) for each in inputs):
            self.refuse(("inputs",), "inputs must be a list of names")
        output = facts.get("output")
        if name == "repair_json":
            if output is not None:
                self.refuse(("output",), "it takes the output schema of the answer that it mends, and has none itself")
            return None
        if not isinstance(output, dict):
            self.refuse(("output",), "the output schema is missing: a table [output] that holds a JSON Schema")
        fault = first_fault(output)
        if fault:
            self.refuse(("output", *fault.place), fault.reason)
        return output

    def _check_slots(self, system: str, user: str, inputs: list[str]) -> None:
        if not system.strip() or not user.strip():
            self._refuse_at(self._system_from, "the system part and the user part must both have text")
        if slot := _SLOT.search(system):
            line = self._system_from + system.count("\n", 0, slot.start())
            self._refuse_at(line, f"the system part is the same in every call; {slot[0]} belongs in the user part")
        for slot in _SLOT.finditer(user):
            if slot[1] not in inputs:
                line = self._user_from + user.count("\n", 0, slot.start())
                self._refuse_at(line, f"{slot[0]} is not among the inputs of the front matter")
