"""The planner that needs no model: word lists and a shallow reading of English. Deterministic whatever the seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from agent.planner.desk import Desk
from agent.planner.language import Source, read
from agent.planner.protocol import Plan, Refinement, Revision, Tried
from agent.planner.refine import refined
from agent.planner.revise import revised
from agent.planner.scene import shown_in
from agent.planner.spatial import framing_words, spatial_prompt
from agent.planner.subject import Subject, presentation_in, subject_of
from agent.planner.temporal import plain_temporal, temporal_prompt
from agent.planner.validators import Context, check_temporal
from tools.contracts import Presentation
from tools.framing import framing_of, framing_phrases

__all__ = ["RulePlanner", "presentation_in"]

Asked = Literal["framing", "people", "place", "clothes"]


def _asked(source: Source, subject: Subject) -> frozenset[Asked]:
    shown = shown_in(source.text)
    named: dict[Asked, bool] = {
        "framing": bool(framing_phrases(source.text)),
        "people": bool(subject.others) or (subject.mention is not None and subject.mention.plural),
        "place": shown.place_named,
        "clothes": bool(shown.clothing),
    }
    return frozenset(group for group, said in named.items() if said)


class RulePlanner:
    """Splits a prompt by rules, and answers each diagnosis with the move that addresses it."""

    name = "rules"

    def decouple(self, prompt: str, presentation: Presentation, seed: int) -> Plan:
        source = read(prompt)
        subject = subject_of(source.text, presentation) if source.english else Subject(None, "", frozenset(), ())
        asked = _asked(source, subject) if source.english else frozenset[Asked]()
        notes = list(source.notes)
        if "people" in asked:
            notes.append("The first frame shows the person alone; the others in the prompt are left to the video.")
        return Plan(
            temporal_prompt=self._temporal(source, subject, presentation),
            spatial_prompt=spatial_prompt(source, subject, presentation),
            framing=framing_of(framing_words(source)) or "close-up",
            asked=asked,
            planner=self.name,
            notes=tuple(notes),
        )

    def revise(
        self, prompt: str, plan: Plan, history: Sequence[Tried], presentation: Presentation, seed: int
    ) -> Revision:
        return revised(read(prompt), plan, history, presentation)

    def refine(self, instruction: str, prompt: str, plan: Plan, presentation: Presentation, seed: int) -> Refinement:
        return refined(instruction, prompt, plan, presentation, lambda text: self.decouple(text, presentation, seed))

    def _temporal(self, source: Source, subject: Subject, presentation: Presentation) -> str:
        """The polished prompt; where a sentence defeats the rules, the source whole, behind a plain opening."""
        polished = temporal_prompt(source, subject, presentation)
        context = Context(source.text, presentation, english=source.english)
        if not check_temporal(polished, context):
            return polished
        return plain_temporal(source, subject, presentation)


def rule_planner(desk: Desk) -> RulePlanner:
    """The factory of the planner ``rules``, which needs nothing that lies on the desk."""
    return RulePlanner()
