"""The operation ``complete_chat`` in a real worker process."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from conversation import MESSAGES, SCHEMA

from tools.errors import Cancelled, Unavailable
from tools.pools import CallKey
from tools.pools.calls import ChatReply, CompleteChat
from tools.pools.local import LocalPool


@pytest.fixture
def pool(home: Path) -> Iterator[LocalPool]:
    pool = LocalPool(home)
    yield pool
    pool.close()


def _asking(model: str, seed: int = 1) -> CompleteChat:
    return CompleteChat(model=model, messages=MESSAGES, answer_schema=SCHEMA, seed=seed, backend="qwen")


def test_a_worker_answers_reports_and_can_be_cancelled(pool: LocalPool, tiny_qwen: Path) -> None:
    news: list[str] = []
    done = pool.call(
        _asking(str(tiny_qwen)), CallKey("job", "a", 0), lambda *told: news.append(told[2]), threading.Event()
    )
    assert isinstance(done.reply, ChatReply)
    jsonschema.validate(json.loads(done.reply.text), SCHEMA)
    assert news[0].startswith("loading")
    assert "writing" in news

    cancelled = threading.Event()
    with pytest.raises(Cancelled):
        pool.call(_asking(str(tiny_qwen), 2), CallKey("job", "b", 0), lambda *_: cancelled.set(), cancelled)
    patience = time.monotonic() + 20
    while pool.busy() and time.monotonic() < patience:
        time.sleep(0.05)
    assert not pool.busy(), "the worker stops at its next report, long before the grace ends"


def test_missing_weights_cross_the_process_as_one_sentence(pool: LocalPool) -> None:
    with pytest.raises(Unavailable, match="hf download nobody/nothing"):
        pool.call(_asking("nobody/nothing"), CallKey("job", "a", 0), lambda *_: None, threading.Event())
