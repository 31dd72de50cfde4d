"""Clips by Wan VACE: seconds a step and at the ends, peak memory, the stock diffusers call and the floor beside it.

    .venv/bin/python bench/video.py [--size tiny|1.3b|14b] [--width W --height H] [--frames N] [--steps N] [--tera T]

Weights are random, since times do not depend on them. The published sizes are meant for a GPU; ``tiny`` runs anywhere,
and its ratios say nothing about them. A step has guidance: two calls of the transformer. The ends are the text encoder,
the VAE before and after, and the frames to 8 bits. The first run of each is not counted; it warms up, and ours encodes
the grey that later clips of the size share. The floor is the transformer's operations at ``--tera`` tera operations a
second, about what dense bfloat16 reaches on an H200.
"""

from __future__ import annotations

import argparse
import platform
import resource
import string
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from diffusers import (  # noqa: E402
    AutoencoderKLWan,
    UniPCMultistepScheduler,
    WanVACEPipeline,
    WanVACETransformer3DModel,
)
from transformers import T5TokenizerFast, UMT5Config, UMT5EncoderModel  # noqa: E402

from tools.contracts import KEYFRAME_GROUP, ClipSpec, Given, Size  # noqa: E402
from tools.device import best_device  # noqa: E402
from tools.video import wan  # noqa: E402
from tools.video.checkpoint import Wan, best_precision  # noqa: E402
from tools.video.conditioning import control  # noqa: E402
from tools.video.vace_pipeline import VacePipeline  # noqa: E402
from tools.video.wan_vace import VACE_14B, vace_large  # noqa: E402

M = TypeVar("M", bound=torch.nn.Module)

PROMPT = "a woman walks along the sea at dawn, her hair in the wind"

