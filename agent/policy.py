"""What Steadface does not make: asked of every prompt and follow-up before anything is queued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

from tools import registry
from tools.errors import InputError


@dataclass(frozen=True)
class Objection:
    """``reason`` is one sentence for the user: what is objected to, and what to do."""

    reason: str


class Policy(Protocol):
    """Its factory, in the entry point group ``steadface.policy``, is called without arguments, once for each request.

    ``objection`` is asked of the words as the user wrote them, and of the prompt that a follow-up leads to. It may ask
    a model; what it raises ends the request.
    """

    def objection(self, prompt: str) -> Objection | None: ...


def expect_allowed(policy: str, *texts: str) -> None:
    """Raises ``InputError`` with the reason where the policy of that name objects to one of the texts."""
    chosen = cast(Policy, registry.create("policy", policy))
    for text in texts:
        objection = chosen.objection(text)
        if objection is not None:
            raise InputError(objection.reason)
