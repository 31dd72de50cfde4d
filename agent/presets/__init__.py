"""Presets: one word picks a whole working set."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def preset_names() -> list[str]:
    return sorted(
        file.name.removesuffix(".toml") for file in resources.files(__name__).iterdir() if file.name.endswith(".toml")
    )
