"""Asking a language model: what a chat is, and the wait for it, which the job's cancel and the time end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol, TypeVar

from tools.contracts import ChatMessage
from tools.errors import Cancelled

T = TypeVar("T")

_GLANCE = 0.05
"""Seconds between two looks at whether the job was cancelled."""


class Outage(Exception):  # noqa: N818 - no defect: the rules take over
    """No answer can be had now. The message says why, short enough for "rules (…)", and holds no address and no key."""


class CutOff(Exception):  # noqa: N818 - the model is asked once more
    """The answer did not end within the tokens that it may have."""


@dataclass(frozen=True)
class Completion:
    """What a model said, and the ``seconds`` that it took of those it was given. Tokens are ``None`` where not told."""

    text: str
    seconds: float
    prompt_tokens: int | None = None
    answer_tokens: int | None = None


class Chat(Protocol):
    def complete(
        self, messages: Sequence[ChatMessage], schema: Mapping[str, Any], seed: int, seconds: float
    ) -> Completion:
        """One answer, JSON as ``schema`` says where the model can be held to it.

        Raises ``Outage``, after ``seconds`` at the latest, ``CutOff``, and ``Cancelled`` when the job must stop.
        """
        ...


def no_answer_in(seconds: float) -> Outage:
    return Outage(f"no answer in {seconds:.3g} s")


def awaited(work: Callable[[], T], seconds: float, cancelled: threading.Event) -> T:
    """What ``work`` returns, run on a thread of its own, so that nothing it waits for holds up the job.

    Raises ``TimeoutError`` after ``seconds`` and ``Cancelled`` as soon as that is set; ``work`` is then on its own.
    """
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:
            result.set_exception(error)

    until = monotonic() + seconds
    threading.Thread(target=run, name="chat", daemon=True).start()
    while True:
        if cancelled.is_set():
            raise Cancelled("The job was cancelled.")
        left = until - monotonic()
        if wait([result], min(_GLANCE, max(left, 0))).done:
            return result.result()
        if left <= 0:
            raise TimeoutError
