"""A GPU that is too small: told before anything is loaded, or the clip made again with less of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tools.contracts import ClipSpec, Given, Size
from tools.errors import BackendError, Unavailable
from tools.notes import noted
from tools.video.checkpoint import Wan
from tools.video.memory import activations, next_offload, refuse_beyond
from tools.video.wan_vace import vace_large

CLIP = ClipSpec(Size(64, 64), 9, 16)
GIB = 2**30


@contextmanager
def full_memory(wan: Wan, times: int) -> Iterator[None]:
    """The GPU's memory does not do, so often."""
    left = [None] * times

    def hook(*_: object) -> None:
        if left:
            left.pop()
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    handle = wan.pipe.transformer.register_forward_pre_hook(hook)
    yield
    handle.remove()
    wan.tiled = False


@pytest.fixture
def clip_of(tiny_wan: Wan, picture: Any) -> Callable[[], np.ndarray]:
    def made() -> np.ndarray:
        frames = vace_large(steps=2).generate("she walks", CLIP, Given({0: picture(1)}), 1, lambda *_: None)
        return np.stack(list(frames))

    return made


def test_a_clip_that_ran_out_of_memory_is_made_again_with_less_and_it_is_said(tiny_wan: Wan, clip_of: Any) -> None:
    plain = clip_of()
    with full_memory(tiny_wan, times=1), noted() as notes:
        assert np.array_equal(clip_of(), plain)
        assert tiny_wan.pipe.vae.use_tiling
    assert notes == ["The GPU ran out of memory, and the clip was made again with its VAE in tiles."]


def test_a_second_time_ends_in_one_sentence_and_the_next_clip_is_as_ever(tiny_wan: Wan, clip_of: Any) -> None:
    plain = clip_of()
    with (
        full_memory(tiny_wan, times=2),
        pytest.raises(BackendError, match=r"too little memory for this clip; .* STEADFACE_WAN_OFFLOAD"),
    ):
        clip_of()
    assert np.array_equal(clip_of(), plain)


def test_on_a_gpu_the_first_step_down_is_the_next_way_of_waiting(tiny_wan: Wan, monkeypatch: Any) -> None:
    """The device is only named: what is moved where is asked of ``place`` here."""
    placed: list[str] = []
    monkeypatch.setattr("tools.video.checkpoint.place", lambda _pipe, _device, offload: placed.append(offload))
    wan = Wan(tiny_wan.pipe, torch.device("cuda"), {})
    assert wan.tenant.size > 0
    assert wan.step_down() == "as with STEADFACE_WAN_OFFLOAD=model"
    assert wan.step_down() == "as with STEADFACE_WAN_OFFLOAD=blocks"
    assert wan.step_down() == "with its VAE in tiles"
    assert wan.step_down() is None
    assert placed == ["model", "blocks"]
    assert wan.tenant.size == 0


def test_the_ways_of_waiting_end_with_blocks() -> None:
    assert [next_offload("none"), next_offload("model"), next_offload("blocks")] == ["model", "blocks", None]


def test_the_hidden_states_of_the_largest_clip_are_some_twenty_gib() -> None:
    """75,600 tokens of 5,120 numbers of 2 bytes, 28 times."""
    config = {"patch_size": (1, 2, 2), "num_attention_heads": 40, "attention_head_dim": 128, "vace_layers": range(8)}
    assert activations(config, 8, Size(1280, 720), 81) == 75_600 * 5120 * 2 * 28
    assert activations(config, 8, Size(832, 480), 81) == 32_760 * 5120 * 2 * 28
    assert activations(config, 16, Size(1280, 704), 121) == 27_280 * 5120 * 2 * 28


def test_what_cannot_fit_is_refused_with_what_would_help_and_nothing_is_loaded(tiny_wan_folder: Path) -> None:
    refuse_beyond(GIB, tiny_wan_folder, "Wan2.1 VACE 14B", Size(64, 64), 81)
    with pytest.raises(
        Unavailable, match=r"needs an estimated 0\.\d GiB .* 81 frames of 1280x720, and 0\.0 can be had"
    ):
        refuse_beyond(2**20, tiny_wan_folder, "Wan2.1 VACE 14B", Size(1280, 720), 81)
