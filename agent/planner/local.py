"""A language model that a worker of this machine holds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from agent.planner.chat import Completion, Outage
from agent.planner.desk import Desk
from tools.contracts import ChatMessage
from tools.errors import SteadfaceError, StorageAway
from tools.pools.calls import Backend, ChatReply, CompleteChat


class Local:
    """Implements ``Chat``. Loading the model does not count among the seconds; the answer does."""

    def __init__(self, desk: Desk, backend: str) -> None:
        self._desk, self._backend = desk, backend

    def complete(
        self, messages: Sequence[ChatMessage], schema: Mapping[str, Any], seed: int, seconds: float
    ) -> Completion:
        request = CompleteChat(
            model=self._desk.options.planner_model,
            messages=[dict(message) for message in messages],
            answer_schema=dict(schema),
            seed=seed,
            seconds=math.ceil(seconds),
            backend=Backend(name=self._backend),
        )
        try:
            reply = self._desk.call(request, ChatReply)
        except StorageAway:
            raise
        except SteadfaceError as error:
            raise Outage(str(error).rstrip(".")) from None
        return Completion(reply.text, reply.seconds)
