"""A follow-up as a model understood it: whether that can be, and what it sets."""

from __future__ import annotations

from pydantic import ValidationError

from agent.planner.answers import FollowUp
from agent.planner.checks import Context, Violation
from agent.planner.language import is_english, words_of
from agent.planner.temporal_checks import content_words
from agent.planner.validators import check_spatial
from agent.requests import LONGEST_PROMPT
from agent.settings import Recipe
from tools.contracts import Presentation

REWRITES = frozenset({"motion", "look"})
"""The changes that reword the prompt."""

_ALONE = frozenset({"undo", "question"})
_LEAST_KEPT = 1 / 3
"""Share of the prompt's words that a follow-up leaves: it changes a prompt and is none itself."""


def settings_of(said: FollowUp) -> dict[str, float | int | str]:
    """The settings as the recipe types them; raises ``pydantic.ValidationError`` for a value out of bounds."""
    given = {setting.name: setting.value for setting in said.settings}
    recipe = Recipe.model_validate(given)
    return {name: getattr(recipe, name) for name in given}


def check_follow_up(said: FollowUp, prompt: str, spatial_prompt: str, presentation: Presentation) -> list[Violation]:
    """Everything that is wrong with the reading of a follow-up, as sentences for the model."""
    return [*_check_changes(said), *_check_prompt(said, prompt, spatial_prompt, presentation)]


def _check_changes(said: FollowUp) -> list[Violation]:
    found = []
    if not said.changes or (said.changes & _ALONE and len(said.changes) > 1):
        found.append(Violation("changes", "Name at least one change; undo and question stand alone."))
    if bool(said.question) != ("question" in said.changes):
        found.append(Violation("question", "Ask a question for the change 'question', and for no other."))
    if bool(said.settings) != ("settings" in said.changes):
        found.append(Violation("settings", "Give settings for the change 'settings', and for no other."))
    if not words_of(said.told) or not is_english(said.told + said.question):
        found.append(Violation("told", "Tell the user in one English sentence what was understood and what is kept."))
    try:
        settings_of(said)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        found.append(Violation("value", f"The setting {first['loc'][0]} cannot be so: {first['msg']}."))
    return found


def _check_prompt(said: FollowUp, prompt: str, spatial_prompt: str, presentation: Presentation) -> list[Violation]:
    if not said.changes & REWRITES:
        return []
    if len(said.prompt) > LONGEST_PROMPT or words_of(said.prompt) == words_of(prompt):
        return [Violation("prompt", "Write the user's whole prompt with the change worked in, and nothing else.")]
    found = []
    before, after = Context(prompt, presentation), Context(said.prompt, presentation)
    wanted = content_words(before.text) if before.readable else set()
    lost = sorted(wanted - content_words(after.text))
    if len(lost) > (1 - _LEAST_KEPT) * len(wanted):
        found.append(Violation("lost", f"Keep of the prompt what the user did not change; lost: {', '.join(lost)}."))
    if "look" not in said.changes:
        faults = {fault.code for fault in check_spatial(spatial_prompt, before)}
        if any(fault.code not in faults for fault in check_spatial(spatial_prompt, after)):
            found.append(Violation("look", "This changes what the first frame shows: name the change 'look'."))
    return found
