"""What the pages quote of Steadface's messages is what it says: each quotation is found in the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp.server import transport_security

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "docs" / "troubleshooting.md", *sorted((ROOT / "docs" / "install").glob("*.md"))]
SOURCES = [
    *(file for package in ("agent", "tools") for file in (ROOT / package).rglob("*.py")),
    Path(transport_security.__file__),  # the SDK refuses host names and origins in words of its own
]
QUOTED = [(page.name, quote) for page in PAGES for quote in re.findall(r"^> (.+)$", page.read_text(), re.MULTILINE)]


def _sentences(module: ast.Module) -> Iterator[str]:
    """Every text of a module, with ``…`` for what is filled in."""
    for found in ast.walk(module):
        if isinstance(found, ast.JoinedStr):
            parts = (str(part.value) if isinstance(part, ast.Constant) else "…" for part in found.values)
            yield "".join(parts)
        elif isinstance(found, ast.Constant) and isinstance(found.value, str):
            yield found.value


@pytest.fixture(scope="module")
def said() -> str:
    return "\n".join(sentence for file in SOURCES for sentence in _sentences(ast.parse(file.read_text())))


def test_there_is_something_to_check() -> None:
    assert len(QUOTED) > 10


@pytest.mark.parametrize(("page", "quote"), QUOTED)
def test_a_quoted_message_is_one_that_steadface_gives(page: str, quote: str, said: str) -> None:
    assert quote in said, f"{page} quotes what is no longer said"
