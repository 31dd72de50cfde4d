"""Whether what a Python module imports is installed, told without importing it: torch alone would take seconds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, resolve_name
from pathlib import Path


def not_installed(module: str) -> str | None:
    """A package that is needed and not there: by the imports at the top of a module and of those of its own package
    that it imports by name. Imports inside functions and conditions are left out."""
    package = _top(module)
    waiting, seen = [module], set()
    while waiting:
        imported = waiting.pop()
        own = _top(imported) == package
        name = imported if own else _top(imported)
        spec = find_spec(name)
        if spec is None:
            return name
        if own and name not in seen:
            seen.add(name)
            waiting += _imported(spec)
    return None


def _top(module: str) -> str:
    return module.partition(".")[0]


def _imported(spec: ModuleSpec) -> Iterator[str]:
    source = Path(spec.origin).read_bytes() if spec.origin and spec.origin.endswith(".py") else b""
    for found in ast.parse(source).body:
        match found:
            case ast.Import(names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module, _, level):
                yield resolve_name("." * (level or 0) + (module or ""), spec.parent)
