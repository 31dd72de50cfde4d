"""``steadface --help`` beside the import of typer, in turns. The bar: within 0.3 s of each other.

python bench/help.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 15
STEADFACE = [str(Path(sys.executable).with_name("steadface")), "--help"]
TYPER = [sys.executable, "-c", "import typer"]


def seconds(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def main() -> None:
    rounds = [(seconds(STEADFACE), seconds(TYPER)) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(times) for times in zip(*rounds, strict=True))
    print(f"steadface --help {ours:.3f} s, import typer {theirs:.3f} s, difference {ours - theirs:+.3f} s")
    print(f"median of {ROUNDS} runs each")


if __name__ == "__main__":
    main()
