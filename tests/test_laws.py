"""The laws of the house, as docs/structure.md states them. Those that reach over many modules are import-linter's.

What each law allows is data at the top, with the reason of every exception.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from importlinter import cli as import_linter

from tools.pools import calls

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = {contract["name"]: contract for contract in PROJECT["tool"]["importlinter"]["contracts"]}

BACKENDS: list[str] = CONTRACTS["A backend imports no other backend"]["modules"]
"""What holds a tool's backend: its file or, where a whole folder serves it, the folder."""

HEAVY: list[str] = CONTRACTS["The agent reaches no heavy library, over any number of modules"]["forbidden_modules"]

AGENT_MAY_IMPORT = {
    "tools.contracts": "the data that both sides speak",
    "tools.errors": "what a tool may raise",
    "tools.framing": "the words for how close the camera is",
    "tools.artifacts": "bytes by content hash",
    "tools.logs": "lines of logs that are alike on both sides",
    "tools.home": "where all state lies",
    "tools.paths": "paths as people write them",
    "tools.environment": "which values of the environment count as unset",
    "tools.models.catalog": "the table of models, for presets, doctor and `steadface models`",
    "tools.models.place": "whether a model is on this machine",
    "tools.models.lock": "the revision that is pinned",
    "tools.models.terms": "which licences were accepted",
    "tools.models.pull": "`steadface models pull`: downloads run in the command, not in a worker",
    "tools.models.check": "`steadface models check`",
    "tools.registry": "the names of backends, and planners, which run in the agent",
    "tools.pools": "the pool's protocol",
    "tools.pools.calls": "the messages of each operation",
    "tools.pools.usage": "what a call took of its machine",
    "tools.pools.local": "the pool on this machine",
    "tools.pools.ray_pool": "the pool on a Ray cluster",
    "tools.actors": "how large the settings want a pool on Ray",
}

WORKER_SIDE = {
    "tools.media": "images and clips of every backend go through FFmpeg",
    "tools.colour_match": "clips of any video backend may be held to their first colours",
    "tools.optical_flow": "identity repair, which any video backend may be asked for",
    "tools.insight": "the face models of insightface, which ArcFace and HyperLoRA share",
    "tools.device": "the device that models of several backends run on",
    "tools.residency": "models of several backends that share the GPU of a worker",
    "tools.sdxl": "the pipeline that first frame and face detailer share",
}
"""Modules outside backends that may import a heavy library; nothing in the agent reaches them (import-linter)."""

DRIVER_SIDE = {"tools.pools.ray_pool": "speaks to Ray from the process that asks, where the settings choose it"}
"""Modules that may import a heavy library and that the agent imports, late (exceptions of import-linter)."""

OF_THE_AGENT = {"steadface.planner", "steadface.policy"}
"""Entry points of what runs in the agent, not in a worker."""

NAMES_SUCCESSORS = "agent.graph"
WORDS_OF_SUCCESSION = frozenset(
    {
        "Command",
        "Send",
        "goto",
        "add_edge",
        "add_conditional_edges",
        "add_sequence",
        "set_entry_point",
        "set_finish_point",
    }
)

PRINTS = {
    "agent.cli": "results go to standard output",
    "agent.commands.batch": "results go to standard output, what is wrong with a line to standard error",
    "agent.commands.consent": "results go to standard output, a question to standard error",
    "agent.commands.following": "results go to standard output",
    "agent.commands.gc": "results go to standard output",
    "agent.commands.identity": "results go to standard output",
    "agent.commands.models": "results go to standard output",
    "agent.commands.plainly": "one sentence of error to standard error",
    "agent.commands.queue": "results go to standard output",
    "agent.serving.http": "the address that the server listens on, on standard error",
    "agent.serving.serve": "a refusal to serve, on standard error, since standard output is the protocol's",
}

VAGUE = re.compile(r"utils?|helpers?|managers?|handlers?|common|misc")


@cache
def _modules() -> dict[str, ast.Module]:
    """Every module that the wheel ships, by name."""
    files = [
        ROOT / "server.py",
        *(file for top in ("agent", "tools", "prompts") for file in (ROOT / top).rglob("*.py")),
    ]
    return {_name(file): ast.parse(file.read_text(), str(file)) for file in files}


