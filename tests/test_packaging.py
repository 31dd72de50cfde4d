"""What others install Steadface by: the registry's entry, the bundle, the container."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
import yaml
from mcp import Client, StdioServerParameters

from agent.presets import preset_names
from agent.settings import ConsentBasis, Settings

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENTRY: dict[str, Any] = json.loads((ROOT / "server.json").read_text())
MANIFEST: dict[str, Any] = json.loads((ROOT / "bundle" / "manifest.json").read_text())
BUNDLED: dict[str, str] = MANIFEST["server"]["mcp_config"]["env"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
VARIABLES = {f"STEADFACE_{name.upper()}" for name in Settings.model_fields}

REGISTRY_SCHEMA = {
    "type": "object",
    "required": ["name", "description", "version", "packages"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"const": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"},
        "name": {"type": "string", "pattern": "^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$", "maxLength": 200},
        "title": {"type": "string", "maxLength": 100},
        "description": {"type": "string", "minLength": 1, "maxLength": 100},
        "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+"},
        "repository": {"type": "object", "required": ["url", "source"]},
        "packages": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["registryType", "identifier", "version", "transport"],
                "additionalProperties": False,
                "properties": {
                    "registryType": {"const": "pypi"},
                    "identifier": {"type": "string"},
                    "version": {"type": "string"},
                    "runtimeHint": {"const": "uvx"},
                    "transport": {"const": {"type": "stdio"}},
                    "packageArguments": {
                        "type": "array",
                        "items": {"type": "object", "required": ["type", "value"]},
                    },
                    "environmentVariables": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["name", "description"],
                            "additionalProperties": False,
                            "properties": {
                                "name": {"type": "string"},
                                "description": {"type": "string"},
                                "format": {"enum": ["string", "number", "boolean", "filepath"]},
                                "default": {"type": "string"},
                                "choices": {"type": "array", "items": {"type": "string"}},
                                "isSecret": {"type": "boolean"},
                            },
                        },
                    },
                },
            },
        },
    },
}
"""What we use of the registry's schema of 2025-12-11."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_registry_entry_holds_to_the_schema_but_for_the_name_that_only_the_owner_knows() -> None:
    jsonschema.validate({"name": "org.example/steadface", **ENTRY}, REGISTRY_SCHEMA)


def test_registry_knows_the_package_as_ours_once_it_has_a_name() -> None:
    proof = re.search(r"<!-- mcp-name: (\S+) -->", (ROOT / "README.md").read_text())
    assert (proof and proof[1]) == ENTRY.get("name")


def test_registry_offers_settings_that_there_are_with_the_values_that_they_take() -> None:
    offered = {variable["name"]: variable for variable in ENTRY["packages"][0]["environmentVariables"]}
    assert set(offered) <= VARIABLES
    assert sorted(offered["STEADFACE_PRESET"]["choices"]) == preset_names()
    assert offered["STEADFACE_CONSENT"]["choices"] == list(get_args(ConsentBasis))
    secret = {name for name, variable in offered.items() if variable.get("isSecret")}
    assert secret == {"STEADFACE_PLANNER_KEY"}


