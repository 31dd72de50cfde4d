"""CI proves what it says: a test that was skipped there counts as failed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SKIPPED = """
import pytest

def test_runs(): pass

def test_gives_up(): pytest.skip("no browser")

@pytest.mark.skipif(True, reason="no screen")
def test_never_starts(): pass

@pytest.mark.xfail(reason="known")
def test_is_known_to_fail(): assert False
"""


@pytest.mark.parametrize(
    ("ci", "outcome"),
    [("true", "1 failed, 1 passed, 1 xfailed, 1 error"), ("", "1 passed, 2 skipped, 1 xfailed")],
    ids=["in CI", "elsewhere"],
)
def test_a_skipped_test_fails_in_ci_only(ci: str, outcome: str, tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_skipped.py").write_text(SKIPPED)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        env={**os.environ, "CI": ci, "PYTEST_ADDOPTS": ""},
        cwd=tmp_path, capture_output=True, text=True, timeout=50,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1].startswith(outcome)
    assert bool(done.returncode) == bool(ci)
    assert ("no browser" in done.stdout) == bool(ci)
