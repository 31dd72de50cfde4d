"""What a machine chooses for speed or memory: each works on a tiny model, alone and together, or says why not."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.attention_dispatch import _AttentionBackendRegistry
from safetensors.torch import save_file
from test_distilled import lora

from tools.contracts import ClipSpec, Given, Size
from tools.errors import Cancelled, InputError, Unavailable
from tools.video.checkpoint import Wan, shared
from tools.video.memory import bring_blocks, let_go
from tools.video.wan_vace import VACE_14B, vace_large

CLIP = ClipSpec(Size(64, 64), 9, 16)

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torchao"),
    pytest.mark.filterwarnings("ignore::FutureWarning:torchao"),
]


@pytest.fixture(autouse=True)
def attention_as_ever() -> Iterator[None]:
    """diffusers has models that name no attention follow the last one that was named."""
    before = _AttentionBackendRegistry._active_backend
    yield
    _AttentionBackendRegistry._active_backend = before


@pytest.fixture
def loaded(tiny_wan_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Wan]:
    """A model of its own, loaded with these variables set."""
    (tmp_path / "lora").mkdir()
    save_file(lora(), tmp_path / "lora" / "t2v_14b_lora_4step.safetensors")

    def load(**chosen: str) -> Wan:
        for name, value in chosen.items():
            monkeypatch.setenv(f"STEADFACE_WAN_{name}", value)
        folder = tmp_path / "-".join(["wan", *chosen.values()])
        monkeypatch.setenv("STEADFACE_WAN_VACE_14B", str(shutil.copytree(tiny_wan_folder, folder)))
        monkeypatch.setenv("STEADFACE_WAN_DISTILLED_T2V", str(tmp_path / "lora"))
        return shared(VACE_14B)

    return load


def clip_of(picture: Any, report: Any = lambda done, total, message: None, **options: Any) -> np.ndarray:
    frames = vace_large(**options or {"steps": 2}).generate("she walks", CLIP, Given({0: picture(1)}), 1, report)
    return np.stack(list(frames)).astype(int)


@pytest.fixture
def plain(tiny_wan: Wan, picture: Any) -> np.ndarray:
    return clip_of(picture)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).mean())


def test_weights_in_eight_bit_floats_make_nearly_the_same_clip(loaded: Any, picture: Any, plain: np.ndarray) -> None:
    wan = loaded(PRECISION="float8")
    assert wan.pipe.transformer.blocks[0].attn1.to_q.weight.dtype == torch.float8_e4m3fn
    assert 0 < distance(clip_of(picture), plain) < 20


def test_weights_in_eight_bit_integers_make_nearly_the_same_clip(loaded: Any, picture: Any, plain: np.ndarray) -> None:
    wan = loaded(PRECISION="int8")
    assert type(wan.pipe.transformer.blocks[0].attn1.to_q.weight).__name__ == "Int8Tensor"
    assert 0 < distance(clip_of(picture), plain) < 20


def test_without_torchao_integers_are_unavailable(loaded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchao.quantization", None)
    with pytest.raises(Unavailable, match=r"needs the Python module torchao.*pip install 'steadface\[int8\]'"):
        loaded(PRECISION="int8")


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_compiled_blocks_make_the_same_clip_tell_their_progress_and_can_be_cancelled(
    loaded: Any, picture: Any, plain: np.ndarray
) -> None:
    wan = loaded(COMPILE="eager")
    told: list[int] = []
    assert distance(clip_of(picture, lambda done, total, message: told.append(done)), plain) < 1
    assert all(told.count(step) > 2 for step in (0, 1))
    compiled = [block._compiled_call_impl for block in wan.pipe.transformer.blocks]
    assert all(compiled)

    def cancelled(done: int, total: int, message: str) -> None:
        if done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        clip_of(picture, cancelled)
    assert [block._compiled_call_impl for block in wan.pipe.transformer.blocks] == compiled
    assert distance(clip_of(picture), plain) < 1


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_compiled_blocks_take_the_step_cache_and_the_distilled_lora(loaded: Any, picture: Any, tiny_wan: Wan) -> None:
    cached = clip_of(picture, steps=8, step_cache=1.0)
    loaded(COMPILE="eager")
    assert distance(clip_of(picture, steps=8, step_cache=1.0), cached) < 1
    assert clip_of(picture, distilled=True).std() > 0


def test_layers_that_come_when_their_turn_does_make_the_same_clip_with_the_lora_too(
    loaded: Any, picture: Any, plain: np.ndarray
) -> None:
    wan = loaded(ATTENTION="native")
    bring_blocks(wan.pipe, torch.device("cpu"))
    assert np.array_equal(clip_of(picture), plain)
    assert clip_of(picture, distilled=True).std() > 0
    assert np.array_equal(clip_of(picture), plain)


def test_layers_in_eight_bit_integers_come_in_turn_too(loaded: Any, picture: Any) -> None:
    wan = loaded(PRECISION="int8")
    plain = clip_of(picture)
    bring_blocks(wan.pipe, torch.device("cpu"))
    assert np.array_equal(clip_of(picture), plain)


def test_the_distilled_lora_is_worn_by_weights_in_integers(loaded: Any, picture: Any) -> None:
    loaded(PRECISION="int8")
    plain = clip_of(picture)
    assert distance(clip_of(picture, distilled=True), plain) > 0
    assert np.array_equal(clip_of(picture), plain)


def test_the_distilled_lora_beside_eight_bit_floats_is_refused(loaded: Any, picture: Any) -> None:
    loaded(PRECISION="float8")
    with pytest.raises(InputError, match="float8 do not work together; choose int8 or bfloat16"):
        clip_of(picture, distilled=True)


@pytest.mark.parametrize("attention", ["native", "_native_math"])
def test_attention_of_another_backend_makes_nearly_the_same_clip(
    loaded: Any, picture: Any, plain: np.ndarray, attention: str
) -> None:
    loaded(ATTENTION=attention)
    assert distance(clip_of(picture), plain) < 1


@pytest.mark.parametrize("attention", ["_flash_3", "_flash_3_hub", "sage"])
def test_attention_that_the_machine_lacks_says_what_it_needs(loaded: Any, attention: str) -> None:
    with pytest.raises(Unavailable, match=f"STEADFACE_WAN_ATTENTION={attention} cannot be used here: .*install|build"):
        loaded(ATTENTION=attention)


@pytest.mark.parametrize("variable", ["ATTENTION", "COMPILE", "PRECISION", "OFFLOAD"])
def test_a_choice_that_is_none_is_told_with_those_that_are(loaded: Any, variable: str) -> None:
    with pytest.raises(InputError, match=f"STEADFACE_WAN_{variable} cannot be 'fast'; choose one of: "):
        loaded(**{variable: "fast"})


def test_layers_that_came_in_turn_can_be_placed_another_way(loaded: Any, picture: Any, plain: np.ndarray) -> None:
    wan = loaded(ATTENTION="native")
    bring_blocks(wan.pipe, torch.device("cpu"))
    clip_of(picture)
    let_go(wan.pipe)
    hooked = [module._diffusers_hook for module in wan.pipe.transformer.modules() if hasattr(module, "_diffusers_hook")]
    assert not [registry for registry in hooked if registry.hooks]
    assert np.array_equal(clip_of(picture), plain)
