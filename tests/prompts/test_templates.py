"""The templates that ship, and what is said of a user's own that cannot be used."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import xgrammar

from agent.planner.answers import FollowUp, Mended, Parsed, Polished
from agent.planner.revise import MOVES
from prompts import NAMES, shipped, templates
from prompts.schemas import first_fault
from tools.errors import InputError

OWN = """+++
version = 2
purpose = "Mine."
inputs = ["prompt", "subject"]

[output]
type = "object"
additionalProperties = false
required = ["temporal_prompt"]

[output.properties.temporal_prompt]
type = "string"
pattern = '^([a-z ]{100}){0,3}[a-z ]{1,100}$'
+++
Polish this.
+++
{{ subject }}: {{ prompt }}
"""


def own(folder: Path, text: str = OWN, name: str = "temporal_polisher") -> Path:
    (folder / f"{name}.md").write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_template_uses_every_input_and_says_what_it_is_for(name: str) -> None:
    template = shipped()[name]
    assert set(re.findall(r"\{\{ (\w+) \}\}", template.user)) == set(template.inputs)
    assert template.purpose.endswith((".", "mends."))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("temporal_polisher", Polished), ("spatial_parser", Parsed), ("revise_spatial", Mended), ("refine", FollowUp)],
)
def test_the_schema_gives_what_the_planner_reads_and_the_examples_fit_it(name: str, kind: type[Polished]) -> None:
    template = shipped()[name]
    assert template.output is not None
    properties = template.output["properties"]
    assert set(kind.model_fields) <= set(properties) <= {*kind.model_fields, "reading"}
    assert next(iter(properties)) in {"reading", "face"}, "what is like reasoning is written first"
    examples = [
        line
        for line in template.system.splitlines()
        if line.startswith("{") and "…" not in line and "name of" not in line
    ]
    assert examples
    grammar = xgrammar.GrammarCompiler(_bytes()).compile_json_schema(json.dumps(template.output))
    for example in examples:
        if not example.endswith('the prompt"}'):
            kind.model_validate_json(example)
            assert xgrammar.GrammarMatcher(grammar).accept_string(example), example


def _bytes() -> xgrammar.TokenizerInfo:
    letters = [bytes([code]) for code in range(256)]
    return xgrammar.TokenizerInfo([*letters, b"</s>"], vocab_type=xgrammar.VocabType.RAW, stop_token_ids=[256])


def test_the_moves_of_a_model_are_those_of_the_rules() -> None:
    output = shipped()["revise_spatial"].output
    assert output is not None
    assert output["properties"]["move"]["enum"] == list(MOVES)


def test_what_an_input_holds_is_never_taken_for_a_slot() -> None:
    messages = shipped()["spatial_parser"].messages(
        {"prompt": "{{ subject }} \\1", "temporal_prompt": "{{prompt}}", "subject": "a woman"}
    )
    assert messages[1]["content"].splitlines()[:3] == [
        "Subject: a woman",
        "Request: {{ subject }} \\1",
        "Video: {{prompt}}",
    ]


def test_the_users_own_templates_replace_those_of_the_same_name(tmp_path: Path) -> None:
    found = templates(own(tmp_path))
    assert (found["temporal_polisher"].version, found["temporal_polisher"].system) == (2, "Polish this.")
    assert {name: found[name] for name in NAMES[1:]} == {name: shipped()[name] for name in NAMES[1:]}


@pytest.mark.parametrize(
    ("was", "now", "line", "reason"),
    [
        ("+++\nversion", "version", 1, "a line +++ before each"),
        ("version = 2", "version = two", 2, "the front matter is not TOML"),
        ("version = 2", 'version = "2"', 2, "version must be a whole number"),
        ("version = 2", "author = 2", 2, "the front matter has no 'author'"),
        ('"Mine."', '""', 3, "purpose must be a sentence"),
        ('"subject"]', '"subject", "weather"]', 4, "there is no input 'weather'; choose among prompt, subject"),
        ("[output]\n", "[outputs]\n", 6, "the front matter has no 'outputs'"),
        ('type = "object"', 'type = "array"', 7, "an answer must be of the type 'object'"),
        ("false", "true", 8, "additionalProperties = false"),
        ('["temporal_prompt"]', "[]", 9, "required must name every property"),
        ("properties.temporal_prompt", "properties.prompt", 9, "required must name every property"),
        ("pattern = ", "maxLength = 9\npattern = ", 13, "the keyword 'maxLength' is not allowed"),
        ("pattern = '^([a-z ]{100}){0,3}[a-z ]{1,100}$'", "", 11, "a string must have an enum or a pattern"),
        (
            "([a-z ]{100}){0,3}[a-z ]{1,100}",
            "[a-z ]{1,129}",
            13,
            "one repetition goes to 128 at the most; nest them as",
        ),
        ("([a-z ]{100}){0,3}[a-z ]{1,100}", "([a-z ]{1,100}){1,4}", 13, "the inner one must have a fixed count"),
        ("([a-z ]{100}){0,3}[a-z ]{1,100}", "[a-z ]+", 13, "must not repeat without an end"),
        ("([a-z ]{100}){0,3}[a-z ]{1,100}", "[a-z ]{1,}", 13, "must not repeat without an end"),
        ("([a-z ]{100}){0,3}[a-z ]{1,100}", '[^"]{1,9}', 13, "must list the characters that it allows"),
        ("([a-z ]{100}){0,3}[a-z ]{1,100}", "([a-z ]{1,100}", 13, "is no regular expression"),
        ("'^([a-z ]{100}){0,3}[a-z ]{1,100}$'", "'[a-z]{1,9}'", 13, "must begin with ^ and end with $"),
        ("Polish this.", "Polish {{ prompt }}.", 15, "the system part is the same in every call"),
        ("Polish this.", "", 15, "must both have text"),
        ("{{ prompt }}", "{{ longest }}", 17, "{{ longest }} is not among the inputs"),
    ],
)
def test_a_bad_template_is_refused_with_its_line_and_the_reason(
    was: str, now: str, line: int, reason: str, tmp_path: Path
) -> None:
    assert was in OWN
    own(tmp_path, OWN.replace(was, now))
    with pytest.raises(InputError) as refused:
        templates(tmp_path)
    said = str(refused.value)
    assert said.startswith(f"The prompt template {tmp_path / 'temporal_polisher.md'} cannot be used: line {line}: ")
    assert reason in said
    assert "\n" not in said


def test_a_template_without_an_output_schema_or_without_a_field_is_refused(tmp_path: Path) -> None:
    before, _, rest = OWN.partition("[output]")
    own(tmp_path, before + rest[rest.index("+++") :])
    with pytest.raises(InputError, match="line 1: the output schema is missing"):
        templates(tmp_path)
    own(tmp_path, OWN.replace("temporal_prompt", "prompt"))
    with pytest.raises(InputError, match="lacks the property 'temporal_prompt'"):
        templates(tmp_path)
    own(tmp_path, OWN.replace('type = "string"\npattern', 'type = "boolean"\n#'))
    with pytest.raises(InputError, match="line 12: the property 'temporal_prompt' must be of the type array or string"):
        templates(tmp_path)


def test_a_folder_that_is_none_or_holds_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no folder .*STEADFACE_PLANNER_PROMPTS"):
        templates(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no template"):
        templates(tmp_path)
    own(tmp_path, name="temporal-polisher")
    with pytest.raises(InputError, match=r"holds temporal-polisher\.md; a template is named temporal_polisher\.md"):
        templates(tmp_path)
    (tmp_path / "temporal-polisher.md").rename(tmp_path / "refine.md").write_bytes(b"+++\n\xff")
    with pytest.raises(InputError, match="cannot be read as UTF-8"):
        templates(tmp_path)


def test_arrays_and_what_they_hold_are_bounded() -> None:
    word = {"type": "string", "pattern": "^[a-z]{1,9}$"}

    def answer(field: object) -> dict[str, object]:
        return {"type": "object", "properties": {"a": field}, "required": ["a"], "additionalProperties": False}

    assert first_fault(answer({"type": "array", "items": word, "maxItems": 3})) is None
    assert first_fault(answer({"type": "boolean"})) is None
    for bad in ({"type": "array", "items": word}, {"type": "array", "items": {}, "maxItems": 3}, {"type": "number"}, 3):
        fault = first_fault(answer(bad))
        assert fault is not None
        assert fault.place[:2] == ("properties", "a")
