"""The planner ``qwen`` against a real OpenAI-compatible server: ``transformers serve`` with a Qwen3 of random weights.

This server ignores the schema, and answers 422 to fields that it does not know. So no answer can be used; what is
shown is that the wire works, that nothing fails, and that the plan says why the rules made it.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.planner.checks import Context
from agent.planner.desk import Desk, planner_at
from agent.planner.options import PlannerOptions
from agent.planner.protocol import Diagnosis, Planner, Tried
from agent.planner.rules import RulePlanner
from agent.planner.validators import check_spatial, check_temporal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PROMPT = "A woman in a red coat walks along the beach at dawn, smiling."


@pytest.fixture(scope="module")
def server(tiny_qwen: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server; its log is the test's failure message where it does not start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    line = [str(Path(sys.executable).with_name("transformers")), "serve", str(tiny_qwen)]
    line += ["--device", "cpu", "--dtype", "float32", "--host", "127.0.0.1", "--port", str(port), "--reasoning", "off"]
    with log.open("wb") as output:
        process = subprocess.Popen(line, stdout=output, stderr=output, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        patience = time.monotonic() + 100
        while not _healthy(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < patience, log.read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def planner(url: str, model: str, timeout: float = 150) -> Planner:
    options = PlannerOptions(planner_url=url, planner_model=model, planner_timeout=timeout)
    return planner_at(Desk(options, None, no_worker, threading.Event()), "qwen")


def no_worker(request: object, reply: object) -> object:
    raise AssertionError("a served planner calls no worker")


@pytest.mark.parametrize("seed", [1, 2])
def test_a_plan_comes_back_valid_and_says_who_made_it(server: str, tiny_qwen: Path, seed: int) -> None:
    plan = planner(server, str(tiny_qwen)).decouple(PROMPT, "woman", seed)
    context = Context(PROMPT, "woman")
    assert not check_spatial(plan.spatial_prompt, context)
    assert not check_temporal(plan.temporal_prompt, context)
    assert plan.planner.startswith("rules (its answer ")
    assert [note for note in plan.notes if "qwen" in note]


def test_revisions_and_follow_ups_never_fail_either(server: str, tiny_qwen: Path) -> None:
    asked = planner(server, str(tiny_qwen))
    plan = RulePlanner().decouple(PROMPT, "woman", 1)
    spoken = Tried(plan.spatial_prompt, 0.2, Diagnosis("small_face", "The face is 20 pixels high."))
    by_model = asked.revise(PROMPT, replace(plan, planner="qwen"), [spoken], "woman", 1)
    assert by_model.spatial_prompt != plan.spatial_prompt
    assert by_model.planner.startswith("rules (its answer ")
    followed = asked.refine("slower, and let her smile", PROMPT, plan, "woman", 1)
    assert followed.planner.startswith("rules (its answer ")


def test_a_model_that_the_server_does_not_hold_is_told(server: str) -> None:
    plan = planner(server, "Qwen/Qwen3-8B").decouple(PROMPT, "woman", 1)
    assert plan.planner.startswith("rules (the server ")
