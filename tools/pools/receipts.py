"""What a worker leaves when a call is done, so that the same call after a restart is not run again."""

from __future__ import annotations

import hashlib

from tools.artifacts import Artifacts, named_in
from tools.pools import CallKey
from tools.pools.calls import Message
from tools.pools.usage import Usage


class Receipt(Message):
    """``reply`` is the JSON of the request's reply type, ``notes`` what was noted on the way."""

    reply: str
    notes: tuple[str, ...]
    usage: Usage = Usage()


class Receipts:
    """The replies of finished calls. A call is its key, its operation and its inputs."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts

    def find(self, key: CallKey, operation: str, request: str) -> Receipt | None:
        """What the call gave, if every artifact that its reply names is still whole."""
        written = self._artifacts.receipt(key.job_id, _name(key, operation, request))
        if written is None:
            return None
        receipt = Receipt.model_validate_json(written)
        named = named_in(receipt.reply)
        return receipt if all(self._artifacts.exists(artifact, verify=True) for artifact in named) else None

    def write(self, key: CallKey, operation: str, request: str, receipt: Receipt) -> None:
        """Write the receipt, after the artifacts that the reply names."""
        written = receipt.model_dump_json().encode()
        self._artifacts.write_receipt(key.job_id, _name(key, operation, request), written)


def _name(key: CallKey, operation: str, request: str) -> str:
    call = "\0".join([key.task_id, str(key.number), operation, request])
    return hashlib.sha256(call.encode()).hexdigest()