def _name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(name: str) -> Iterator[str]:
    """What a module imports, inside functions too; ``from a import b`` is ``a.b`` where b is a module."""
    for found in ast.walk(_modules()[name]):
        if isinstance(found, ast.Import):
            yield from (alias.name for alias in found.names)
        elif isinstance(found, ast.ImportFrom):
            assert not found.level, f"{name} imports relatively"
            base = found.module or ""
            for alias in found.names:
                full = f"{base}.{alias.name}"
                yield full if full in _modules() else base


def _in(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def test_contracts_of_import_linter_hold(capsys: pytest.CaptureFixture[str]) -> None:
    broken = import_linter.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert not broken, capsys.readouterr().out


def test_every_backend_of_the_project_is_kept_apart_from_the_others() -> None:
    groups = PROJECT["project"]["entry-points"]
    targets = {target for group, entries in groups.items() if group not in OF_THE_AGENT for target in entries.values()}
    assert targets
    assert not {target for target in targets if not _in(target.split(":")[0], *BACKENDS)}


def test_tools_import_nothing_of_the_agent_or_the_command() -> None:
    assert not [
        (name, imported)
        for name in _modules()
        if _in(name, "tools")
        for imported in _imports(name)
        if _in(imported, "agent", "server")
    ]


def test_agent_speaks_to_tools_through_the_contracts_only() -> None:
    reached = [
        (name, imported)
        for name in _modules()
        if _in(name, "agent", "server")
        for imported in _imports(name)
        if _in(imported, "tools")
    ]
    assert reached
    assert not [(name, imported) for name, imported in reached if imported not in AGENT_MAY_IMPORT]


def test_heavy_libraries_are_imported_in_backends_and_on_the_workers_side_only() -> None:
    importers = {name for name in _modules() if any(imported.split(".")[0] in HEAVY for imported in _imports(name))}
    assert importers
    assert not {name for name in importers if not _in(name, *BACKENDS) and name not in {*WORKER_SIDE, *DRIVER_SIDE}}


def test_agent_makes_no_backend_but_planner_and_policy() -> None:
    """The others are made by name inside workers."""
    made = [
        (name, ast.unparse(found.args[0]))
        for name, module in _modules().items()
        if _in(name, "agent", "server")
        for found in ast.walk(module)
        if isinstance(found, ast.Call) and ast.unparse(found.func) == "registry.create"
    ]
    assert made
    assert {f"steadface.{ast.literal_eval(capability)}" for _, capability in made} == OF_THE_AGENT


def test_agent_holds_no_pixels() -> None:
    assert not [name for name in _modules() if _in(name, "agent", "server") and "numpy" in _imports(name)]


def test_calls_to_workers_hold_what_json_can_hold() -> None:
    for message in (
        kind for kind in vars(calls).values() if isinstance(kind, type) and issubclass(kind, calls.Message)
    ):
        assert "binary" not in str(message.model_json_schema())


def test_graph_alone_names_the_successor_of_a_node() -> None:
    speakers = {name for name, module in _modules().items() if WORDS_OF_SUCCESSION & set(_words(module))}
    assert speakers == {NAMES_SUCCESSORS}


def _words(module: ast.Module) -> Iterator[str]:
    """Names imported from langgraph, attributes and keyword arguments."""
    for found in ast.walk(module):
        if isinstance(found, ast.ImportFrom) and _in(found.module or "", "langgraph"):
            yield from (alias.name for alias in found.names)
        elif isinstance(found, ast.Attribute):
            yield found.attr
        elif isinstance(found, ast.keyword) and found.arg:
            yield found.arg


def test_only_the_command_line_prints() -> None:
    printers = {
        name
        for name, module in _modules().items()
        for found in ast.walk(module)
        if isinstance(found, ast.Call) and isinstance(found.func, ast.Name) and found.func.id == "print"
    }
    assert printers == set(PRINTS)


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert not [name for name in _modules() if VAGUE.fullmatch(name.rpartition(".")[2])]


def test_every_exception_is_still_needed() -> None:
    imported = {module for name in _modules() if _in(name, "agent", "server") for module in _imports(name)}
    assert set(AGENT_MAY_IMPORT) <= imported
    for name in (*WORKER_SIDE, *DRIVER_SIDE):
        assert {module.split(".")[0] for module in _imports(name)} & set(HEAVY)
