"""Reading HyperLoRA's published files, strictly: a folder that is wrong in any way is told in one sentence.

The published ones are ``hyperlora`` of the catalog, one folder a variant, and non-commercial.
Shapes are compared before a weight is read, and the bases stay mapped from their file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn

from tools.errors import Unavailable
from tools.first_frame.hyperlora.config import TOKENS, AttentionModule, HyperLoraConfig
from tools.first_frame.hyperlora.network import HyperLora
from tools.models.place import how_to_get

MODEL = "hyperlora"
VARIANT = "sdxl_hyper_id_lora_v1_fidelity"
"""The better likeness; ``sdxl_hyper_id_lora_v1_edit`` follows the prompt better."""

CONFIG = "hyper_lora_config.json"
MODULES = "hyper_lora_modules.json"
PARTS = ("id_projector", "resampler", "hyper_lora_modules")
"""The parts of the network, each in a ``.safetensors`` file of its own."""

_PRECISIONS = {"F16", "BF16", "F32"}
_NAME = re.compile(
    r"lora_unet_(?:(?:input_blocks|output_blocks)_\d+_1|middle_block_1"
    r"|(?:down|up)_blocks_\d+_attentions_\d+|mid_block_attentions_0)_transformer_blocks_\d+_attn[12]"
)
"""An attention module of SDXL as LoRA files spell it, after the original code or after diffusers."""

Shapes = Mapping[str, tuple[int, ...]]


def load_network(folder: Path) -> HyperLora:
    """The network, ready to use on the CPU; ``Unavailable`` where the folder is not what its sizes are said to be."""
    _expect_files(folder)
    config = read_config(folder)
    modules = read_modules(folder / MODULES)
    with torch.device("meta"):
        network = HyperLora(modules, config)
    parts = {part: network.get_submodule(part) for part in PARTS}
    found = {part: _shapes(folder / f"{part}.safetensors") for part in PARTS}
    _expect_this_kind(folder, modules, found, config)
    for part, module in parts.items():
        _expect_shapes(folder / f"{part}.safetensors", found[part], _expected(module))
        module.load_state_dict(load_file(folder / f"{part}.safetensors"), assign=True)
    network.id_projector.float()
    network.resampler.float()
    return network.requires_grad_(False).eval()


def read_config(folder: Path) -> HyperLoraConfig:
    """The published sizes, but for those that ``hyper_lora_config.json`` beside the weights names."""
    path = folder / CONFIG
    if not path.is_file():
        return HyperLoraConfig()
    try:
        return HyperLoraConfig(**json.loads(path.read_text()))
    except (ValueError, TypeError, UnicodeDecodeError) as error:
        raise _wrong(path, f"does not name sizes of the network alone ({error})") from error


def read_modules(path: Path) -> list[AttentionModule]:
    """The attention modules in the order of the file, which decides whose the numbered tensors and the tokens are."""
    try:
        listed = json.loads(path.read_text(), object_pairs_hook=list)
        modules = [AttentionModule(name, **dict(widths)) for name, widths in listed]
    except (ValueError, TypeError, UnicodeDecodeError) as error:
        raise _wrong(
            path, 'is not an object of the form {"name": {"hidden_size": …, "cross_attention_dim": …}, …}'
        ) from error
    names = [module.name for module in modules]
    for module in modules:
        if not _NAME.fullmatch(module.name):
            raise _wrong(path, f"names {module.name!r}, which is no attention module of SDXL")
        if names.count(module.name) > 1:
            raise _wrong(path, f"names {module.name} twice")
        if not _is_width(module.hidden_size) or not (
            module.cross_attention_dim is None or _is_width(module.cross_attention_dim)
        ):
            raise _wrong(path, f"gives {module.name} widths that are no positive numbers")
    return modules


def _is_width(value: object) -> bool:
    return type(value) is int and value > 0


def _expect_files(folder: Path) -> None:
    if not folder.is_dir():
        raise Unavailable(f"There is no folder {folder} with HyperLoRA's weights; {how_to_get(MODEL)}.")
    if (folder / VARIANT).is_dir():
        raise Unavailable(
            f"{folder} holds the variants of HyperLoRA; name one of them, such as {folder / VARIANT}, "
            "in STEADFACE_HYPERLORA."
        )
    for name in (MODULES, *(f"{part}.safetensors" for part in PARTS)):
        if not (folder / name).is_file():
            raise Unavailable(f"{name} is missing from HyperLoRA's folder {folder}; {how_to_get(MODEL)}.")


def _expect_this_kind(
    folder: Path, modules: Sequence[AttentionModule], found: Mapping[str, Shapes], config: HyperLoraConfig
) -> None:
    """The mistakes that people make, each in its own words; whatever else differs is told by its shape."""
    resampler, bases = found["resampler"], found["hyper_lora_modules"]
    bases_file = folder / "hyper_lora_modules.safetensors"
    if (folder / "base_resampler.safetensors").exists() or any(".base_" in key for key in bases):
        raise _wrong(folder, "holds a Base-LoRA, which belongs to training and which the published weights do not have")
    if "proj_in_2.weight" not in resampler:
        raise _wrong(
            folder / "resampler.safetensors",
            "reads one condition alone, and the published network reads two, the picture and the face",
        )
    if len(modules) != config.modules:
        raise _wrong(folder / MODULES, f"names {len(modules)} attention modules instead of {config.modules}")
    numbers = {int(key.split(".")[0]) for key in bases if key.split(".")[0].isdigit()}
    if numbers != set(range(len(modules))):
        raise _wrong(bases_file, f"has the bases of {len(numbers)} modules, and {MODULES} names {len(modules)}")
    rows = resampler.get("latents", (0, 0))[1]
    if rows != TOKENS * len(modules):
        raise _wrong(
            folder / "resampler.safetensors",
            f"has {rows} latents instead of {TOKENS * len(modules)}, {TOKENS} for each module of {MODULES}",
        )
    basis, _, rank = bases.get("0.to_q.id_down_basis", (0, 0, 0))
    projected = found["id_projector"].get("0.weight", (0, 0))[0]
    sizes = (basis, rank, projected // config.dim)
    if sizes != (config.basis, config.rank, config.face_tokens):
        raise _wrong(
            folder,
            "was made with {} basis matrices, rank {} and {} face tokens".format(*sizes)
            + f", not {config.basis}, {config.rank} and {config.face_tokens}",
        )


def _expect_shapes(path: Path, found: Shapes, expected: Shapes) -> None:
    for name in expected:
        if name not in found:
            raise _wrong(path, f"has no tensor {name}")
        if found[name] != expected[name]:
            raise _wrong(path, f"has {name} of shape {list(found[name])} instead of {list(expected[name])}")
    for name in found:
        if name not in expected:
            raise _wrong(path, f"has a tensor {name} that does not belong there")


def _expected(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor by name, from the head of the file."""
    try:
        with safe_open(path, framework="pt") as file:
            heads = list(_heads(file))
    except SafetensorError as error:
        raise _wrong(path, "is cut off or is no safetensors file") from error
    precisions = {precision for _, _, precision in heads}
    if len(precisions) != 1 or not precisions <= _PRECISIONS:
        raise _wrong(path, f"holds numbers as {', '.join(sorted(precisions))}, not all as one of F16, BF16 and F32")
    return {name: shape for name, shape, _ in heads}


def _heads(file: Any) -> Iterator[tuple[str, tuple[int, ...], str]]:  # noqa: ANN401 - has no types of its own
    for name in file.keys():  # noqa: SIM118 - it is no mapping
        head = file.get_slice(name)
        yield name, tuple(head.get_shape()), head.get_dtype()


def _wrong(where: Path, what: str) -> Unavailable:
    return Unavailable(f"{where} {what}; {how_to_get(MODEL)}.")
