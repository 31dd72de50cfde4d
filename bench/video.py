"""Clips by Wan VACE: each accelerator alone and together, beside the stock diffusers call, plain Steadface, the floor.

    .venv/bin/python bench/video.py [--size tiny|1.3b|14b] [--width W --height H] [--steps N] [--only ROW …]

Every row makes the same clip with the same random weights, in a process of its own, after a short clip to warm up.
``together`` is attention and compiler; the rows named after it add what their names say; ``all`` is all that works at
once: those two, the step cache, tiling and int8.

  step     seconds of the transformer for a step: two calls of it, or one without guidance
  ends     what the clip takes beside: the text encoder, the VAE before and after, the frames to 8 bits
  clip     the whole; the model is loaded
  faster   how many times as fast as plain: a step, and the whole clip
  differs  mean and greatest distance of the frames from plain's, in grey levels of 0 to 255
  floors   how many times the floor the transformer took, on a GPU
  GPU      GiB at the peak, weights included

The floor is the transformer's operations at --tera tera operations a second, about what dense bfloat16 reaches on an
H200. Times do not depend on the weights. What the step cache skips does, and so do the distances: random weights tell
that a row changes something, and not how it looks. 14b takes 50 GB of disk (in TMPDIR) and of a GPU; tiny runs
anywhere, and says nothing about real sizes.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import diffusers  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from diffusers import UniPCMultistepScheduler, WanVACEPipeline  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from random_wan import SHAPES, operations, save_wan  # noqa: E402

from tools.contracts import ClipSpec, Given, Size  # noqa: E402
from tools.device import best_device  # noqa: E402
from tools.errors import SteadfaceError  # noqa: E402
from tools.notes import noted  # noqa: E402
from tools.residency import on_gpu  # noqa: E402
from tools.video.checkpoint import shared  # noqa: E402
from tools.video.conditioning import control  # noqa: E402
from tools.video.distilled import STEPS  # noqa: E402
from tools.video.speed import best_precision, computed_in  # noqa: E402
from tools.video.wan import NEGATIVE_PROMPT  # noqa: E402
from tools.video.wan_vace import VACE_14B, vace_large  # noqa: E402

for library in (diffusers.utils.logging, transformers.utils.logging):
    library.disable_progress_bar()
    library.set_verbosity_error()

T = TypeVar("T")

PROMPT = "a woman walks along the sea at dawn, her hair in the wind"

PACKAGES = ("steadface", "torch", "diffusers", "transformers", "peft", "torchao")

Clip = NDArray[np.uint8]
"""Shape (frames, height, width, 3)."""


@dataclass(frozen=True)
class Row:
    """``options`` are those of the backend, ``environment`` what follows ``STEADFACE_WAN_``."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def __or__(self, other: Row) -> Row:
        return Row(self.name, {**self.options, **other.options}, {**self.environment, **other.environment})


PLAIN, STOCK = Row("plain"), Row("stock")


def rows(gpu: bool) -> list[Row]:
    """Those that mean something on the device, beside plain; the last four join others."""
    # Random weights move more from step to step than trained ones, for which the threshold 0.05 is usual.
    step_cache, distilled = Row("step-cache", {"step_cache": 0.2}), Row("distilled", {"distilled": True})
    tiling = Row("vae-tiling", {"vae_tiling": True})
    bfloat16, float8, int8 = (Row(kind, environment={"PRECISION": kind}) for kind in ("bfloat16", "float8", "int8"))
    offloads = [Row(f"offload:{what}", environment={"OFFLOAD": what}) for what in ("model", "blocks")]
    kinds = ("_native_cudnn", "_native_flash", "flash", "_flash_3", "sage") if gpu else ("_native_math",)
    attention = [Row(f"attention:{kind}", environment={"ATTENTION": kind}) for kind in kinds]
    compiler = "inductor" if gpu else "aot_eager"  # On a CPU inductor takes longer than all else here.
    compiled = Row(f"compile:{compiler}", environment={"COMPILE": compiler})
    alone = [Row("no-guidance", {"guidance": 1.0}), step_cache, distilled, tiling, *attention, compiled, float8, int8]
    quick = attention[0] | compiled
    return [
        STOCK,
        *alone,
        *(offloads if gpu else [bfloat16]),
        Row("together") | quick,
        Row("together-step-cache") | quick | step_cache,
        Row("together-distilled") | quick | distilled,
        Row("all") | quick | step_cache | tiling | int8,
    ]


