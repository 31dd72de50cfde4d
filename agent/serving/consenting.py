"""Asking the person at the client for consent: a form in the client, where it can show one.

What a model puts into a call is an assertion. The resolvers below stand between the call and its tool: what the user
stated before, for this photo or at an earlier call, holds; else the user is asked, and a tool begins only when that is
settled.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import anyio.to_thread
from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context, Elicit, Resolve
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field

from agent.serving.access import current_client
from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.references import photo_meant, saved_consent
from agent.serving.results import in_one_sentence
from agent.serving.threads import run_long

if TYPE_CHECKING:
    from agent.requests import Consent, Photo

MOST_ANSWERS = 1000
"""Remembered until the server ends, besides those that are kept for good."""

_ANSWERED: Final = "stated by the user"


class ConsentForm(BaseModel):
    """What the client shows."""

    basis: Literal["self", "written", "licensed", "synthetic"] = Field(
        title="Basis",
        description="self: it is you; written: they agreed in writing; licensed: a licence or the public domain allows "
        "it; synthetic: no real person",
    )
    remember: bool = Field(
        default=False, title="Remember", description="Do not ask again for this photo; you can withdraw it at any time."
    )


@dataclass(frozen=True)
class _Asked:
    """A call that needs consent: the first of its photos, and what the model says."""

    photo: Photo
    basis: str | None
    saved: Consent | None
    settled: Consent | None
    note: str | None


class Consenting:
    """What people were asked and answered while this server runs."""

    def __init__(self, engine: LateEngine, reach: Reach) -> None:
        self._engine = engine
        self._reach = reach
        self._answers: dict[tuple[str | None, str, str], Consent] = {}

    async def look(self, ctx: Context[Any], reference: str, basis: str | None) -> _Asked:
        """What is known of the photo's consent already; raises for a photo or a basis that cannot be."""
        with in_one_sentence(self._engine, self._reach):
            return await run_long(self._look, _sitting(ctx), reference, basis)

    async def question(self, ctx: Context[Any], asked: _Asked, prompt: str) -> Elicit[ConsentForm] | None:
        """What to ask the user, where they have to be asked and can be."""
        with in_one_sentence(self._engine, self._reach):
            settings = self._engine.settings
            await anyio.to_thread.run_sync(partial(_expect_allowed, settings.policy, prompt))
        if asked.settled or settings.consent or not _can_be_asked(ctx):
            return None
        return Elicit(_message(asked, prompt), ConsentForm)

    def settle(self, ctx: Context[Any], asked: _Asked, outcome: ElicitationResult[ConsentForm]) -> Consent | None:
        """The consent that the call goes on with, ``None`` for what the model says; raises where the user said no."""
        from agent.requests import Consent

        if not isinstance(outcome, AcceptedElicitation):
            raise ToolError(
                "The user did not give consent, so nothing was made. Do not ask again unless they bring it up; where "
                "nobody can answer a form, consent can be recorded with steadface consent add."
            )
        if outcome.data is None:
            return asked.settled or (asked.saved if asked.basis is None else None)
        scope: Literal["any video", "this video"] = "any video" if outcome.data.remember else "this video"
        answer = Consent(basis=outcome.data.basis, source=_ANSWERED, scope=scope)
        while len(self._answers) >= MOST_ANSWERS:
            del self._answers[next(iter(self._answers))]
        self._answers[current_client(), _sitting(ctx), asked.photo.image] = answer
        return answer

    def _look(self, sitting: str, reference: str, basis: str | None) -> _Asked:
        from agent.requests import checked_consent

        settings, client = self._engine.settings, current_client()
        if basis is not None:
            checked_consent(basis, None, "asserted by client")
        photo = photo_meant(reference, self._engine, self._reach)
        known = self._engine.get().consents.known(photo.image, client)
        saved = saved_consent(reference, settings)
        by_user = saved if saved and saved.source == _ANSWERED else None
        before = by_user or self._answers.get((client, sitting, photo.image))
        return _Asked(photo, basis, saved, known.consent or (None if known.note else before), known.note)


async def consent_in_call(ctx: Context[Any], reference: str, consent: str | None) -> Any:  # noqa: ANN401 - the SDK reads it
    return await _consenting(ctx).look(ctx, reference, consent)


_InCall = Annotated[Any, Resolve(consent_in_call)]


async def ask_about_video(ctx: Context[Any], asked: _InCall, prompt: str) -> Elicit[ConsentForm] | None:
    return await _consenting(ctx).question(ctx, asked, prompt)


async def ask_about_first_frame(ctx: Context[Any], asked: _InCall, spatial_prompt: str) -> Elicit[ConsentForm] | None:
    return await _consenting(ctx).question(ctx, asked, spatial_prompt)


async def settle_video(
    ctx: Context[Any], asked: _InCall, answer: Annotated[ElicitationResult[ConsentForm], Resolve(ask_about_video)]
) -> Any:  # noqa: ANN401 - the SDK reads it
    return _consenting(ctx).settle(ctx, asked, answer)


async def settle_first_frame(
    ctx: Context[Any], asked: _InCall, answer: Annotated[ElicitationResult[ConsentForm], Resolve(ask_about_first_frame)]
) -> Any:  # noqa: ANN401 - the SDK reads it
    return _consenting(ctx).settle(ctx, asked, answer)


VideoConsent = Annotated[Any, Resolve(settle_video)]
FirstFrameConsent = Annotated[Any, Resolve(settle_first_frame)]
"""A ``Consent`` that holds whatever the call says, or ``None``."""


def _consenting(ctx: Context[Any]) -> Consenting:
    found = ctx.request_context.lifespan_context
    assert isinstance(found, Consenting)
    return found


def _can_be_asked(ctx: Context[Any]) -> bool:
    """Whether the client said that it shows forms, and the connection can carry one."""
    told = ctx.client_capabilities.elicitation if ctx.client_capabilities else None
    return told is not None and (told.form is not None or told.url is None)


def _sitting(ctx: Context[Any]) -> str:
    """What an answer holds for: the process on stdio, the session on HTTP; where HTTP has none, the hour."""
    if ctx.headers is None:
        return "stdio"
    return ctx.headers.get("mcp-session-id") or f"hour {int(time.time() // 3600)}"


def _message(asked: _Asked, prompt: str) -> str:
    who = f"@{asked.photo.identity}" if asked.photo.identity else f"the person in {asked.photo.name}"
    note = f"{asked.note} " if asked.note else ""
    claim = f" The assistant says: {asked.basis}." if asked.basis else ""
    return f"{note}A video of {who} is asked for: “{prompt.strip()}”. On what basis is their likeness used?{claim}"


def _expect_allowed(policy: str, prompt: str) -> None:
    from agent.policy import expect_allowed
    from agent.requests import checked_prompt

    expect_allowed(policy, checked_prompt(prompt))
