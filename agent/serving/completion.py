"""What a client completes while its user types: job ids, candidates, photos, people, presets and consent bases."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, get_args

import anyio.to_thread
from mcp.server import MCPServer
from mcp.types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

from agent.presets import preset_names
from agent.serving.access import current_client
from agent.serving.engine import LateEngine
from agent.serving.job_files import FIRST_FRAME, REFERENCE
from agent.serving.reach import Reach
from agent.serving.resources import CANDIDATE
from tools.errors import SteadfaceError

MOST = 100
"""Values in an answer, by the protocol."""

_LOOKED_AT = 500
"""Jobs, the newest."""

Reference = PromptReference | ResourceTemplateReference


def add_completion(server: MCPServer[Any], engine: LateEngine, reach: Reach) -> None:
    completions = _Completions(engine, reach)

    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]
    async def complete(
        ref: Reference, argument: CompletionArgument, context: CompletionContext | None
    ) -> Completion | None:
        chosen = (context.arguments if context else None) or {}
        return await anyio.to_thread.run_sync(completions.of, ref, argument, chosen)


class _Completions:
    def __init__(self, engine: LateEngine, reach: Reach) -> None:
        self._engine = engine
        self._reach = reach

    def of(self, ref: Reference, argument: CompletionArgument, chosen: dict[str, str]) -> Completion | None:
        """``chosen`` are the arguments that the user has filled in already."""
        choices: dict[str, Callable[[], Iterable[str]]] = {
            "photo": self._photos,
            "preset": preset_names,
            "consent": _bases,
            "number": lambda: self._candidates(chosen.get("job_id", "")),
        }
        typed = argument.value.strip().casefold()
        try:
            if argument.name == "job_id":
                return _answer(self._jobs(typed, finished=_asks_for_results(ref)))
            if argument.name in choices:
                return _answer(_fitting(choices[argument.name](), typed))
        except SteadfaceError:  # nothing to complete with; the call itself will say why
            return _answer([])
        return None

    def _jobs(self, typed: str, *, finished: bool) -> list[str]:
        """The newest first, by the beginning of their id or by words of their prompt."""
        views = self._engine.get().views(_LOOKED_AT, status="completed" if finished else None)
        return [
            view.job_id
            for view in views
            if view.job_id.casefold().startswith(typed) or (typed and typed in view.prompt.casefold())
        ]

    def _candidates(self, job_id: str) -> list[str]:
        return [str(candidate.number) for candidate in self._engine.get().view(job_id).candidates]

    def _photos(self) -> list[str]:
        """Named people, then the photos of the inbox where callers can give those, the newest first."""
        from agent.identities import Identities
        from agent.serving.inbox import newest_files

        settings = self._engine.settings
        people = [f"@{name}" for name in Identities(settings.home, current_client()).names()]
        return [*people, *(file.name for file in newest_files(settings.inbox))] if self._reach.takes_paths else people


def _bases() -> Iterable[str]:
    from agent.settings import ConsentBasis

    return get_args(ConsentBasis)


def _asks_for_results(ref: Reference) -> bool:
    """Whether only jobs that were finished have it."""
    return isinstance(ref, ResourceTemplateReference) and not ref.uri.endswith((CANDIDATE, FIRST_FRAME, REFERENCE))


def _fitting(values: Iterable[str], typed: str) -> list[str]:
    """Those that begin with what was typed, then those that have it further on."""
    found = [value for value in values if typed in value.casefold()]
    return sorted(found, key=lambda value: not value.casefold().removeprefix("@").startswith(typed.removeprefix("@")))


def _answer(found: list[str]) -> Completion:
    return Completion(values=found[:MOST], total=len(found), has_more=len(found) > MOST)