@dataclass
class Measured:
    """Seconds, of a clip of so many steps with so many calls of the transformer; ``peak`` in GiB of the GPU."""

    transformer: float
    clip: float
    steps: int
    calls: int
    peak: float | None
    notes: list[str]
    frames: Clip

    @property
    def step(self) -> float:
        return self.transformer / self.steps


class Watch:
    """The time between the beginning and the end of each call of a transformer."""

    def __init__(self, device: torch.device) -> None:
        self.took: list[float] = []
        self._device = device
        self._begun = 0.0

    @contextmanager
    def on(self, transformer: torch.nn.Module) -> Iterator[None]:
        hooks = [transformer.register_forward_pre_hook(self._begin), transformer.register_forward_hook(self._end)]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()

    def _begin(self, *_: object) -> None:
        self._begun = self.now()

    def _end(self, *_: object) -> None:
        self.took.append(self.now() - self._begun)


def measured(row: Row, folder: Path, clip: ClipSpec, steps: int, repeats: int) -> Measured:
    """The quickest clip, since all that disturbs it slows it down; in a process that does nothing else."""
    os.environ.update({f"STEADFACE_WAN_{name}": value for name, value in row.environment.items()})
    os.environ.update(STEADFACE_WAN_VACE_14B=str(folder), STEADFACE_WAN_DISTILLED_T2V=str(folder / "distilled"))
    make = stock if row.name == STOCK.name else ours
    make({**row.options, "step_cache": 0.0}, clip, 1)
    return min((once(make, row, clip, steps) for _ in range(repeats)), key=lambda run: run.clip)


def once(make: Callable[[Mapping[str, Any], ClipSpec, int], Clip], row: Row, clip: ClipSpec, steps: int) -> Measured:
    wan = shared(VACE_14B)
    watch = Watch(wan.device)
    gpu = wan.device.type == "cuda"
    if gpu:
        torch.cuda.reset_peak_memory_stats(wan.device)
    with watch.on(wan.pipe.transformer), noted() as notes:
        begun = watch.now()
        frames = make(row.options, clip, steps)
        took = watch.now() - begun
    return Measured(
        transformer=sum(watch.took),
        clip=took,
        steps=STEPS if row.options.get("distilled") else steps,
        calls=len(watch.took),
        peak=torch.cuda.max_memory_allocated(wan.device) / 2**30 if gpu else None,
        notes=notes,
        frames=frames,
    )


def ours(options: Mapping[str, Any], clip: ClipSpec, steps: int) -> Clip:
    backend = vace_large(**options) if options.get("distilled") else vace_large(steps=steps, **options)
    return np.stack(list(backend.generate(PROMPT, clip, Given({0: picture(clip)}), 1, lambda *_: None)))


def stock(_options: Mapping[str, Any], clip: ClipSpec, steps: int) -> Clip:
    """diffusers' own pipeline with the same parts, and the frames that its documentation would have one give."""
    wan = shared(VACE_14B)
    pipe = WanVACEPipeline(**wan.pipe.components)
    pipe.scheduler = UniPCMultistepScheduler.from_config(wan.scheduler, flow_shift=VACE_14B.shift(clip.size))
    pipe.set_progress_bar_config(disable=True)
    video, mask = control({0: picture(clip)}, clip, clip.size)
    with on_gpu().using(wan.tenant):
        made = pipe(
            PROMPT,
            negative_prompt=NEGATIVE_PROMPT,
            video=video,
            mask=mask,
            height=clip.size.height,
            width=clip.size.width,
            num_frames=clip.frames,
            num_inference_steps=steps,
            generator=torch.Generator().manual_seed(1),
        )
    frames: Clip = (made.frames[0] * 255).round().astype(np.uint8)
    return frames


def picture(clip: ClipSpec) -> Clip:
    return np.random.default_rng(0).integers(0, 256, (clip.size.height, clip.size.width, 3), dtype=np.uint8)


