"""A batch row by row beside the same batch phase by phase, where the memory holds one of three models at a time.

    python bench/batch.py --rows 12 --megabytes 400

Planner, painter and projector of ``bench/loading`` each read their weights from the disk before they compute with them,
and every fourth row has its prompt revised. Both orders run in turns on the same machine, each in a home of its own, as
``steadface batch run --order …``. Told are the seconds of the command, and what the one worker of the models did in
them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

ROOT = Path(__file__).parents[1]
BACKENDS = (ROOT / "bench" / "loading", ROOT / "tests" / "instant")
CAPABILITIES = {"PLANNER": "loading", "FIRST_FRAME": "loading", "VIDEO": "loading", "FACES": "instant"}
SMALL = {
    "MATTING": "instant",
    "WIDTH": "256",
    "HEIGHT": "144",
    "FRAMES": "5",
    "CANDIDATES": "1",
    "DETAIL_STRENGTH": "0",
}
MODELS = ("planner", "first-frame", "video")


@dataclass(frozen=True)
class Measured:
    """Seconds of the whole command, of loading and of computing; ``loads`` by model."""

    wall: float
    loading: float
    computing: float
    loads: Counter[str]

    @property
    def line(self) -> str:
        waited = self.wall - self.loading - self.computing
        loads = ", ".join(f"{name} {self.loads[name]}" for name in MODELS)
        shares = (f"{seconds / self.wall:.0%}" for seconds in (self.computing, self.loading, waited))
        computed, loaded, idle = shares
        return (
            f"{self.wall:7.1f} s, {self.loads.total()} loads ({loads}), worker computed {computed}, loaded {loaded}, "
            f"waited {idle}"
        )


def write_weights(folder: Path, megabytes: int) -> None:
    """A file for each model: square matrices of 4 MB."""
    chance = np.random.default_rng(7)
    for name in MODELS:
        matrices = {f"{number}": chance.random((1024, 1024), np.float32) for number in range(max(1, megabytes // 4))}
        save_file(matrices, folder / f"{name}.safetensors")


def write_manifest(folder: Path, rows: int) -> Path:
    """The rows; the first frame of every fourth one shows the face too small and is painted again."""
    Image.new("RGB", (320, 240), "tan").save(folder / "photo.png")
    prompts = ("side=20 then similarity=0.9" if number % 4 == 3 else "similarity=0.9" for number in range(rows))
    lines = [
        {"custom_id": f"row{number}", "prompt": f"{prompt} row {number}", "reference": "photo.png"}
        for number, prompt in enumerate(prompts)
    ]
    manifest = folder / "manifest.jsonl"
    manifest.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return manifest


def run(order: str, folder: Path, weights: Path, passes: int, rows: int) -> Measured:
    """The whole batch in a new home; ``folder`` is empty."""
    ledger = folder / "ledger.jsonl"
    environment = os.environ | {f"STEADFACE_{name}": value for name, value in (CAPABILITIES | SMALL).items()}
    environment |= {
        "PYTHONPATH": os.pathsep.join(filter(None, (*map(str, BACKENDS), os.environ.get("PYTHONPATH")))),
        "STEADFACE_HOME": f"{folder}/home",
        "STEADFACE_VIDEOS": f"{folder}/videos",
        "LOADING_WEIGHTS": str(weights),
        "LOADING_PASSES": str(passes),
        "LOADING_LEDGER": str(ledger),
    }
    command = [sys.executable, str(ROOT / "server.py"), "batch", "run", str(write_manifest(folder, rows))]
    command += ["--out", str(folder / "out"), "--consent", "synthetic", "--order", order]
    begun = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    wall = time.monotonic() - begun
    if done.returncode or len((folder / "out" / "results.jsonl").read_text().splitlines()) != rows:
        raise SystemExit(done.stdout + done.stderr)
    events = [json.loads(line) for line in ledger.read_text().splitlines()]
    loading, computing = (
        sum(event["seconds"] for event in events if event["what"] == what) for what in ("load", "compute")
    )
    return Measured(wall, loading, computing, Counter(event["model"] for event in events if event["what"] == "load"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=12)
    parser.add_argument("--megabytes", type=int, default=400, help="of the weights of each model")
    parser.add_argument("--passes", type=int, default=5, help="products with all weights in each use of a model")
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("safetensors", "numpy", "langgraph"))
    load = os.getloadavg()[0]
    print(
        f"{options.rows} rows, 3 models of {options.megabytes} MB, {options.passes} passes, {os.cpu_count()} cores, "
        f"load {load:.1f} from elsewhere at the beginning; {packages}"
    )
    with tempfile.TemporaryDirectory() as name:
        weights = Path(name) / "weights"
        weights.mkdir()
        write_weights(weights, options.megabytes)
        for repeat in range(options.repeats):
            measured = {}
            for order in ("rows", "phases"):
                folder = Path(name) / f"{order}{repeat}"
                folder.mkdir()
                measured[order] = run(order, folder, weights, options.passes, options.rows)
                print(f"{order:<7}{measured[order].line}", flush=True)
            ratio = measured["rows"].wall / measured["phases"].wall
            print(f"phases took {1 / ratio:.2f} of the time of rows, {ratio:.2f} times as fast", flush=True)


if __name__ == "__main__":
    main()
