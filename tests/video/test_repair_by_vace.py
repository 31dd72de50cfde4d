"""A window of a clip repaired by VACE, from the worker's operation to the tensors that the transformer receives."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from tools import media
from tools.artifacts import Artifacts
from tools.contracts import RGBImage
from tools.pools import calls
from tools.pools.bench import Bench
from tools.pools.work import fix_keyframes, inspect_reference, repair_window
from tools.video.checkpoint import Wan

SIZE = (128, 96)
FRAMES = 21


@pytest.fixture
def bench(instant: ModuleType, tmp_path: Any) -> Bench:
    bench = Bench(Artifacts(tmp_path / "artifacts"))
    bench.report = lambda done, total, message: None
    return bench


@pytest.fixture
def clip() -> list[RGBImage]:
    """Noise that moves to the left by two pixels a frame."""
    wide = np.random.default_rng(5).integers(0, 256, (SIZE[1], SIZE[0] + 2 * FRAMES, 3), dtype=np.uint8)
    return [wide[:, 2 * number : 2 * number + SIZE[0]] for number in range(FRAMES)]


def repair(bench: Bench, clip: list[RGBImage], keyframes: list[int], **window: Any) -> list[RGBImage]:
    with bench.artifacts.new_file("mkv") as path:
        media.write_lossless(clip, 16, path)
        kept = bench.artifacts.put_file(path, "mkv", "job")
    photo = bench.artifacts.put(media.png_bytes(clip[0]), "png")
    seen = calls.InspectReference(photo=photo, face=None, presentation=None, faces="instant", matting="instant")
    references = [inspect_reference(seen, bench).reference]
    fixing = calls.FixKeyframes(
        clip=kept, frames=keyframes, references=references, prompt="", strength=0.4, seed=1, backend="instant"
    )
    asked = calls.RepairWindow(
        job_id="job", clip=kept, keyframes=fix_keyframes(fixing, bench).keyframes, references=references,
        prompt="a woman walks", seed=1, fps=16, backend={"name": "wan-vace-14b", "options": {"steps": 1}}, **window,
    )  # fmt: skip
    return list(media.read_clip(bench.artifacts.path(repair_window(asked, bench).clip)))


def kept_latents(tiny_wan: Wan, bench: Bench, clip: list[RGBImage], **window: Any) -> list[int]:
    """Which latents of the window the transformer is told to keep."""
    received: list[torch.Tensor] = []
    hook = tiny_wan.pipe.transformer.register_forward_pre_hook(
        lambda _model, _args, given: received.append(given["control_hidden_states"]), with_kwargs=True
    )
    repair(bench, clip, **window)
    hook.remove()
    mask = received[0][0, 32:]
    return [latent for latent in range(mask.shape[1]) if not mask[:, latent].any()]


def test_only_the_drifted_frames_change(tiny_wan: Wan, bench: Bench, clip: list[RGBImage]) -> None:
    mended = repair(bench, clip, first=2, last=18, keyframes=[9], drifted=(3, 14))
    changed = [number for number in range(FRAMES) if not np.array_equal(mended[number], clip[number])]
    assert changed == list(range(3, 15))


def test_the_model_is_told_to_keep_the_keyframes_group_and_the_good_one_at_the_end(
    tiny_wan: Wan, bench: Bench, clip: list[RGBImage]
) -> None:
    """Frame 9 is the 7th of the window, in its latent 2, as 15 to 18 are latent 4."""
    assert kept_latents(tiny_wan, bench, clip, first=2, last=18, keyframes=[9], drifted=(3, 14)) == [2, 4]


def test_a_window_may_run_over_the_end_of_the_clip(tiny_wan: Wan, bench: Bench, clip: list[RGBImage]) -> None:
    """Of latent 4, the last, frames 19 and 20 are in the clip, and two beyond it."""
    window = {"first": 6, "last": 22, "keyframes": [20], "drifted": (7, 20)}
    mended = repair(bench, clip, **window)
    assert len(mended) == FRAMES
    assert [number for number in range(FRAMES) if np.array_equal(mended[number], clip[number])] == list(range(7))
    assert kept_latents(tiny_wan, bench, clip, **window) == [4]
