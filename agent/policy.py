"""What Steadface does not make: asked of every prompt and follow-up before anything is queued."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Protocol, cast

from tools import registry
from tools.errors import InputError


@dataclass(frozen=True)
class Objection:
    """``reason`` is one sentence for the user: what is objected to, and what to do."""

    reason: str


class Policy(Protocol):
    """Its factory, in the entry point group ``steadface.policy``, is called without arguments, once a process.

    ``objection`` is asked of the words as the user wrote them, and of the prompt that a follow-up leads to, from any
    thread, and maybe twice of the same. It may ask a model; what it raises ends the request.
    """

    def objection(self, prompt: str) -> Objection | None: ...


def expect_allowed(policy: str, *texts: str) -> None:
    """Raises ``InputError`` with the reason where the policy of that name objects to one of the texts."""
    for text in texts:
        objection = _chosen(policy).objection(text)
        if objection is not None:
            raise InputError(objection.reason)


@cache
def _chosen(name: str) -> Policy:
    return cast(Policy, registry.create("policy", name))
