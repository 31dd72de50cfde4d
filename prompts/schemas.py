"""Which JSON Schemas the grammars of inference servers hold to without trouble.

Measured with xgrammar 0.2.8, which vLLM uses: a string with ``maxLength`` admits raw control characters, one without
a bound may never close, and one repetition above 128 does not compile with its cache on, while a nested one does. But
a nested one that can be cut in many ways, such as ``([a-z]{1,100}){1,40}``, takes 0.15 s a token after 400 characters;
with a fixed inner count, ``([a-z]{100}){0,39}[a-z]{1,100}``, no time that can be measured. Compiling costs some 3
seconds of a core for every 100 characters that a string may have, with a vocabulary of Qwen's size; the items of an
array are compiled once, so long texts are best asked for as arrays of sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

MOST_REPEATS = 128

_KEYWORDS = {
    "object": {"type", "description", "properties", "required", "additionalProperties"},
    "array": {"type", "description", "items", "minItems", "maxItems"},
    "string": {"type", "description", "pattern", "enum"},
    "boolean": {"type", "description"},
}
_NESTED = "nest them as in '^([a-z ]{100}){0,3}[a-z ]{1,100}$'"
_BOUND = re.compile(r"\{(\d*)(,?)(\d*)\}")


class Fault(NamedTuple):
    """``place`` leads from the schema's root to what is wrong."""

    place: tuple[str, ...]
    reason: str


def first_fault(schema: Mapping[str, Any]) -> Fault | None:
    """What a grammar could not hold to, or could not end, in the schema of an answer; an answer is an object."""
    if schema.get("type") != "object":
        return Fault(("type",), "an answer must be of the type 'object'")
    return next(_faults(schema, ()), None)


def _faults(schema: object, place: tuple[str, ...]) -> Iterator[Fault]:
    if not isinstance(schema, dict) or schema.get("type") not in _KEYWORDS:
        yield Fault(place, f"a schema must be a table with a type among {', '.join(_KEYWORDS)}")
        return
    kind = schema["type"]
    for keyword in schema.keys() - _KEYWORDS[kind]:
        yield Fault((*place, keyword), f"the keyword {keyword!r} is not allowed here: {_INSTEAD[kind]}")
    match kind:
        case "object":
            yield from _object_faults(schema, place)
        case "array":
            if type(schema.get("maxItems")) is not int:
                yield Fault(place, "an array must have maxItems, so that it ends")
            yield from _faults(schema.get("items"), (*place, "items"))
        case "string" if "enum" in schema:
            if not schema["enum"] or not all(isinstance(word, str) for word in schema["enum"]):
                yield Fault((*place, "enum"), "an enum must be a list of strings")
        case "string":
            reason = _pattern_fault(schema.get("pattern"))
            if reason:
                yield Fault((*place, "pattern"), reason)


_INSTEAD = {
    "object": "an object has properties, required and additionalProperties = false",
    "array": "an array has items, minItems and maxItems",
    "string": "bound a string by an enum or by a pattern such as '^([a-z ]{100}){0,3}[a-z ]{1,100}$'",
    "boolean": "a boolean has no bounds",
}


def _object_faults(schema: dict[str, Any], place: tuple[str, ...]) -> Iterator[Fault]:
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not properties:
        yield Fault((*place, "properties"), "an object must have properties")
        return
    if schema.get("additionalProperties") is not False:
        yield Fault((*place, "additionalProperties"), "an object must have additionalProperties = false")
    if not isinstance(schema.get("required"), list) or set(schema["required"]) != set(properties):
        yield Fault((*place, "required"), "required must name every property, since grammars write them all")
    for name, each in properties.items():
        yield from _faults(each, (*place, "properties", name))


def _pattern_fault(pattern: object) -> str | None:
    if not isinstance(pattern, str):
        return "a string must have an enum or a pattern that bounds it, such as '^([a-z ]{100}){0,3}[a-z ]{1,100}$'"
    try:
        re.compile(pattern)
    except re.error as error:
        return f"the pattern is no regular expression: {error}"
    if not (pattern.startswith("^") and pattern.endswith("$")):
        return "a pattern must begin with ^ and end with $"
    if re.search(r"(?<!\\)\[\^", pattern):
        return "a pattern must list the characters that it allows: what is left by [^…] admits bytes that are no text"
    bare = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", "c", pattern)  # escapes and classes count as one character
    if re.search(r"[*+]|\{\d*,\}", bare):
        return "a pattern must not repeat without an end: write {0,100} for * and {1,100} for +"
    if re.search(r"\((\?:)?c\{\d*,\d+\}\)\{", bare):
        return f"of two repetitions the inner one must have a fixed count; {_NESTED}"
    most = max((int(last or first or 0) for first, _, last in _BOUND.findall(bare)), default=0)
    if most > MOST_REPEATS:
        return f"one repetition goes to {MOST_REPEATS} at the most; {_NESTED}"
    return None
