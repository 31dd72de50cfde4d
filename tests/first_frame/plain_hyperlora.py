"""HyperLoRA's arithmetic written down again, straight from its description, on the tensors of its files."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from tools.first_frame.hyperlora.config import HyperLoraConfig

Tensors = dict[str, Tensor]


def plain_lora(folder: Path, faces: Tensor, pictures: Tensor, config: HyperLoraConfig) -> Tensors:
    """The LoRA that the folder's network writes, without ``alpha``."""
    parts = {path.stem: load_file(path) for path in folder.glob("*.safetensors")}
    names = list(json.loads((folder / "hyper_lora_modules.json").read_text()))
    tokens = _tokens(parts["resampler"], _projected(parts["id_projector"], faces, config), pictures, config)
    bases, lora, number = parts["hyper_lora_modules"], {}, iter(range(len(tokens)))
    for index, name in enumerate(names):
        for layer, spelled in (("to_q", "to_q"), ("to_k", "to_k"), ("to_v", "to_v"), ("to_out", "to_out_0")):
            for side in ("down", "up"):
                basis, coefficients = bases[f"{index}.{layer}.id_{side}_basis"], tokens[next(number)]
                mixed = sum(c * matrix for c, matrix in zip(coefficients, basis, strict=True))
                lora[f"{name}_{spelled}.lora_{side}.weight"] = torch.as_tensor(mixed).T
    return lora


def _projected(weights: Tensors, faces: Tensor, config: HyperLoraConfig) -> Tensor:
    rows = faces @ weights["0.weight"].T + weights["0.bias"]
    return _norm(rows.reshape(-1, config.face_tokens, config.dim), weights["2.weight"], weights["2.bias"])


def _tokens(weights: Tensors, x: Tensor, y: Tensor, config: HyperLoraConfig) -> Tensor:
    x = x @ weights["proj_in.weight"].T + weights["proj_in.bias"]
    y = y @ weights["proj_in_2.weight"].T + weights["proj_in_2.bias"]
    rows = []
    for one_x, one_y in zip(x, y, strict=True):
        latents = weights["latents"][0]
        for n in range(config.depth):
            layer = {key.removeprefix(f"layers.{n}."): value for key, value in weights.items() if f"layers.{n}." in key}

            def norm(name: str, values: Tensor, layer: Tensors = layer) -> Tensor:
                return _norm(values, layer[f"norm_{name}.weight"], layer[f"norm_{name}.bias"])

            own = norm("attn1", latents)
            latents = latents + _attention(layer, "attn1", own, own, config)
            latents = latents + _attention(layer, "attn2", norm("attn2_l", latents), norm("attn2_x", one_x), config)
            latents = latents + _attention(layer, "attn3", norm("attn3_l", latents), norm("attn3_y", one_y), config)
            wide = norm("ff", latents) @ layer["ff.net.0.proj.weight"].T + layer["ff.net.0.proj.bias"]
            wide = wide * 0.5 * (1 + torch.erf(wide / 2**0.5))
            latents = latents + wide @ layer["ff.net.2.weight"].T + layer["ff.net.2.bias"]
        rows.append(latents @ weights["proj_out.weight"].T + weights["proj_out.bias"])
    mean = sum(rows) / len(rows)
    assert isinstance(mean, Tensor)
    return mean / torch.sqrt((mean**2).sum(-1, keepdim=True) + 1e-8)


def _attention(layer: Tensors, name: str, queries: Tensor, others: Tensor, config: HyperLoraConfig) -> Tensor:
    q, k, v = (
        values @ layer[f"{name}.to_{what}.weight"].T for what, values in (("q", queries), ("k", others), ("v", others))
    )
    heads = []
    for head in range(config.heads):
        part = slice(head * config.head_dim, (head + 1) * config.head_dim)
        heads.append(F.softmax(q[:, part] @ k[:, part].T / config.head_dim**0.5, dim=-1) @ v[:, part])
    return torch.cat(heads, dim=-1) @ layer[f"{name}.to_out.0.weight"].T


def _norm(values: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    mean = values.mean(-1, keepdim=True)
    spread = ((values - mean) ** 2).mean(-1, keepdim=True)
    return (values - mean) / torch.sqrt(spread + 1e-5) * weight + bias
