"""The documentation says what the code does."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import get_args

import anyio
import pytest

from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.server import build_server
from agent.settings import Settings
from tools.actors import Actors
from tools.pools.calls import Queue

ROOT = Path(__file__).parents[1]
GENERATED: dict[Path, str] = runpy.run_path(str(ROOT / "docs" / "generate.py"))["pages"]()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")])

QUEUES = get_args(Queue)

VARIABLE = r"STEADFACE_[A-Z0-9_]+"

MACHINE = {
    name
    for file in [*ROOT.glob("tools/**/*.py"), *ROOT.glob("tools/**/*.toml")]
    for name in re.findall(VARIABLE, file.read_text())
}
"""What of a machine tools read from the environment: where models lie, and how they are run."""


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", GENERATED, ids=_name)
def test_generated_page_is_up_to_date(page: Path) -> None:
    assert page.read_text() == GENERATED[page], "run make docs"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    for target in (target for target in targets if not target.startswith("https://")):
        file, _, heading = target.partition("#")
        linked = page.parent / file if file else page
        assert linked.exists(), target
        assert not heading or heading in _anchors(linked), target


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_commands_options_and_settings_that_are_named_exist(page: Path) -> None:
    text, help_text = page.read_text(), GENERATED[ROOT / "docs" / "cli.md"]
    code = re.findall(r"```.*?```|`[^`]+`|^    .+?$", text, re.DOTALL | re.MULTILINE)
    commands = re.findall(r"\bsteadface ([a-z]+)\b", " ".join(code))
    assert set(commands) <= set(re.findall(r"^## steadface ([a-z]+)$", help_text, re.MULTILINE))
    options = re.findall(r"(?<=`)--[a-z-]+|(?<=steadface )--[a-z-]+", text)
    assert set(options) <= set(re.findall(r"--[a-z-]+", help_text))
    settings = {f"STEADFACE_{name.upper()}" for name in Settings.model_fields}
    settings |= {f"STEADFACE_RAY_{queue.upper()}__{part.upper()}" for queue in QUEUES for part in Actors.model_fields}
    assert set(re.findall(VARIABLE, text)) <= settings | MACHINE


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_files_that_are_named_exist(page: Path) -> None:
    named = re.findall(r"`((?:agent|tools|tests|docs|examples|bench)(?:/[\w-]+)+(?:\.\w+)?)/?`", page.read_text())
    assert not [file for file in named if not (ROOT / file).exists()]


def test_readme_names_every_command() -> None:
    commands = re.findall(r"^## (steadface [a-z]+)$", GENERATED[ROOT / "docs" / "cli.md"], re.MULTILINE)
    listed = re.findall(r"^\| `(steadface [a-z]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert listed == commands


def test_readme_names_every_tool_of_the_server() -> None:
    server = build_server(LateEngine(), Reach.STDIO)
    listed = re.findall(r"^\| `([a-z_]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert listed == [tool.name for tool in anyio.run(server.list_tools)]


def test_changelog_keeps_an_unreleased_head() -> None:
    first = re.search(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first
    assert first.group(1) == "[Unreleased]"