TEXT = {"vocab_size": 256384, "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64}

SHAPES: dict[str, dict[str, dict[str, Any]]] = {
    "14b": {"text": TEXT, "vae": {}, "transformer": {"text_dim": 4096}},
    "1.3b": {
        "text": TEXT,
        "vae": {},
        "transformer": {"text_dim": 4096, "num_attention_heads": 12, "ffn_dim": 8960, "num_layers": 30,
                        "vace_layers": list(range(0, 30, 2))},
    },
    "tiny": {
        "text": {"vocab_size": 64, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4},
        "vae": {"base_dim": 3, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1},
        "transformer": {"text_dim": 32, "num_attention_heads": 2, "attention_head_dim": 12, "ffn_dim": 32,
                        "num_layers": 3, "vace_layers": [0, 2]},
    },
}  # fmt: skip
"""Arguments of each class; a published size is what its class has by default, or here."""


def loaded(shape: dict[str, dict[str, Any]], device: torch.device) -> Wan:
    """As ``tools.video.checkpoint`` loads it, but with random weights, drawn where they will stay."""
    precision = best_precision(device)
    transformer = filled(lambda: WanVACETransformer3DModel(**shape["transformer"]), device, precision)
    for name, module in transformer.named_modules():
        if name.split(".")[-1] in WanVACETransformer3DModel._keep_in_fp32_modules:
            module.float()
    words = ["<pad>", "</s>", "<unk>", "▁", *string.ascii_lowercase]
    pipe = VacePipeline(
        tokenizer=T5TokenizerFast(vocab=[(word, -float(place)) for place, word in enumerate(words)], extra_ids=0),
        text_encoder=filled(lambda: UMT5EncoderModel(UMT5Config(**shape["text"])), device, precision),
        vae=filled(lambda: AutoencoderKLWan(**shape["vae"]), device, torch.float32),
        transformer=transformer,
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
    )
    pipe.set_progress_bar_config(disable=True)
    return Wan(pipe, device, pipe.scheduler.config)


def filled(make: Callable[[], M], device: torch.device, precision: torch.dtype) -> M:
    with device:
        module = make().to(precision)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    return module.requires_grad_(False).eval()


def operations(transformer: WanVACETransformer3DModel, clip: ClipSpec) -> float:
    """Of one call: two for every multiplication and addition; checked against torch's counter elsewhere."""
    config = transformer.config
    tokens = (
        ((clip.frames - 1) // KEYFRAME_GROUP + 1)
        * (clip.size.height // VACE_14B.multiple)
        * (clip.size.width // VACE_14B.multiple)
    )
    width, words = config.num_attention_heads * config.attention_head_dim, 512
    block = (
        2 * tokens * (6 * width**2 + 2 * width * config.ffn_dim)
        + 4 * words * width**2
        + 4 * tokens**2 * width
        + 4 * tokens * width * words
    )
    hints = len(config.vace_layers)
    return (config.num_layers + hints) * block + (hints + 1) * 2 * tokens * width**2


class Watch:
    """The times at which steps ended, between a beginning and an end."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.steps: list[float] = []
        self._begun = self._now()

    def step(self) -> None:
        self.steps.append(self._now())

    def told(self, name: str, peak: float) -> str:
        took = self._now() - self._begun
        step = (self.steps[-1] - self.steps[0]) / (len(self.steps) - 1)
        ends = took - step * len(self.steps)
        return f"{name:<16} a step {step:8.3f} s   ends {ends:7.3f} s   clip {took:8.3f} s   peak {peak:.2f} GiB"

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()


def stock(vace: Wan, clip: ClipSpec, steps: int, picture: np.ndarray) -> Callable[[Watch], None]:
    """diffusers' own pipeline with the same parts, and the frames that its documentation would have one give."""
    pipe = WanVACEPipeline(**vace.pipe.components)
    pipe.set_progress_bar_config(disable=True)
    video, mask = control({0: picture}, clip, clip.size)

    def run(watch: Watch) -> None:
        def ended(_pipe: object, _step: int, _timestep: object, tensors: dict[str, Any]) -> dict[str, Any]:
            watch.step()
            return tensors

        pipe(
            PROMPT,
            negative_prompt=wan.NEGATIVE_PROMPT,
            video=video,
            mask=mask,
            height=clip.size.height,
            width=clip.size.width,
            num_frames=clip.frames,
            num_inference_steps=steps,
            generator=torch.Generator().manual_seed(1),
            callback_on_step_end=ended,
        )

    return run


def ours(vace: Wan, clip: ClipSpec, steps: int, picture: np.ndarray) -> Callable[[Watch], None]:
    with patch.object(wan, "whole_folder"):
        backend = vace_large(steps=steps)

    def run(watch: Watch) -> None:
        def report(done: int, _total: int, _message: str) -> None:
            if done > len(watch.steps):
                watch.step()

        with patch.object(wan, "shared", lambda _engine: vace):
            list(backend.generate(PROMPT, clip, Given({0: picture}), 1, report))

    return run


def peak(device: torch.device) -> float:
    """GiB: of the card since the last reset, or of this process since it began."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main(size: str, clip: ClipSpec, steps: int, tera: float) -> None:
    device = best_device()
    shown = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{shown}; Python {platform.python_version()}, torch {version('torch')}, diffusers {version('diffusers')}")
    vace = loaded(SHAPES[size], device)
    print(f"{size}, random weights, {best_precision(device)}; {clip.size.width}x{clip.size.height}, "
          f"{clip.frames} frames, {steps} steps with guidance")  # fmt: skip
    peta = 2 * operations(vace.pipe.transformer, clip) / 1e15
    print(f"floor            a step {peta * 1e3 / tera:8.3f} s   {peta:.3g} peta operations at {tera:g} tera a second")
    picture = np.random.default_rng(0).integers(0, 256, (clip.size.height, clip.size.width, 3), dtype=np.uint8)
    for name, kind in (("stock diffusers", stock), ("Steadface", ours)):
        run = kind(vace, clip, steps, picture)
        run(Watch(device))
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        watch = Watch(device)
        run(watch)
        print(watch.told(name, peak(device)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=tuple(SHAPES), default="tiny")
    parser.add_argument("--width", type=int)
    parser.add_argument("--height", type=int)
    parser.add_argument("--frames", type=int)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--tera", type=float, default=790)
    given = parser.parse_args()
    usual = (
        ClipSpec(Size(128, 80), 17, VACE_14B.fps)
        if given.size == "tiny"
        else ClipSpec(Size(832, 480), 81, VACE_14B.fps)
    )
    main(
        given.size,
        ClipSpec(
            Size(given.width or usual.size.width, given.height or usual.size.height),
            given.frames or usual.frames,
            VACE_14B.fps,
        ),
        given.steps,
        given.tera,
    )
