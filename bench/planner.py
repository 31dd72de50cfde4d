"""How often what a planner writes first passes each check, and what its calls cost.

    .venv/bin/python bench/planner.py [--prompts FILE] [--planner NAME ...] [--limit N] [--out FILE]

The planner ``rules`` needs nothing; ``qwen`` and ``qwen-local`` ask a model, as STEADFACE_PLANNER_URL and the other
settings say, and one that cannot answer is named with the reason. A call is one question to a model, or one plan of
the rules.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from agent.planner.chat import Chat, Completion  # noqa: E402
from agent.planner.checks import Context  # noqa: E402
from agent.planner.desk import Desk, Reply, planner_at  # noqa: E402
from agent.planner.language import read  # noqa: E402
from agent.planner.rules import RulePlanner  # noqa: E402
from agent.planner.spatial import spatial_prompt  # noqa: E402
from agent.planner.spatial_checks import PHRASE, SPATIAL  # noqa: E402
from agent.planner.subject import Subject, presentation_in, subject_of  # noqa: E402
from agent.planner.temporal import temporal_prompt  # noqa: E402
from agent.planner.temporal_checks import TEMPORAL  # noqa: E402
from agent.planner.validators import check_spatial, check_temporal  # noqa: E402
from agent.settings import Settings, load_settings  # noqa: E402
from tools.contracts import ChatMessage, Presentation  # noqa: E402
from tools.errors import SteadfaceError  # noqa: E402
from tools.pools import CallKey  # noqa: E402
from tools.pools.calls import Request  # noqa: E402
from tools.pools.local import LocalPool  # noqa: E402

PLANNERS = ("rules", "qwen", "qwen-local")
ASKS = {"temporal_polisher": "temporal", "spatial_parser": "spatial"}
CODES = {
    "temporal": [check.code for check in TEMPORAL],
    "spatial": list(dict.fromkeys(check.code for check in (*SPATIAL, *PHRASE))),
}


@dataclass
class Measured:
    """``asked`` counts first answers by prompt kind, ``refused`` the checks that they failed; tokens where told."""

    asked: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)

    def answered(self, kind: str, codes: Sequence[str]) -> None:
        self.asked[kind] += 1
        self.refused.update(f"{kind} {code}" for code in set(codes))

    def rate(self, kind: str, code: str) -> float | None:
        return 1 - self.refused[f"{kind} {code}"] / self.asked[kind] if self.asked[kind] else None


class FirstAnswers(logging.Handler):
    """Hears what the planner logs of each answer; of one plan, the first about each template counts."""

    def __init__(self, measured: Measured) -> None:
        super().__init__()
        self._measured = measured
        self.heard: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        name, found = (str(part) for part in record.args or ("", ""))
        if name in ASKS and name not in self.heard:
            self.heard.add(name)
            unread = record.msg.endswith("the answer %s")
            codes = ["unreadable"] if unread else [code for code in found.split(", ") if code != "well"]
            self._measured.answered(ASKS[name], codes)


class Timed:
    """A chat that notes what each of its calls cost."""

    def __init__(self, chat: Chat, measured: Measured) -> None:
        self._chat, self._measured = chat, measured

    def complete(
        self, messages: Sequence[ChatMessage], schema: Mapping[str, Any], seed: int, seconds: float
    ) -> Completion:
        done = self._chat.complete(messages, schema, seed, seconds)
        self._measured.seconds.append(done.seconds)
        if done.prompt_tokens is not None and done.answer_tokens is not None:
            self._measured.tokens.append(done.prompt_tokens + done.answer_tokens)
        return done


def prompts_in(file: Path, limit: int | None) -> list[tuple[str, Presentation]]:
    """The prompts with the presentation of the user's words, else "person"."""
    lines = [line for line in file.read_text("utf-8").splitlines() if line.strip() and not line.startswith("#")]
    return [(line, presentation_in(line) or "person") for line in lines[:limit]]


def measure_rules(prompts: Sequence[tuple[str, Presentation]]) -> Measured:
    measured, planner = Measured(), RulePlanner()
    for prompt, presentation in prompts:
        begun = time.perf_counter()
        planner.decouple(prompt, presentation, 1)
        measured.seconds.append(time.perf_counter() - begun)
        source = read(prompt)
        context = Context(prompt, presentation, english=source.english)
        subject = subject_of(source.text, presentation) if source.english else Subject(None, "", frozenset(), ())
        first = check_temporal(temporal_prompt(source, subject, presentation), context)
        measured.answered("temporal", [violation.code for violation in first])
        shown = check_spatial(spatial_prompt(source, subject, presentation), context)
        measured.answered("spatial", [violation.code for violation in shown])
        measured.ended["rules, plain opening" if first else "rules"] += 1
    return measured