class Table:
    """Prints a line a row; plain, which all are compared with, comes first. ``floor`` is that of a call, in seconds."""

    def __init__(self, floor: float, gpu: bool) -> None:
        self._floor = floor
        self._gpu = gpu
        self._known: dict[str, Measured] = {}
        print(f"{'':<24}   step s    ends s    clip s   faster: step   clip   differs: mean  max", end="")
        print("   floors   GPU GiB" if gpu else "")

    def add(self, name: str, row: Measured) -> None:
        self._known[name] = row
        plain = self._known[PLAIN.name]
        away = np.abs(row.frames.astype(np.int16) - plain.frames)
        print(
            f"{name:<24} {row.step:8.4f}  {row.clip - row.transformer:8.3f}  {row.clip:8.3f}  "
            f"{plain.step / row.step:13.2f} {plain.clip / row.clip:6.2f}  {away.mean():14.2f} {away.max():4d}",
            f"  {self._floors(row):6.2f}  {row.peak:8.1f}" if row.peak is not None else "",
            *row.notes,
            flush=True,
        )

    def aims(self) -> None:
        """Of an H200, for 14b at 832x480; nothing where there is no GPU."""
        known = self._known if self._gpu else {}
        if row := known.get("together"):
            print(f"aim, 1.3 times the floor: together {self._floors(row):.2f}")
        if (row := known.get("together-step-cache")) and (stock := known.get(STOCK.name)):
            print(f"aim, 2 times as fast as stock: together-step-cache {stock.clip / row.clip:.2f}")
        if row := known.get("together-distilled"):
            print(f"aim, 20 s of the transformer for {STEPS} steps: together-distilled {row.transformer:.1f} s")

    def _floors(self, row: Measured) -> float:
        return row.transformer / (row.calls * self._floor)


def alone(run: Callable[..., T], *arguments: object, gpu: bool) -> T:
    """In a process of its own. A fork begins at once, but cannot use a GPU that its parent has looked for."""
    context = get_context("spawn" if gpu else "forkserver")
    context.set_forkserver_preload(["tools.video.wan_vace"])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(run, *arguments).result()


def compare(size: str, clip: ClipSpec, steps: int, repeats: int, tera: float, only: list[str]) -> int:
    """How many rows failed."""
    device = best_device()
    gpu = device.type == "cuda"
    shown = torch.cuda.get_device_name(device) if gpu else f"CPU, {torch.get_num_threads()} threads"
    print(f"{shown}; Python {platform.python_version()}, {versions()}")
    precision, failed = best_precision(device), 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        alone(save_wan, folder, size, device, computed_in(precision), gpu=gpu)
        work = operations(folder, clip)
        print(f"{size}, random weights, {precision}; {clip.size.width}x{clip.size.height}, {clip.frames} frames, "
              f"{steps} steps, distilled {STEPS}")  # fmt: skip
        print(f"floor {work / tera / 1e12:.3g} s a call: {work / 1e15:.3g} peta operations at {tera:g} tera a second")
        table = Table(work / tera / 1e12, gpu)
        table.add(PLAIN.name, alone(measured, PLAIN, folder, clip, steps, repeats, gpu=gpu))
        for row in rows(gpu):
            if only and row.name not in only:
                continue
            try:
                table.add(row.name, alone(measured, row, folder, clip, steps, repeats, gpu=gpu))
            except SteadfaceError as error:
                print(f"{row.name:<24} not here: {error}", flush=True)
            except Exception as error:  # The other rows count all the same.
                print(f"{row.name:<24} failed: {error!r}", flush=True)
                failed += 1
        table.aims()
    return failed


def versions() -> str:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=tuple(SHAPES), default="tiny")
    parser.add_argument("--width", type=int)
    parser.add_argument("--height", type=int)
    parser.add_argument("--frames", type=int)
    parser.add_argument("--steps", type=int, default=10, help="of all but distilled clips (10)")
    parser.add_argument("--repeats", type=int, default=1, help="clips a row, of which the quickest is told (1)")
    parser.add_argument("--tera", type=float, default=790, help="operations a second, for the floor (790)")
    names = list(dict.fromkeys(row.name for gpu in (False, True) for row in rows(gpu)))
    parser.add_argument(
        "--only", nargs="+", metavar="ROW", choices=names, default=[], help=f"beside plain; of {', '.join(names)}"
    )
    given = parser.parse_args()
    wide = ClipSpec(Size(272, 48), 5, 16)  # enough for two tiles
    usual = wide if given.size == "tiny" else ClipSpec(Size(832, 480), 81, 16)
    size = Size(given.width or usual.size.width, given.height or usual.size.height)
    for name in [name for name in os.environ if name.startswith("STEADFACE_WAN_")]:
        del os.environ[name]  # What one has chosen for oneself is no part of plain.
    clip = ClipSpec(size, given.frames or usual.frames, usual.fps)
    return 1 if compare(given.size, clip, given.steps, given.repeats, given.tera, given.only) else 0


if __name__ == "__main__":
    sys.exit(main())
