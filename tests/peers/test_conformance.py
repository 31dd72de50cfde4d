"""The official conformance suite: against the server as it is, and its tasks scenarios against our extension.

A scenario that needs tools of its own cannot pass against the real server, and a few pass there without proving
anything: ``expected_failures.yml`` holds both, with the reason. What is in no list must pass, and what is must not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml
from mcp import Client

CONFORMANCE = "conformance/dist/index.js"
EXPECTED: dict[str, dict[str, str]] = yaml.safe_load(
    Path(__file__).with_name("expected_failures.yml").read_text(encoding="utf-8")
)
TASKS = {
    "tasks-lifecycle": 9,
    "tasks-capability-negotiation": 5,
    "tasks-wire-fields": 4,
    "tasks-request-state-removal": 3,
    "tasks-request-headers": 5,
    "tasks-dispatch-and-envelope": 9,
    "tasks-required-task-error": 3,
    "tasks-mrtr-composition": 2,
}
"""Scenarios, and the checks that each makes when nothing in it was left out."""


@dataclass(frozen=True)
class Check:
    """``verdict`` is the suite's word: SUCCESS, FAILURE, WARNING, SKIPPED or INFO."""

    scenario: str
    name: str
    verdict: str
    told: str

    @property
    def key(self) -> str:
        return f"{self.scenario}/{self.name}"


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
def test_the_real_server_passes_what_a_revision_of_the_protocol_requires(
    revision: str, start: Any, peer: Any, tmp_path: Path, record_property: Any
) -> None:
    required = _required(peer(CONFORMANCE, "list", "--requirements", revision).stdout)
    ran = peer(CONFORMANCE, "server", "--url", start("steadface"), "--requirements", revision, "-o", "out")
    checks = _checks(tmp_path / "out")
    expected, vacuous = EXPECTED[revision], EXPECTED["proves nothing"]
    record_property("conformance", f"{revision}\n" + _table(checks, {**vacuous, **expected}))
    assert {check.scenario for check in checks} == required, ran.stdout + ran.stderr
    _compare(checks, expected)


@pytest.mark.parametrize("scenario", TASKS)
def test_a_tasks_scenario_passes_against_our_extension(
    scenario: str, start: Any, peer: Any, tmp_path: Path, record_property: Any
) -> None:
    url = start("fixture")
    anyio.run(_warm_up, url)
    ran = peer(CONFORMANCE, "server", "--url", url, "--scenario", scenario, "-o", "out")
    checks = _checks(tmp_path / "out")
    record_property("conformance", _table(checks, {scenario: "with the suite's own tools"}))
    assert len(checks) == TASKS[scenario], ran.stdout + ran.stderr
    _compare(checks, {})


def test_every_expected_failure_has_its_reason() -> None:
    for expected in EXPECTED.values():
        assert expected
        assert all(isinstance(reason, str) and len(reason.split()) >= 4 for reason in expected.values())


async def _warm_up(url: str) -> None:
    """The suite gives a task 10 seconds, and the first job of a server starts its workers."""
    async with Client(url) as client:
        done = await client.call_tool("slow_compute", {"seconds": 0, "label": "warm"})
    assert not done.is_error


def _required(listed: str) -> set[str]:
    """Names of the server's scenarios in the suite's own list, scored or not."""
    scored = listed.partition("Server scenarios")[2].partition("Client scenarios")[0]
    return {*re.findall(r"^ +- (\S+)$", scored, re.M), *re.findall(r"^ +- (\S+) \[server\]$", listed, re.M)}


def _checks(out: Path) -> list[Check]:
    """The suite leaves a folder a scenario: server-NAME-TIME."""
    found = []
    for file in sorted(out.glob("server-*/checks.json")):
        scenario = re.sub(r"^server-|-\d{4}-\d\d-\d\dT[\d-]+Z$", "", file.parent.name)
        for check in json.loads(file.read_text(encoding="utf-8")):
            found.append(Check(scenario, check["id"], check["status"], check.get("errorMessage") or ""))  # noqa: PERF401
    return found


def _compare(checks: Iterable[Check], expected: dict[str, str]) -> None:
    failed = {
        check.key: f"{check.verdict}: {check.told}" for check in checks if check.verdict not in ("SUCCESS", "INFO")
    }
    assert {key: told for key, told in failed.items() if key not in expected} == {}
    assert expected.keys() - failed.keys() == set(), "these pass now: take them out of expected_failures.yml"


def _table(checks: Sequence[Check], remarks: dict[str, str]) -> str:
    lines = []
    for scenario, group in groupby(checks, lambda check: check.scenario):
        made = [check for check in group if check.verdict != "INFO"]
        passed = sum(check.verdict == "SUCCESS" for check in made)
        told = [remarks[key] for key in (scenario, *(check.key for check in made)) if key in remarks]
        lines.append(f"  {scenario:<46} {passed:>2} of {len(made):>2}  {'; '.join(dict.fromkeys(told))}".rstrip())
    return "\n".join(lines)