def measure_model(name: str, prompts: Sequence[tuple[str, Presentation]], desk: Desk) -> Measured | str:
    """What was measured, or why the planner cannot be asked."""
    measured = Measured()
    try:
        planner: Any = planner_at(desk, name)
    except SteadfaceError as error:
        return str(error)
    planner._chat = Timed(planner._chat, measured)
    hearing, log = FirstAnswers(measured), logging.getLogger("agent.planner.asking")
    log.addHandler(hearing)
    log.setLevel(logging.INFO)
    try:
        for prompt, presentation in prompts:
            hearing.heard.clear()
            plan = planner.decouple(prompt, presentation, 1)
            measured.ended[plan.planner] += 1
            if not measured.seconds and not measured.asked:
                return str(plan.planner)
    except SteadfaceError as error:
        return str(error)
    finally:
        log.removeHandler(hearing)
    return measured


def measure(names: Sequence[str], prompts: Sequence[tuple[str, Presentation]], settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = {}
    pool, cancelled = LocalPool(settings.home / "bench"), threading.Event()

    def call(request: Request, reply: type[Reply]) -> Reply:
        key = CallKey("bench", f"{time.time_ns()}", 0)
        done = pool.call(request, key, lambda done, total, message: None, cancelled).reply
        assert isinstance(done, reply)
        return done

    for name in names:
        desk = Desk(settings.recipe(), settings.planner_key, call, cancelled)
        if name == "rules":
            found[name] = measure_rules(prompts)
        elif name == "qwen" and settings.planner_url is None:
            found[name] = "not configured: set STEADFACE_PLANNER_URL to an OpenAI-compatible server"
        else:
            found[name] = measure_model(name, prompts, desk)
    pool.close()
    return found


def p95(values: Sequence[float]) -> float:
    return sorted(values)[max(0, round(0.95 * len(values)) - 1)]


def table(found: Mapping[str, Measured | str]) -> str:
    told = {name: each for name, each in found.items() if isinstance(each, Measured)}
    lines = [f"{'passes at the first try':32}" + "".join(f"{name:>14}" for name in told)]
    for kind, codes in CODES.items():
        for code in ["unreadable", *codes]:
            rates = [each.rate(kind, code) for each in told.values()]
            cells = "".join(f"{'-' if rate is None else f'{100 * rate:.1f} %':>14}" for rate in rates)
            if code != "unreadable" or any(rate is not None and rate < 1 for rate in rates):
                lines.append(f"{kind + ' ' + code:32}{cells}")
    for name, each in told.items():
        total = sum(each.ended.values())
        kinds = Counter[str]()
        for who, count in each.ended.items():
            why, found_there, _ = who.partition(": ")
            kinds[f"{why})" if found_there else who] += count
        ended = ", ".join(f"{who} {100 * count / total:.1f} %" for who, count in kinds.most_common())
        cost = f"{statistics.median(each.seconds):.4f} s a call, p95 {p95(each.seconds):.4f}" if each.seconds else ""
        tokens = (
            f"; {statistics.median(each.tokens):.0f} tokens a call, p95 {p95(each.tokens):.0f}" if each.tokens else ""
        )
        lines.append(f"{name}: {total} plans, {len(each.seconds)} calls; ended as {ended}; {cost}{tokens}")
    lines += [f"{name}: {why}" for name, why in found.items() if isinstance(why, str)]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=Path, default=Path(__file__).with_name("prompts.txt"))
    parser.add_argument("--planner", nargs="+", choices=PLANNERS, default=["rules", "qwen"])
    parser.add_argument("--limit", type=int, help="plan the first so many prompts only")
    parser.add_argument("--out", type=Path, help="write what was measured as JSON, too")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("STEADFACE_HOME", folder)
        prompts = prompts_in(options.prompts, options.limit)
        found = measure(options.planner, prompts, load_settings())
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {len(prompts)} prompts of {options.prompts.name}"
    )
    print(table(found))
    if options.out:
        kept = {name: vars(each) if isinstance(each, Measured) else each for name, each in found.items()}
        options.out.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
