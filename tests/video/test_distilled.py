"""Four steps by a distilled LoRA: its noise levels to the bit, its seeds, and a model that is left as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tools.contracts import ClipSpec, Given, Size
from tools.errors import InputError, Unavailable
from tools.video.checkpoint import Wan
from tools.video.wan_vace import vace_large, vace_small

CLIP = ClipSpec(Size(64, 64), 9, 16)
WIDTH, INNER = 24, 32


def lora(width: int = WIDTH, blocks: int = 3, prefix: str = "diffusion_model.blocks") -> dict[str, torch.Tensor]:
    """A LoRA of rank 4 in the spelling of lightx2v: ``alpha`` beside each pair of matrices."""
    made = torch.Generator().manual_seed(4)
    weights = {}
    layers = [*(f"{kind}_attn.{part}" for kind in ("self", "cross") for part in "qkvo"), "ffn.0", "ffn.2"]
    for block in range(blocks):
        for layer in layers:
            name = f"{prefix}.{block}.{layer}"
            into, out = {"ffn.0": (width, INNER), "ffn.2": (INNER, width)}.get(layer, (width, width))
            weights[f"{name}.lora_down.weight"] = torch.randn(4, into, generator=made)
            weights[f"{name}.lora_up.weight"] = torch.randn(out, 4, generator=made)
            weights[f"{name}.alpha"] = torch.tensor(4.0)
    return weights


@pytest.fixture
def keep(tiny_wan: Wan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, torch.Tensor]], None]:
    """Puts a LoRA where the product looks for it, and takes it out of the shared pipeline at the end."""
    monkeypatch.setenv("STEADFACE_WAN_DISTILLED_T2V", str(tmp_path))
    yield lambda weights: save_file(weights, tmp_path / "wan2.1_t2v_14b_lora_rank64_lightx2v_4step.safetensors")
    tiny_wan.pipe.unload_lora_weights()


def clip_of(picture: Any, seed: int = 1, **options: Any) -> np.ndarray:
    backend = vace_large(**options)
    report = lambda done, total, message: None  # noqa: E731
    return np.stack(list(backend.generate("a woman walks", CLIP, Given({0: picture(1)}), seed, report)))


def test_the_four_timesteps_are_exact_and_there_is_no_guidance(tiny_wan: Wan, keep: Any, picture: Any) -> None:
    keep(lora())
    timesteps: list[float] = []
    hook = tiny_wan.pipe.transformer.register_forward_pre_hook(
        lambda _model, _args, given: timesteps.append(float(given["timestep"])), with_kwargs=True
    )
    clip_of(picture, distilled=True)
    hook.remove()
    assert timesteps == pytest.approx([1000, 937.5, 833.3333, 625], abs=1e-3)


def test_the_same_seed_gives_the_same_bytes_though_noise_is_drawn_at_every_step(keep: Any, picture: Any) -> None:
    keep(lora())
    one, again, other = (clip_of(picture, seed, distilled=True) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_the_lora_counts_and_as_much_as_it_is_told_to(keep: Any, picture: Any) -> None:
    keep(lora())
    whole, half = (clip_of(picture, distilled=True, distilled_strength=strength) for strength in (1.0, 0.5))
    assert not np.array_equal(whole, half)


def test_a_clip_without_it_is_as_ever_after_one_with_it(keep: Any, picture: Any) -> None:
    keep(lora())
    before = clip_of(picture, steps=3)
    distilled = clip_of(picture, distilled=True)
    assert np.array_equal(clip_of(picture, steps=3), before)
    assert np.array_equal(clip_of(picture, distilled=True), distilled)


def test_the_branch_of_vace_is_left_alone(tiny_wan: Wan, keep: Any, picture: Any) -> None:
    keep(lora())
    clip_of(picture, distilled=True)
    touched = {name.split(".lora_A")[0] for name, _ in tiny_wan.pipe.transformer.named_modules() if ".lora_A." in name}
    assert len(touched) == 3 * 10
    assert not [name for name in touched if name.startswith("vace_")]


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (lora(width=48), r"is made for another model \(transformer\.blocks\.0\.attn1\.to_q\.lora_A\.weight\)"),
        (lora(blocks=4), r"is made for another model \(transformer\.blocks\.3"),
        (lora(prefix="diffusion_model.double_blocks"), "cannot be read as a LoRA of Wan"),
    ],
    ids=["another width", "more blocks", "another family"],
)
def test_a_lora_of_another_model_is_refused_and_nothing_of_it_stays(
    tiny_wan: Wan, keep: Any, picture: Any, weights: dict[str, torch.Tensor], said: str
) -> None:
    before = clip_of(picture, steps=2)
    keep(weights)
    with pytest.raises(Unavailable, match=said):
        clip_of(picture, distilled=True)
    assert not tiny_wan.pipe.get_list_adapters()
    assert np.array_equal(clip_of(picture, steps=2), before)


def test_a_missing_lora_is_told_when_the_backend_is_made(tiny_wan: Wan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFACE_WAN_DISTILLED_T2V", "/nowhere/at/all")
    with pytest.raises(Unavailable, match=r"steadface models pull wan2\.1-distilled-t2v"):
        vace_large(distilled=True)


@pytest.mark.parametrize("options", [{"steps": 8}, {"guidance": 5.0}, {"shift": 3.0}])
def test_options_that_it_sets_itself_are_refused_beside_it(keep: Any, options: dict[str, Any]) -> None:
    keep(lora())
    with pytest.raises(InputError, match="sets steps to 4, guidance to 1 and shift to 5 itself"):
        vace_large(distilled=True, **options)


def test_a_model_that_none_was_made_for_says_so(keep: Any) -> None:
    with pytest.raises(InputError, match=r"no distilled LoRA for Wan2\.1 VACE 1\.3B here"):
        vace_small(distilled=True)
