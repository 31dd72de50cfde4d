"""One step of a follow-up: what a clause of it changes of a job's prompt or settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agent.planner.protocol import Change
from tools.contracts import Framing, Presentation


@dataclass(frozen=True)
class Draft:
    """A job's prompt in the making.

    ``actor`` is whom the clause speaks of ("her", "the dog"), ``""`` for the subject. ``names`` are the words of the
    follow-up that keep a capital, in lower case.
    """

    text: str
    presentation: Presentation
    framing: Framing
    actor: str = ""
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Step:
    """``text`` is the prompt after it; ``told`` a clause for the user, or the question where the change is one."""

    change: Change
    told: str
    text: str
    settings: Mapping[str, float | int | str] = field(default_factory=dict)


Reading = Callable[[str, Draft], Step | None]
"""What a clause in lower case asks of a draft; ``None`` where the reading is not the clause's."""


def asking(draft: Draft, question: str) -> Step:
    return Step("question", question, draft.text)
