"""Asking for one answer until it can be used: complete, read, check, and ask once more with what was wrong."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from agent.planner.answers import Answer, Kind, Unreadable, read_answer
from agent.planner.chat import Chat, CutOff, Outage
from agent.planner.checks import Violation
from prompts import Template
from tools.contracts import ChatMessage

log = logging.getLogger(__name__)

_AGAIN = "Your answer cannot be used. Mend what follows, keep the rest, and answer with the whole JSON object again:"
_TOLD = 4000
"""Characters of a broken answer that are shown again."""


class Asking:
    """The asks of one plan, one revision or one refinement. ``seconds`` is what all of them may take together."""

    def __init__(self, chat: Chat, templates: Mapping[str, Template], seed: int, seconds: float) -> None:
        self._chat, self._templates, self._seed = chat, templates, seed
        self._seconds = self._left = seconds
        self.again = False
        """Whether anything was asked twice."""
        self.versions: dict[str, int] = {}
        """The versions of the templates used, by name."""

    def ask(
        self, name: str, kind: type[Kind], check: Callable[[Kind], Iterable[Violation]], inputs: Mapping[str, str]
    ) -> Kind:
        """The answer to a template that ``check`` finds nothing wrong with; ``Outage`` where two asks bring none."""
        messages, output = self._messages(name, inputs), self._templates[name].output
        assert output is not None
        text = ""
        try:
            text = self._said(messages, output)
            answer = read_answer(text, kind)
        except (CutOff, Unreadable) as fault:
            log.info("%s: the answer %s", name, fault)
            repair = {"request": messages[-1]["content"], "answer": text[-_TOLD:] or "(nothing)"}
            repair |= {"fault": f"it {fault}", "fields": _fields(output)}
            messages = self._messages("repair_json", repair)
        else:
            wrong = _wrong(name, check(answer))
            if not wrong:
                return answer
            messages = [*messages, *_second_turn(answer, wrong)]
        self.again = True
        try:
            answer = read_answer(self._said(messages, output), kind)
        except (CutOff, Unreadable) as fault:
            raise Outage(f"its answer {fault}"[:120]) from None
        wrong = _wrong(name, check(answer))
        if wrong:
            raise Outage(f"its answer was not valid: {wrong[0].message.rstrip('.')}"[:160])
        return answer

    def _messages(self, name: str, inputs: Mapping[str, str]) -> list[ChatMessage]:
        template = self._templates[name]
        self.versions[name] = template.version
        return [*template.messages(inputs)]

    def _said(self, messages: Sequence[ChatMessage], output: Mapping[str, Any]) -> str:
        if self._left <= 0:
            raise Outage(f"no valid answer in {self._seconds:.3g} s")
        completion = self._chat.complete(messages, output, self._seed, self._left)
        self._left -= completion.seconds
        return completion.text


def _wrong(name: str, violations: Iterable[Violation]) -> list[Violation]:
    found = list(violations)
    log.info("%s: %s", name, ", ".join(violation.code for violation in found) or "well")
    return found


def _second_turn(answer: Answer, wrong: Iterable[Violation]) -> list[ChatMessage]:
    faults = "\n".join(f"- {violation.message}" for violation in wrong)
    return [
        {"role": "assistant", "content": json.dumps(answer.model_dump(mode="json"), ensure_ascii=False)},
        {"role": "user", "content": f"{_AGAIN}\n{faults}"},
    ]


def _fields(output: Mapping[str, Any]) -> str:
    """Names and types, as a person would list them: "face (list of strings), framing (close-up or …)"."""
    return ", ".join(f"{name} ({_type(schema)})" for name, schema in output["properties"].items())


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    if schema["type"] == "array":
        return f"list of: {_type(schema['items'])}"
    return f"object with {_fields(schema)}" if schema["type"] == "object" else str(schema["type"])
