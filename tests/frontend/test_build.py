"""The committed pages are what the sources make."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    shutil.which("npm") is None or not (ROOT / "frontend" / "node_modules").is_dir(),
    reason="needs Node 20 and npm, and the packages that make node fetches",
)


def npm(folder: Path, *words: str) -> None:
    ran = subprocess.run(["npm", *words], cwd=folder, capture_output=True, text=True, timeout=55, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def frontend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, with what their lock file names beside it."""
    folder = tmp_path_factory.mktemp("steadface") / "frontend"
    shutil.copytree(ROOT / "frontend", folder, ignore=shutil.ignore_patterns("node_modules"))
    (folder / "node_modules").symlink_to(ROOT / "frontend" / "node_modules")
    return folder


def test_the_types_hold(frontend: Path) -> None:
    npm(frontend, "run", "check")


def test_the_pages_are_built_from_their_sources_byte_for_byte(frontend: Path) -> None:
    npm(frontend, "run", "build")
    built = frontend.parent / "agent" / "serving" / "app"
    committed = ROOT / "agent" / "serving" / "app"
    for page in ("player.html", "gallery.html"):
        same = (built / page).read_bytes() == (committed / page).read_bytes()
        assert same, f"{page} is not what frontend/ makes; run npm run build there"


def test_no_text_is_ever_made_markup() -> None:
    sources = sorted((ROOT / "frontend" / "src").iterdir())
    text = "".join(source.read_text(encoding="utf-8") for source in sources)
    assert "player.tsx" in {source.name for source in sources}
    for way in ("innerHTML", "InnerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert way not in text


def test_the_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (ROOT / "frontend" / "package-lock.json").read_text(encoding="utf-8")
