"""The planner that asks a language model, such as Qwen3, and falls back on the rules whenever that brings nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from agent.planner.answers import FollowUp, Mended, Parsed, Polished
from agent.planner.asking import Asking
from agent.planner.chat import Chat, Outage
from agent.planner.checks import Context
from agent.planner.desk import Desk
from agent.planner.following import REWRITES, check_follow_up, settings_of
from agent.planner.language import NOT_ENGLISH, Source, read
from agent.planner.local import Local
from agent.planner.mending import ALL_GROUPS, check_mended, framing_after, kept_phrases, told_of
from agent.planner.protocol import Plan, Refinement, Revision, Tried
from agent.planner.rules import RulePlanner
from agent.planner.served import openai_compatible
from agent.planner.spatial import framing_words, joined
from agent.planner.temporal_checks import longest_temporal
from agent.planner.validators import check_spatial, check_temporal
from prompts import Template, templates
from tools.contracts import Framing, Presentation
from tools.framing import framing_of
from tools.paths import full_path

_PRONOUNS: dict[Presentation, str] = {"woman": "she, her", "man": "he, him, his", "person": "they, them, their"}


class QwenPlanner:
    """``seconds`` is what one plan, revision or refinement may ask the model for; then the rules make it."""

    def __init__(
        self,
        name: str,
        chat: Chat,
        prompts: Mapping[str, Template],
        seconds: float,
        static_appearance: Literal["keep", "drop"],
    ) -> None:
        self.name = name
        self._chat, self._prompts, self._seconds = chat, prompts, seconds
        self._static_appearance = static_appearance
        self._rules = RulePlanner()

    def decouple(self, prompt: str, presentation: Presentation, seed: int) -> Plan:
        """What the user named, and so may not be lost, is measured from their words by the rules."""
        ruled, asking = self._rules.decouple(prompt, presentation, seed), self._asking(seed)
        try:
            temporal, spatial, framing = self._prompts_for(asking, prompt, presentation)
        except Outage as why:
            note = f"The planner {self.name} brought no plan ({why}), so the prompts were made by rules."
            return replace(ruled, planner=f"rules ({why})", notes=(*ruled.notes, note))
        unasked = read(prompt).english or framing == "close-up"
        return replace(
            ruled,
            temporal_prompt=temporal,
            spatial_prompt=spatial,
            framing=framing,
            asked=ruled.asked if unasked else ruled.asked | {"framing"},
            planner=self._speaker(asking),
            notes=tuple(note for note in ruled.notes if note != NOT_ENGLISH),
            templates=asking.versions,
        )

    def revise(
        self, prompt: str, plan: Plan, history: Sequence[Tried], presentation: Presentation, seed: int
    ) -> Revision:
        """A plan that the rules had to make is revised by them, so that a dead server is waited for once a job."""
        why = plan.planner
        if not why.startswith("rules"):
            try:
                return self._revised(self._asking(seed), prompt, plan, history, presentation)
            except Outage as outage:
                why = f"rules ({outage})"
        return replace(self._rules.revise(prompt, plan, history, presentation, seed), planner=why)

    def refine(self, instruction: str, prompt: str, plan: Plan, presentation: Presentation, seed: int) -> Refinement:
        try:
            return self._refined(self._asking(seed), instruction, prompt, plan, presentation)
        except Outage as why:
            ruled = self._rules.refine(instruction, prompt, plan, presentation, seed)
            return replace(ruled, planner=f"rules ({why})")

    def _asking(self, seed: int) -> Asking:
        return Asking(self._chat, self._prompts, seed, self._seconds)

    def _speaker(self, asking: Asking) -> str:
        return "qwen+repair" if asking.again else "qwen"

    def _prompts_for(self, asking: Asking, prompt: str, presentation: Presentation) -> tuple[str, str, Framing]:
        """Temporal prompt, spatial prompt and framing: the temporal first, the spatial read off it."""
        temporal = self._temporal(asking, prompt, presentation)
        return temporal, *self._spatial(asking, prompt, temporal, presentation)

    def _temporal(self, asking: Asking, prompt: str, presentation: Presentation) -> str:
        context = Context(prompt, presentation, static_appearance=self._static_appearance)
        inputs = {
            "prompt": prompt,
            "subject": f"A {presentation}",
            "pronouns": _PRONOUNS[presentation],
            "static_appearance": self._static_appearance,
            "longest": str(longest_temporal(context.text)),
        }
        said = asking.ask("temporal_polisher", Polished, lambda a: check_temporal(a.temporal_prompt, context), inputs)
        return said.temporal_prompt

    def _spatial(self, asking: Asking, prompt: str, temporal: str, presentation: Presentation) -> tuple[str, Framing]:
        source = read(prompt)
        context = Context(prompt, presentation, loosened=frozenset() if source.english else frozenset({"framing"}))
        said = asking.ask(
            "spatial_parser",
            Parsed,
            lambda a: check_spatial(_phrased(a, presentation, source), context),
            {"prompt": prompt, "temporal_prompt": temporal, "subject": f"a {presentation}"},
        )
        spatial = _phrased(said, presentation, source)
        return spatial, framing_of(spatial) or "close-up"

    def _revised(
        self, asking: Asking, prompt: str, plan: Plan, history: Sequence[Tried], presentation: Presentation
    ) -> Revision:
        last, diagnosis = history[-1].spatial_prompt, history[-1].diagnosis
        tried = (plan.spatial_prompt, *(attempt.spatial_prompt for attempt in history))
        context = Context(prompt, presentation, previous=tried, loosened=ALL_GROUPS)
        framing, kept = framing_after(last, diagnosis.cause), kept_phrases(last, diagnosis.cause, context)
        inputs = {
            "prompt": prompt,
            "subject": f"a {presentation}",
            "history": "\n".join(_told(number, attempt) for number, attempt in enumerate(history, 1)),
            "cause": diagnosis.cause,
            "diagnosis": diagnosis.message,
            "framing": framing,
            "kept": joined(kept) or "nothing in particular",
        }
        said = asking.ask(
            "revise_spatial", Mended, lambda a: check_mended(a.spatial_prompt, kept, framing, context), inputs
        )
        return Revision(
            spatial_prompt=said.spatial_prompt,
            framing=framing_of(said.spatial_prompt) or plan.framing,
            move=said.move,
            planner=self._speaker(asking),
            loosened=told_of(last, said.spatial_prompt, diagnosis.cause, "framing" in plan.asked, context),
            templates=asking.versions,
        )

    def _refined(
        self, asking: Asking, instruction: str, prompt: str, plan: Plan, presentation: Presentation
    ) -> Refinement:
        inputs = {
            "instruction": instruction,
            "prompt": prompt,
            "temporal_prompt": plan.temporal_prompt,
            "spatial_prompt": plan.spatial_prompt,
        }
        said = asking.ask(
            "refine", FollowUp, lambda a: check_follow_up(a, prompt, plan.spatial_prompt, presentation), inputs
        )
        temporal, spatial, framing = plan.temporal_prompt, plan.spatial_prompt, plan.framing
        if said.changes & REWRITES:
            temporal = self._temporal(asking, said.prompt, presentation)
        if "look" in said.changes:
            spatial, framing = self._spatial(asking, said.prompt, temporal, presentation)
        return Refinement(
            changes=said.changes,
            prompt=said.prompt if said.changes & REWRITES else prompt,
            temporal_prompt=temporal,
            spatial_prompt=spatial,
            framing=framing,
            settings=settings_of(said),
            told=said.told,
            planner=self._speaker(asking),
            question=said.question or None,
            templates=asking.versions,
        )


def _phrased(said: Parsed, presentation: Presentation, source: Source) -> str:
    """The phrases between subject and framing, which is the user's own where it can be read."""
    subject = f"a {presentation}"
    framing = framing_words(source) if source.english else said.framing
    phrases = (*said.face, *said.clothing, *said.environment)
    shown = (phrase for phrase in phrases if phrase not in {"", presentation, subject} and framing_of(phrase) is None)
    return joined(list(dict.fromkeys([subject, *shown, framing])))


def _told(number: int, tried: Tried) -> str:
    alike = "no face" if tried.similarity is None else f"similarity {tried.similarity:.2f}"
    return f'{number}. "{tried.spatial_prompt}", {alike}: {tried.diagnosis.message}'


def served_planner(desk: Desk) -> QwenPlanner:
    """The factory of the planner ``qwen``: a model behind an OpenAI-compatible server."""
    return _planner(desk, "qwen", openai_compatible(desk))


def local_planner(desk: Desk) -> QwenPlanner:
    """The factory of the planner ``qwen-local``: a model that a worker of this machine holds."""
    return _planner(desk, "qwen-local", Local(desk, backend="qwen"))


def _planner(desk: Desk, name: str, chat: Chat) -> QwenPlanner:
    options = desk.options
    folder = full_path(options.planner_prompts) if options.planner_prompts else None
    return QwenPlanner(name, chat, templates(folder), options.planner_timeout, options.static_appearance)