def test_bundle_asks_for_every_value_that_it_passes_on() -> None:
    passed = {name: re.fullmatch(r"\$\{user_config\.(\w+)\}", value) for name, value in BUNDLED.items()}
    assert set(passed) <= VARIABLES
    assert {found[1] for found in passed.values() if found} == set(MANIFEST["user_config"])
    assert MANIFEST["user_config"]["planner_key"]["sensitive"]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The bundle, packed by its own tool, which validates the manifest, and unpacked as a host does."""
    if not (ROOT / "bundle" / "node_modules" / ".bin" / "mcpb").exists() or shutil.which("node") is None:
        pytest.skip("the bundle's tool is not here: make node")
    packed = subprocess.run(
        ["make", "bundle", f"DIST={tmp_path}", "-o", "bundle/node_modules"],
        cwd=ROOT, capture_output=True, text=True, timeout=50,
    )  # fmt: skip
    assert not packed.returncode, packed.stdout + packed.stderr
    assert "Manifest schema validation passes!" in packed.stdout
    with zipfile.ZipFile(tmp_path / "steadface.mcpb") as archive:
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


@pytest.mark.anyio
async def test_bundle_serves_the_tools_that_it_names_with_nothing_chosen(bundle: Path, home: Path) -> None:
    """With what it asks for left out, a host passes the placeholders on as they are."""
    server = StdioServerParameters(
        command=sys.executable,
        args=[str(bundle / MANIFEST["server"]["entry_point"])],
        env={**os.environ, **BUNDLED, "PYTHONPATH": str(bundle / "steadface"), "STEADFACE_HOME": str(home)},
        cwd=bundle,
    )
    async with Client(server) as client:
        listed = [tool.name for tool in (await client.list_tools()).tools]
    assert listed == [tool["name"] for tool in MANIFEST["tools"]]


def test_bundle_holds_the_sources_and_nothing_that_they_left_behind(bundle: Path) -> None:
    top = {file.name for file in bundle.iterdir()}
    assert top == {"LICENSE", "icon.png", "main.py", "manifest.json", "pyproject.toml", "steadface"}
    sources = {file.name for file in (bundle / "steadface").iterdir()}
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["sdist"]
    assert sources == {*shipped["only-include"], "pyproject.toml"}
    assert not list(bundle.rglob("__pycache__"))


def test_bundle_installs_this_project_and_no_torch() -> None:
    bundled = tomllib.loads((ROOT / "bundle" / "pyproject.toml").read_text())
    assert bundled["tool"]["uv"]["sources"] == {"steadface": {"path": "steadface"}}
    assert bundled["project"]["dependencies"] == ["steadface[qwen]"]
    assert not [line for line in [*PROJECT["dependencies"], *_extra("qwen")] if line.startswith("torch")]
    assert bundled["project"]["requires-python"] == PROJECT["requires-python"]


@pytest.mark.parametrize(
    ("extension", "folder"),
    [(".claude-plugin/plugin.json", "${CLAUDE_PLUGIN_ROOT}"), ("gemini-extension.json", "${extensionPath}")],
)
def test_extension_serves_the_checkout_that_it_lies_in(extension: str, folder: str) -> None:
    told = json.loads((ROOT / extension).read_text())
    server = told["mcpServers"]["steadface"]
    assert (server["command"], server["args"]) == ("uvx", ["--quiet", "--from", folder, "steadface", "serve"])
    assert told["description"] == ENTRY["description"]


SNIPPETS = [
    (page.stem, json.loads(block))
    for page in sorted((ROOT / "docs" / "install").glob("*.md"))
    for block in re.findall(r"```json\n(.*?)```", page.read_text(), re.DOTALL)
]


@pytest.mark.parametrize(("page", "snippet"), SNIPPETS)
def test_snippet_for_a_client_names_an_absolute_path_or_the_address_of_mcp(page: str, snippet: dict[str, Any]) -> None:
    key = "servers" if page == "vscode" else "mcpServers"
    server = snippet[key]["steadface"]
    assert server.get("command", "/").startswith("/")
    assert server["args"][-1] == "serve" if "command" in server else server["url"].endswith("/mcp")
    assert set(server.get("env", {})) <= VARIABLES


@pytest.mark.skipif(sys.platform == "win32", reason="hadolint has no wheel for Windows")
def test_container_file_passes_its_linter() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    linted = subprocess.run([linter, str(ROOT / "Dockerfile")], capture_output=True, text=True, timeout=50)
    assert not linted.returncode, linted.stdout


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_container_runs_as_nobody_special_and_asks_for_a_token(target: str) -> None:
    stages = _stages()
    lineage = [target]
    while lineage[-1] in stages:
        lineage.append(re.match(r"\S+", stages[lineage[-1]])[0])  # type: ignore[index]
    told = "".join(stages[name] for name in reversed(lineage[:-1]))
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", lineage[-1])
    assert re.findall(r"^USER (.+)$", told, re.MULTILINE)[-1] not in ("root", "0")
    assert "EXPOSE 8000" in told
    assert "/health" in told
    assert '"--host", "0.0.0.0"' in told
    assert not re.search(r"TOKEN|KEY", told)


def test_container_honours_the_constraints() -> None:
    installs = re.findall(r"pip install [^\\&\n]+", DOCKERFILE)
    assert installs
    assert all("-c constraints.txt" in line or "--no-deps" in line for line in installs)


def test_container_gets_what_the_wheel_is_built_from_and_nothing_else() -> None:
    copied = set(re.findall(r"[\w.]+", " ".join(re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE))))
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == {word for word in copied if (ROOT / word).exists()}
    assert {"agent", "prompts", "tools", "server.py"} <= copied


def test_compose_listens_on_this_machine_and_starts_only_with_a_token() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert set(services) == {service["build"]["target"] for service in services.values()} == {"cpu", "cuda"}
    volumes = re.search(r"^VOLUME (.+)$", DOCKERFILE, re.MULTILINE)
    assert volumes
    for service in services.values():
        assert service["ports"] == ["127.0.0.1:8000:8000"]
        assert service["environment"]["STEADFACE_TOKEN"].startswith("${STEADFACE_TOKEN:?")
        assert [volume.partition(":")[2] for volume in service["volumes"]] == json.loads(volumes[1])


def _stages() -> dict[str, str]:
    """The stages of the container file by name; each text begins with what the stage stands on."""
    found = re.split(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, flags=re.MULTILINE)[1:]
    return {name: base + text for base, name, text in zip(found[::3], found[1::3], found[2::3], strict=True)}


def _extra(name: str) -> list[str]:
    extra: list[str] = PROJECT["optional-dependencies"][name]
    return extra
