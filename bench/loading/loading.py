"""Backends of ``bench/batch.py``: the instant ones of the tests, each behind weights that are really read and computed.

The memory holds one model; ``tools.residency`` moves them as it does those of the product on a GPU. What a worker did
goes into the file that ``LOADING_LEDGER`` names, a JSON line a thing: the model, ``load`` or ``compute``, and seconds.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import instant
import numpy as np
from safetensors.numpy import load_file

from agent.planner.desk import Desk
from agent.planner.protocol import Plan, Revision, Tried
from tools.contracts import ChatMessage, ClipSpec, Given, Presentation, Progress, Reference, RGBImage, Size
from tools.pools.calls import Backend, ChatReply, CompleteChat
from tools.residency import Name, Residency, Tenant

WEIGHTS, PASSES, LEDGER = "LOADING_WEIGHTS", "LOADING_PASSES", "LOADING_LEDGER"


class Model:
    """Weights in a file, which no cache of the system keeps for the next time."""

    def __init__(self, name: Name) -> None:
        self._file = Path(os.environ[WEIGHTS]) / f"{name}.safetensors"
        self._weights: dict[str, np.ndarray[Any, np.dtype[np.float32]]] = {}
        self.name = name
        self.tenant = Tenant(name, self._file.stat().st_size, self._load, self._drop)

    def use(self) -> None:
        """What stands for the model's work: so many products of all weights with a vector."""
        with memory().using(self.tenant), told(self.name, "compute"):
            for _ in range(int(os.environ[PASSES])):
                for matrix in self._weights.values():
                    matrix @ np.ones(matrix.shape[1], np.float32)

    def _load(self) -> None:
        with told(self.name, "load"):
            descriptor = os.open(self._file, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)
            self._weights = load_file(self._file)

    def _drop(self) -> None:
        self._weights = {}


@cache
def model(name: Name) -> Model:
    return Model(name)


@cache
def memory() -> Residency:
    """Of this worker; as large as the largest model."""
    room = max(file.stat().st_size for file in Path(os.environ[WEIGHTS]).glob("*.safetensors"))
    return Residency(lambda: room - sum(tenant.size for tenant in memory().tenants if tenant.inside))


@contextmanager
def told(name: Name, what: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    line = {"model": name, "what": what, "seconds": time.perf_counter() - begun}
    with Path(os.environ[LEDGER]).open("a") as ledger:
        ledger.write(json.dumps(line) + "\n")


class Language:
    """Answers nothing, after as much work as an answer would be."""

    def complete(
        self, model_name: str, messages: Sequence[ChatMessage], schema: Mapping[str, Any], seed: int, report: Progress
    ) -> str:
        model("planner").use()
        return "{}"


class Planner(instant.Planner):
    """Asks the language model, and plans as the instant planner does."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def decouple(self, prompt: str, presentation: Presentation, seed: int) -> Plan:
        self._ask()
        return super().decouple(prompt, presentation, seed)

    def revise(
        self, prompt: str, plan: Plan, history: Sequence[Tried], presentation: Presentation, seed: int
    ) -> Revision:
        self._ask()
        return super().revise(prompt, plan, history, presentation, seed)

    def _ask(self) -> None:
        backend = Backend(name="loading")
        self._desk.call(CompleteChat(model="", messages=[], answer_schema={}, seed=0, backend=backend), ChatReply)


class Painter(instant.Painter):
    def generate(
        self, references: Sequence[Reference], prompt: str, seeds: Sequence[int], size: Size, report: Progress
    ) -> list[RGBImage]:
        model("first-frame").use()
        return super().generate(references, prompt, seeds, size, report)


class Projector(instant.Projector):
    def generate(self, prompt: str, clip: ClipSpec, given: Given, seed: int, report: Progress) -> Iterator[RGBImage]:
        model("video").use()
        return super().generate(prompt, clip, given, seed, report)
