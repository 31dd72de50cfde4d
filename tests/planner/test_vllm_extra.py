"""The extra ``vllm`` fits beside this package: of all that both ask for, some published version suits both.

Asked of the package index, by pip in a dry run without the packages that follow from these: their metadata is read and
nothing is downloaded. Whether all that vLLM asks for resolves is the index's affair, and not tested here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT: dict[str, Any] = tomllib.loads(Path("pyproject.toml").read_text())["project"]


def resolved(requirements: Iterable[str]) -> dict[str, Any]:
    """The metadata of what pip would install for exactly these, by name."""
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps"]
    pip += ["--ignore-installed", "--quiet", "--retries", "1", "--report", "-", *requirements]
    done = subprocess.run(pip, capture_output=True, text=True, timeout=150)
    if "connection" in done.stderr.lower() and done.returncode:
        pytest.skip(f"no package index can be reached: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    found = [package["metadata"] for package in json.loads(done.stdout)["install"]]
    return {canonicalize_name(package["name"]): package for package in found}


def asked_by(lines: Iterable[str]) -> dict[str, Requirement]:
    """By name, what is asked for here and now; what an extra would add is left out."""
    requirements = [Requirement(line) for line in lines]
    return {
        canonicalize_name(each.name): each
        for each in requirements
        if each.marker is None or each.marker.evaluate({"extra": ""})
    }


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform != "linux", reason="vLLM is published for Linux alone")
def test_vllm_and_this_package_can_agree_on_all_that_both_ask_for() -> None:
    extras = PROJECT["optional-dependencies"]
    theirs = asked_by(resolved(extras["vllm"])["vllm"]["requires_dist"])
    ours = asked_by([*PROJECT["dependencies"], *extras["qwen"], *extras["qwen-local"]])
    both = sorted(set(ours) & set(theirs))
    assert {"torch", "transformers", "xgrammar", "mcp"} <= set(both)
    agreed = resolved(f"{name}{ours[name].specifier & theirs[name].specifier}" for name in both)
    assert sorted(agreed) == both
    assert theirs["transformers"].specifier.contains(agreed["transformers"]["version"])
