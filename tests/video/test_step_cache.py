"""The step cache is right on VACE, where diffusers' own caches are not, and no two things share a state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FirstBlockCacheConfig, MagCacheConfig
from tiny_wan import save_tiny_wan_2_2

from tools.contracts import ClipSpec, Given, Size
from tools.errors import Cancelled, InputError
from tools.notes import noted
from tools.video.checkpoint import Wan, shared
from tools.video.step_cache import StepCache
from tools.video.wan_i2v import WAN_2_2_A14B, wan_2_2_a14b
from tools.video.wan_vace import vace_large

CLIP = ClipSpec(Size(64, 64), 9, 16)


@pytest.fixture
def vace_inputs(tiny_wan: Wan) -> Callable[[int], dict[str, Any]]:
    """What the transformer is asked at one step of one clip, by the seed of the noise."""

    def made(seed: int, timestep: float = 500.0) -> dict[str, Any]:
        noise = torch.Generator().manual_seed(seed)
        return {
            "hidden_states": torch.randn(1, 16, 3, 8, 8, generator=noise),
            "timestep": torch.tensor([timestep]),
            "encoder_hidden_states": torch.randn(1, 8, 32, generator=torch.Generator().manual_seed(9)),
            "control_hidden_states": torch.randn(1, 96, 3, 8, 8, generator=torch.Generator().manual_seed(8)),
            "control_hidden_states_scale": torch.ones(2),
            "return_dict": False,
        }

    return made


@pytest.mark.parametrize(
    "config",
    [
        FirstBlockCacheConfig(threshold=0.05),
        MagCacheConfig(
            threshold=0.06, max_skip_steps=3, retention_ratio=0.0, num_inference_steps=4, mag_ratios=np.ones(4)
        ),
    ],
    ids=["FirstBlockCache", "MagCache"],
)
@torch.no_grad()
def test_the_caches_of_diffusers_count_the_hints_twice(tiny_wan: Wan, vace_inputs: Any, config: Any) -> None:
    """The reason for our own: nothing changes from one call to the next, and the answer does."""
    transformer = tiny_wan.pipe.transformer
    plain = transformer(**vace_inputs(1))[0]
    transformer.enable_cache(config)
    try:
        with transformer.cache_context("cond"):
            answers = [transformer(**vace_inputs(1))[0] for _ in range(3)]
    finally:
        transformer.disable_cache()
    assert torch.allclose(answers[0], plain, atol=1e-5)
    assert (answers[-1] - plain).abs().max() > 0.1


@torch.no_grad()
def test_ours_gives_the_same_where_nothing_changes(tiny_wan: Wan, vace_inputs: Any) -> None:
    transformer, cache = tiny_wan.pipe.transformer, StepCache(threshold=1.0, steps=10)
    plain = transformer(**vace_inputs(1))[0]
    other = transformer(**vace_inputs(2))[0]
    with cache.serving([transformer]):
        transformer(**vace_inputs(2, timestep=900.0))
        for step in range(1, 9):
            # The noise stands still from the second step on, so every answer is that of the second.
            answer = transformer(**vace_inputs(1, timestep=900.0 - step))[0]
            if step == 1:
                second = answer
    assert cache.skipped == 7
    assert torch.allclose(answer, second, atol=1e-6)
    assert not torch.allclose(plain, other)


@torch.no_grad()
def test_branches_keep_to_themselves(tiny_wan: Wan, vace_inputs: Any) -> None:
    transformer, cache = tiny_wan.pipe.transformer, StepCache(threshold=1.0, steps=10)
    with cache.serving([transformer]):
        for step in range(9):
            seed = 2 if step == 0 else 1
            asked = vace_inputs(seed, timestep=900.0 - step)
            negative = {**asked, "encoder_hidden_states": -asked["encoder_hidden_states"]}
            answers = [transformer(**asked)[0], transformer(**negative)[0]]
            if step == 1:
                computed = answers
    assert cache.skipped == 7
    for answer, first in zip(answers, computed, strict=True):
        assert torch.allclose(answer, first, atol=1e-6)
    assert not torch.allclose(*computed)


def test_a_transformer_is_left_as_it_was(tiny_wan: Wan) -> None:
    transformer = tiny_wan.pipe.transformer
    forward = transformer.forward
    with StepCache(0.1, 10).serving([transformer]):
        assert transformer.forward != forward
    assert transformer.forward == forward


def test_a_clip_that_is_cancelled_leaves_no_cache_behind(tiny_wan: Wan, picture: Any) -> None:
    forward = tiny_wan.pipe.transformer.forward

    def cancelled(done: int, total: int, message: str) -> None:
        if done == 6:
            raise Cancelled

    backend = vace_large(steps=12, step_cache=1.0)
    with pytest.raises(Cancelled):
        backend.generate("a woman walks", CLIP, Given({0: picture(1)}), 1, cancelled)
    assert tiny_wan.pipe.transformer.forward == forward


def clip_of(picture: Any, make: Any = vace_large, seed: int = 1, **options: Any) -> np.ndarray:
    backend = make(**{"steps": 12, **options})
    frames = backend.generate("a woman walks", CLIP, Given({0: picture(1)}), seed, lambda done, total, message: None)
    return np.stack(list(frames)).astype(int)


@pytest.fixture
def forwards(tiny_wan: Wan) -> Any:
    """How often the transformer was computed, in its blocks."""
    calls: list[int] = []
    hook = tiny_wan.pipe.transformer.blocks[1].register_forward_hook(lambda *_: calls.append(1))
    yield calls
    hook.remove()


def test_skipped_steps_are_not_computed_and_the_report_counts_them(picture: Any, forwards: list[int]) -> None:
    with noted() as notes:
        cached = clip_of(picture, step_cache=1.0)
    computed = len(forwards) // 2
    assert 4 <= computed < 12
    assert notes == [f"The step cache skipped {12 - computed} of 12 steps."]
    plain = clip_of(picture)
    assert 0 < np.abs(cached - plain).mean() < 40


def test_without_a_threshold_nothing_is_skipped(picture: Any, forwards: list[int]) -> None:
    with noted() as notes:
        clip_of(picture)
    assert len(forwards) == 24
    assert notes == []


def test_a_wider_threshold_skips_more_and_the_first_and_last_steps_never(picture: Any, forwards: list[int]) -> None:
    counts = []
    for threshold in (0.05, 1.0, 100.0):
        forwards.clear()
        clip_of(picture, step_cache=threshold)
        counts.append(len(forwards) // 2)
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 4


def test_two_clips_share_nothing(tiny_wan: Wan, picture: Any) -> None:
    before = clip_of(picture, step_cache=1.0)
    clip_of(picture, seed=2, step_cache=1.0)
    assert np.array_equal(clip_of(picture, step_cache=1.0), before)


def test_both_transformers_of_a14b_have_states_of_their_own(
    picture: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFACE_WAN_2_2_I2V_A14B", str(save_tiny_wan_2_2(tmp_path_factory.mktemp("a14b"))))
    calls: list[int] = []
    for number, transformer in enumerate(shared(WAN_2_2_A14B).transformers):
        transformer.blocks[0].register_forward_hook(lambda *_, number=number: calls.append(number))
    plain = clip_of(picture, wan_2_2_a14b, steps=20)
    high = calls.count(0)
    calls.clear()
    cached = clip_of(picture, wan_2_2_a14b, steps=20, step_cache=100.0)
    # Each transformer is computed at least once: the low-noise one has nothing to go by when its turn comes.
    assert calls.count(1) >= 2
    assert calls.count(0) <= high
    assert not np.array_equal(plain, cached)


def test_a_cache_beside_a_few_steps_is_refused(tiny_wan: Wan) -> None:
    with pytest.raises(InputError, match="step_cache"):
        vace_large(steps=4, step_cache=0.05)
