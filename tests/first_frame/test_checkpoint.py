"""Each way a folder can be wrong is told in one sentence that names the file and the command."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_hyperlora import TINY, module_list

from tools.errors import Unavailable
from tools.first_frame.hyperlora import checkpoint

Wrong = Callable[[Path], object]


@pytest.fixture
def folder(tiny_hyperlora: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_hyperlora, tmp_path / "variant"))


def without(name: str) -> Wrong:
    return lambda folder: (folder / name).unlink()


def tensors(part: str, change: Callable[[dict[str, torch.Tensor]], object]) -> Wrong:
    def rewrite(folder: Path) -> None:
        held = {name: tensor.clone() for name, tensor in load_file(folder / f"{part}.safetensors").items()}
        change(held)
        save_file(held, folder / f"{part}.safetensors")

    return rewrite


def listed(change: Callable[[list[tuple[str, object]]], object]) -> Wrong:
    def rewrite(folder: Path) -> None:
        pairs: list[tuple[str, object]] = list(module_list().items())
        change(pairs)
        lines = ", ".join(f"{json.dumps(name)}: {json.dumps(widths)}" for name, widths in pairs)
        (folder / "hyper_lora_modules.json").write_text(f"{{{lines}}}")

    return rewrite


def text(name: str, content: str) -> Wrong:
    return lambda folder: (folder / name).write_text(content)


def first_widths(**widths: object) -> Wrong:
    return listed(lambda pairs: pairs.__setitem__(0, (pairs[0][0], widths)))


WRONG = {
    "list missing": (without("hyper_lora_modules.json"), r"hyper_lora_modules\.json is missing"),
    "bases missing": (without("hyper_lora_modules.safetensors"), r"hyper_lora_modules\.safetensors is missing"),
    "resampler missing": (without("resampler.safetensors"), r"resampler\.safetensors is missing"),
    "projector missing": (without("id_projector.safetensors"), r"id_projector\.safetensors is missing"),
    "cut off": (text("resampler.safetensors", "no weights"), r"resampler\.safetensors is cut off"),
    "list is no JSON": (text("hyper_lora_modules.json", "{"), r"\.json is not an object of the form"),
    "list is a list": (text("hyper_lora_modules.json", '["attn1"]'), r"\.json is not an object of the form"),
    "widths of another form": (first_widths(width=16), r"\.json is not an object of the form"),
    "width is no number": (first_widths(hidden_size="16", cross_attention_dim=None), r"widths that are no positive"),
    "name twice": (listed(lambda pairs: pairs.append(pairs[0])), r"names lora_unet_\w+ twice"),
    "name of something else": (
        listed(lambda pairs: pairs.__setitem__(0, ("lora_te1_text_model", pairs[0][1]))),
        r"names 'lora_te1_text_model', which is no attention module of SDXL",
    ),
    "fewer named": (listed(lambda pairs: pairs.pop()), r"names 33 attention modules instead of 34"),
    "fewer bases": (
        tensors("hyper_lora_modules", lambda held: [held.pop(key) for key in list(held) if key.startswith("33.")]),
        r"has the bases of 33 modules, and hyper_lora_modules\.json names 34",
    ),
    "list in another order": (
        listed(lambda pairs: pairs.sort()),
        r"hyper_lora_modules\.safetensors has \d+\.to_\w+\.id_\w+_basis of shape",
    ),
    "latents of another network": (
        tensors("resampler", lambda held: held.update(latents=torch.zeros(1, 280, 16))),
        r"has 280 latents instead of 272, 8 for each module",
    ),
    "Base-LoRA among the bases": (
        tensors("hyper_lora_modules", lambda held: held.update({"0.to_q.base_down_basis": torch.zeros(5, 16, 1)})),
        r"holds a Base-LoRA",
    ),
    "Base-LoRA beside": (
        lambda folder: shutil.copy(folder / "resampler.safetensors", folder / "base_resampler.safetensors"),
        r"holds a Base-LoRA",
    ),
    "one condition": (
        tensors("resampler", lambda held: [held.pop(key) for key in list(held) if "proj_in_2" in key]),
        r"reads one condition alone",
    ),
    "tensor missing": (
        tensors("resampler", lambda held: held.pop("layers.1.norm_attn3_y.bias")),
        r"resampler\.safetensors has no tensor layers\.1\.norm_attn3_y\.bias",
    ),
    "tensor too many": (
        tensors("id_projector", lambda held: held.update({"3.weight": torch.zeros(2)})),
        r"id_projector\.safetensors has a tensor 3\.weight that does not belong",
    ),
    "tensor of another shape": (
        tensors("resampler", lambda held: held.update({"proj_out.bias": torch.zeros(6)})),
        r"proj_out\.bias of shape \[6\] instead of \[5\]",
    ),
    "whole numbers": (
        tensors("id_projector", lambda held: held.update({"0.bias": torch.zeros(48, dtype=torch.int64)})),
        r"id_projector\.safetensors holds numbers as F32, I64",
    ),
}


def test_the_folder_is_right_before_it_is_made_wrong(folder):
    assert checkpoint.load_network(folder).config == TINY


@pytest.mark.parametrize(("wrong", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_folder_is_told(folder, wrong, sentence):
    wrong(folder)
    with pytest.raises(Unavailable, match=sentence) as told:
        checkpoint.load_network(folder)
    assert "steadface models pull hyperlora (licence: CC BY-NC 4.0, not for commercial use)" in str(told.value)


@pytest.mark.parametrize("other", [{"basis": 1024}, {"rank": 4}, {"face_tokens": 4}])
def test_sizes_that_are_not_the_networks_are_told(folder, other):
    (folder / checkpoint.CONFIG).write_text(json.dumps(asdict(TINY) | other))
    with pytest.raises(Unavailable, match="was made with 5 basis matrices, rank 2 and 3 face tokens"):
        checkpoint.load_network(folder)


def test_without_sizes_beside_it_a_network_has_the_published_ones(folder):
    (folder / checkpoint.CONFIG).unlink()
    with pytest.raises(Unavailable, match="names 34 attention modules instead of 140"):
        checkpoint.load_network(folder)


@pytest.mark.parametrize("text", ["nonsense", "[1]", '{"hyper_dim": 128}'])
def test_a_file_of_sizes_that_names_none_is_told(folder, text):
    (folder / checkpoint.CONFIG).write_text(text)
    with pytest.raises(Unavailable, match=r"hyper_lora_config\.json does not name sizes of the network alone"):
        checkpoint.load_network(folder)


def test_the_folder_of_the_variants_is_told_with_the_variant(folder):
    folder.rename(folder.parent / checkpoint.VARIANT)
    with pytest.raises(Unavailable, match=r"holds the variants .* in STEADFACE_HYPERLORA"):
        checkpoint.load_network(folder.parent)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(Unavailable, match=r"There is no folder .*CC BY-NC 4\.0"):
        checkpoint.load_network(tmp_path / "none")
