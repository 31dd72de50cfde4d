"""Follow-ups about the job rather than its prompt: undo, another take, how strict the gate is, and what cannot be."""

from __future__ import annotations

from annotated_types import Ge, Le
from pydantic import ValidationError

from agent.planner.step import Draft, Reading, Step, asking
from agent.planner.words import said
from agent.settings import Recipe

_NUMBERS = {
    word: n for n, word in enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), 1)
}
_COUNTS = {
    "candidates": ("candidates", 4, "each attempt paints {} first frame{}"),
    "attempts": ("max_attempts", 5, "there are at most {} attempt{}"),
}
_CANNOT = {
    "length": "A follow-up keeps the length and the format of a video. Shall the motion be slower or quicker, or will "
    "you start a new video with other settings?",
    "sound": "Videos here have no sound and no titles. Shall something in the picture change instead: the motion "
    "('let her dance'), the light ('neon lights') or the place ('on a stage')?",
    "style": "I cannot change the style of the picture. Shall the light change ('at golden hour'), the place "
    "('in Paris') or the framing ('closer')?",
}


def undo(clause: str, draft: Draft) -> Step | None:
    return Step("undo", "", draft.text) if said("undo", clause) else None


def another_take(clause: str, draft: Draft) -> Step | None:
    return Step("seed", "this is another take with a new seed", draft.text) if said("seed", clause) else None


def vague(clause: str, draft: Draft) -> Step | None:
    """What no rule can decide: the question is the general one, or says what a follow-up cannot change."""
    cannot = next((why for name, why in _CANNOT.items() if said(name, clause)), None)
    if cannot is not None:
        return asking(draft, cannot)
    return asking(draft, "") if said("vague", clause) else None


def _bounds(name: str) -> tuple[float, float]:
    low = high = 0.0
    for bound in Recipe.model_fields[name].metadata:
        if isinstance(bound, Ge):
            low = float(bound.ge)  # type: ignore[arg-type]
        if isinstance(bound, Le):
            high = float(bound.le)  # type: ignore[arg-type]
    return low, high


def _set(draft: Draft, told: str, **settings: float | int | str) -> Step:
    """A step that sets fields of the recipe, or the question which value it shall be where one is out of bounds."""
    try:
        Recipe(**settings)  # type: ignore[arg-type]
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        low, high = _bounds(name)
        return asking(draft, f"The setting {name} goes from {low:g} to {high:g}; which value shall it be?")
    return Step("settings", told, draft.text, settings)


def strictness(clause: str, draft: Draft) -> Step | None:
    if said("stricter", clause):
        told = "each of up to 5 attempts paints 4 first frames, and no video is made of a face that does not pass"
        return _set(draft, told, candidates=4, max_attempts=5, on_gate_failure="fail")
    if said("laxer", clause) or said("best", clause):
        return _set(draft, "the best first frame is taken even where none passes", on_gate_failure="best")
    if said("fail", clause):
        return _set(draft, "no video is made where no first frame passes", on_gate_failure="fail")
    return None


def threshold(clause: str, draft: Draft) -> Step | None:
    found = said("threshold", clause)
    if found is None:
        return None
    number = found["number"]
    if number is None:
        return asking(draft, "Which similarity must a first frame reach: 0.4 (lenient), 0.5 or 0.6 (strict)?")
    value = float(number.replace(",", ".").strip(" %")) / (100 if number.endswith("%") else 1)
    return _set(draft, f"a first frame must reach a similarity of {value:g}", first_frame_threshold=value)


def counts(clause: str, draft: Draft) -> Step | None:
    for name, (setting, more, told) in _COUNTS.items():
        if found := said(name, clause):
            number = found.groupdict().get("number") or "more"
            fewer = number in {"fewer", "less"}
            value = int(number) if number.isdigit() else _NUMBERS.get(number, 1 if fewer else more)
            return _set(draft, told.format(value, "" if value == 1 else "s"), **{setting: value})
    return None


READINGS: tuple[Reading, ...] = (undo, another_take, strictness, threshold, counts, vague)
