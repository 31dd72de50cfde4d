"""Writes what follows from the code: settings.md, cli.md, the modules in structure.md, the models, the graph, and
what the registry, the bundle and the extensions are told of version and tools.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import anyio

from agent.graph import mermaid
from agent.needs import models_of
from agent.presets import preset_names
from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.server import build_server
from agent.settings import Recipe, Settings, read_preset
from tools.models.catalog import catalog, told_size

ROOT = Path(__file__).parents[1]

PACKAGES = ("agent", "tools", "prompts")

FOLDERS = {
    "home": "`steadface` in the user's data folder",
    "videos": "`Steadface` in the user's videos folder",
}
"""What the defaults that depend on the machine are."""

EXTENSIONS = (ROOT / ".claude-plugin" / "plugin.json", ROOT / "gemini-extension.json")

SETTINGS_HEAD = """\
# Settings

A value is looked for in this order: an option of the command or a parameter of the tool; the environment
variable; the preset's file; the default. A value that cannot be is refused in one sentence that names it.
"""

CLI_HEAD = """\
# Commands

Results go to standard output, progress and errors to standard error. Exit codes: 0 done, 1 failed, 2 something
that the caller can mend, 130 cancelled.
"""


def pages() -> dict[Path, str]:
    """Every generated file with its text."""
    docs, readme = ROOT / "docs", ROOT / "README.md"
    return {
        docs / "settings.md": _settings(),
        docs / "cli.md": _commands(),
        docs / "structure.md": _filled(docs / "structure.md", "modules", _modules()),
        docs / "models.md": _filled(docs / "models.md", "models", _models()),
        readme: _filled(readme, "graph", f"```mermaid\n{mermaid().strip()}\n```\n"),
        ROOT / "server.json": _registry_entry(),
        ROOT / "bundle" / "manifest.json": _manifest(),
        **{file: _as_json({**json.loads(file.read_text()), "version": _version()}) for file in EXTENSIONS},
    }


def _filled(page: Path, mark: str, text: str) -> str:
    """The page with the text between ``<!-- mark -->`` and ``<!-- /mark -->``."""
    before, begin, rest = page.read_text().partition(f"<!-- {mark} -->\n")
    _, end, after = rest.partition(f"<!-- /{mark} -->")
    assert begin, f"{page} has no place for the {mark}"
    assert end, f"{page} does not end the place for the {mark}"
    return before + begin + text + end + after


def _modules() -> str:
    """One line a module: the first paragraph of its docstring."""
    folders = sorted({file.parent for package in PACKAGES for file in (ROOT / package).rglob("*.py")})
    parts = [_line(ROOT / "server.py")]
    for folder in folders:
        parts += ["", f"### {_path(folder)}/", "", _purpose(folder / "__init__.py"), ""]
        parts += [_line(module) for module in sorted(folder.glob("*.py")) if module.name != "__init__.py"]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).strip() + "\n"


def _line(module: Path) -> str:
    return f"- `{module.name}`: {_purpose(module)}"


def _path(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def _purpose(module: Path) -> str:
    told = ast.get_docstring(ast.parse(module.read_text()))
    assert told, f"{_path(module)} does not say what it is"
    return told.partition("\n\n")[0].replace("\n", " ").replace("``", "`")


def _models() -> str:
    """What each preset needs, and what each model is."""
    needs = {preset: models_of(Recipe(**read_preset(preset))) for preset in preset_names()}
    presets = [
        f"| `{preset}` | {', '.join(f'`{model.name}`' for model in models) or 'none'} "
        f"| {told_size(sum(model.gigabytes for model in models)) if models else ''} |"
        for preset, models in needs.items()
    ]
    models = [
        f"| `{model.name}` | [{model.title}]({model.told_at}) | {model.size} | {model.terms} | `{model.variable}` |"
        for model in catalog().values()
    ]
    head = ["| Preset | Models | Download |", "| --- | --- | --- |"]
    second = ["| Model | What it is | Download | Licence | Another place |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *presets, "", *second, *models, ""])


def _settings() -> str:
    properties = Settings.model_json_schema()["properties"]
    job = {name: about for name, about in properties.items() if name in Recipe.model_fields}
    installation = {name: about for name, about in properties.items() if name not in job}
    return "\n".join(
        [
            SETTINGS_HEAD,
            "## Of a job",
            "",
            "They are fixed when the job is submitted, so that a restart goes on with the same.",
            "",
            *_table(job),
            "",
            "## Of the installation",
            "",
            *_table(installation),
            "",
            "## Presets",
            "",
            *(f"- `{name}`: {_preset(name)}" for name in preset_names()),
            "",
        ]
    )


def _table(properties: dict[str, dict[str, Any]]) -> list[str]:
    rows = [
        f"| `STEADFACE_{name.upper()}` | {_default(name, about)} | {_values(about)} | {about['description']} |"
        for name, about in properties.items()
    ]
    return ["| Environment variable | Default | Values | What it is |", "| --- | --- | --- | --- |", *rows]


def _default(name: str, about: dict[str, Any]) -> str:
    if name in FOLDERS:
        return FOLDERS[name]
    default = about.get("default")
    return "unset" if default in (None, [], "") else f"`{json.dumps(default).strip(chr(34))}`"


def _values(about: dict[str, Any]) -> str:
    [kind] = [kind for kind in about.get("anyOf", [about]) if kind.get("type") != "null"]
    if "$ref" in kind:
        return "JSON, or each part as `…__GPUS`, `…__CPUS`, `…__LEAST`, `…__MOST`"
    if "enum" in kind:
        return " or ".join(f"`{value}`" for value in kind["enum"])
    if kind["type"] == "array":
        return "folders" if kind["items"].get("format") == "path" else "words"
    words = {"integer": "whole number", "boolean": "`true` or `false`"}
    word = words.get(kind["type"]) or {"path": "folder", "password": "secret"}.get(kind.get("format", ""), kind["type"])
    low = kind.get("minimum", kind.get("exclusiveMinimum"))
    limits = "" if low is None else f" {'above' if 'exclusiveMinimum' in kind else 'from'} {low} to {kind['maximum']}"
    return word + limits + (", even" if kind.get("multipleOf") == 2 else "")


def _registry_entry() -> str:
    entry = json.loads((ROOT / "server.json").read_text())
    entry["version"] = entry["packages"][0]["version"] = _version()
    return _as_json(entry)


def _manifest() -> str:
    """The bundle's manifest with the tools as they are listed on standard input and output."""
    manifest = json.loads((ROOT / "bundle" / "manifest.json").read_text())
    tools = anyio.run(build_server(LateEngine(), Reach.STDIO).list_tools)
    manifest["version"] = _version()
    manifest["tools"] = [{"name": tool.name, "description": tool.title} for tool in tools]
    return _as_json(manifest)


def _version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def _as_json(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _preset(name: str) -> str:
    return ", ".join(f"{field} `{json.dumps(value).strip(chr(34))}`" for field, value in read_preset(name).items())


def _commands() -> str:
    return "\n".join([CLI_HEAD, *_pages()])


def _pages(*words: str) -> list[str]:
    """The help of a command and of those below it."""
    told = _help(*words)
    heading = f"{'#' * (len(words) + 1)} steadface {' '.join(words)}\n\n" if words else ""
    below = re.findall(r"^  ([a-z-]+)  ", told.partition("Commands:")[2], re.MULTILINE)
    return [f"{heading}```text\n{told}\n```\n", *(page for word in below for page in _pages(*words, word))]


def _help(*words: str) -> str:
    """What a person sees, 100 columns wide."""
    run = "import sys; sys.argv[0] = 'steadface'; from server import main; main()"
    plain = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-c", run, *words, "--help"], env=plain, capture_output=True, text=True, check=True
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
