"""What a language model's text says: the JSON object in it, whatever stands round it, cleaned and checked for shape."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from agent.planner.protocol import Change
from tools.contracts import Framing

LONGEST = 100_000
"""Characters of a text that are searched; no answer asked for comes near it."""

_STARTS = 200
"""Places where an object may start that are tried, the last of the text first."""


class Unreadable(Exception):  # noqa: N818 - says what the text is
    """A text that holds no answer; the message completes "its answer …"."""


def plain(value: object) -> object:
    """A string on one line, without control characters, half surrogates and the quotation marks round it."""
    if not isinstance(value, str):
        return value
    kept = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in value)
    line = " ".join(kept.split())
    quoted = re.fullmatch(r'(["`])([^"`]*)\1', line)
    return quoted[2].strip() if quoted else line


def _folded(value: object) -> object:
    """Lower case, and Latin letters without accents, as CLIP reads them; other scripts stay, for a check to refuse."""
    value = plain(value)
    if not isinstance(value, str):
        return value
    bare = (unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode() or char for char in value)
    return "".join(bare).translate({ord("’"): "'"}).strip(" ,.;").lower()


def _parted(value: object) -> object:
    return value.split(",") if isinstance(value, str) else value


def _one_text(glue: str) -> BeforeValidator:
    """Takes a list of strings as one. Lists are asked for, because a grammar is made once for all their items."""

    def joined(value: object) -> object:
        several = isinstance(value, list) and all(isinstance(each, str) for each in value)
        return glue.join(value) if several else value  # type: ignore[arg-type]

    return BeforeValidator(joined)


Sentence = Annotated[str, BeforeValidator(plain), Field(max_length=300)]
Prose = Annotated[str, BeforeValidator(plain), _one_text(" "), Field(min_length=1, max_length=4000)]
Phrases = Annotated[str, BeforeValidator(_folded), Field(max_length=1000)]


Several = Annotated[list[Phrases], BeforeValidator(_parted)]


class Answer(BaseModel):
    """The fields that the planner reads; a template may ask for more."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Polished(Answer):
    temporal_prompt: Prose


class Parsed(Answer):
    face: Several
    clothing: Several
    environment: Several
    framing: Framing


class Mended(Answer):
    move: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
    spatial_prompt: Annotated[Phrases, _one_text(", ")]


class NewSetting(Answer):
    name: Literal["first_frame_threshold", "max_attempts", "candidates", "on_gate_failure"]
    value: str


class FollowUp(Answer):
    changes: frozenset[Change]
    prompt: Prose
    settings: list[NewSetting]
    told: Sentence
    question: Sentence


Kind = TypeVar("Kind", bound=Answer)


def read_answer(text: str, kind: type[Kind]) -> Kind:
    """The answer in a text; ``Unreadable`` where there is none of that kind."""
    found = _object_in(text, frozenset(kind.model_fields))
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Unreadable(f"does not fit at {where}: {first['msg']}") from None


def _object_in(text: str, fields: frozenset[str]) -> dict[str, Any]:
    """The last object of the text, after any thoughts, that has all the fields; else the last that has one of them.

    Drafts come before the answer. Control characters inside strings are taken.
    """
    said = text[-LONGEST:].rpartition("</think>")[2]
    decoder = json.JSONDecoder(strict=False)
    partial: dict[str, Any] | None = None
    starts = [match.start() for match in re.finditer(r"\{", said)]
    for start in reversed(starts[-_STARTS:]):
        try:
            found, _ = decoder.raw_decode(said, start)
        except (ValueError, RecursionError):
            continue
        if fields <= found.keys():
            return dict(found)
        if partial is None and fields & found.keys():
            partial = found
    if partial is None:
        raise Unreadable("holds no JSON object with what was asked for")
    return partial
