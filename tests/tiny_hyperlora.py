"""A HyperLoRA of a few thousand random weights for ``tiny_sdxl``, as published but for its sizes, and a CLIP."""

from __future__ import annotations

import json
import random
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModelWithProjection

from tools.first_frame.hyperlora.config import HyperLoraConfig

TINY = HyperLoraConfig(
    modules=34, dim=16, depth=2, heads=3, head_dim=4, widening=2, face_dim=6, face_tokens=3, basis=5, rank=2
)

_BLOCKS = {
    "down_blocks_1_attentions_0": ("input_blocks_4_1", 16, 1),
    "down_blocks_1_attentions_1": ("input_blocks_5_1", 16, 1),
    "down_blocks_2_attentions_0": ("input_blocks_7_1", 32, 2),
    "down_blocks_2_attentions_1": ("input_blocks_8_1", 32, 2),
    "mid_block_attentions_0": ("middle_block_1", 32, 2),
    "up_blocks_0_attentions_0": ("output_blocks_0_1", 32, 2),
    "up_blocks_0_attentions_1": ("output_blocks_1_1", 32, 2),
    "up_blocks_0_attentions_2": ("output_blocks_2_1", 32, 2),
    "up_blocks_1_attentions_0": ("output_blocks_3_1", 16, 1),
    "up_blocks_1_attentions_1": ("output_blocks_4_1", 16, 1),
    "up_blocks_1_attentions_2": ("output_blocks_5_1", 16, 1),
}
"""Where the tiny UNet has attention: diffusers' name, the original code's, width, transformer blocks."""


def module_list(original_names: bool = False) -> dict[str, dict[str, int | None]]:
    """``hyper_lora_modules.json``, in an order that is neither the UNet's nor the alphabet's."""
    modules = [
        (f"lora_unet_{original if original_names else ours}_transformer_blocks_{block}_attn{kind}", width, context)
        for ours, (original, width, blocks) in _BLOCKS.items()
        for block in range(blocks)
        for kind, context in ((1, None), (2, 32))
    ]
    random.Random(7).shuffle(modules)
    return {name: {"hidden_size": width, "cross_attention_dim": context} for name, width, context in modules}


def save_tiny_hyperlora(
    folder: Path, original_names: bool = False, dtype: torch.dtype = torch.float32, sizes: HyperLoraConfig = TINY
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    modules = module_list(original_names)
    (folder / "hyper_lora_modules.json").write_text(json.dumps(modules))
    (folder / "hyper_lora_config.json").write_text(json.dumps(asdict(sizes)))
    random_numbers = torch.Generator().manual_seed(1)
    for part, shapes in _shapes(modules, sizes).items():
        tensors = {name: torch.randn(shape, generator=random_numbers) * 0.3 for name, shape in shapes.items()}
        save_file({name: tensor.to(dtype) for name, tensor in tensors.items()}, folder / f"{part}.safetensors")
    return folder


def _shapes(modules: dict[str, dict[str, int | None]], t: HyperLoraConfig) -> dict[str, dict[str, tuple[int, ...]]]:
    """The published keys, with the tiny sizes."""
    inner, wide = t.heads * t.head_dim, t.widening * t.dim
    resampler: dict[str, tuple[int, ...]] = {"latents": (1, 8 * len(modules), t.dim)}
    for name, rows in (("proj_in", t.dim), ("proj_in_2", t.dim), ("proj_out", t.basis)):
        resampler |= {f"{name}.weight": (rows, t.dim), f"{name}.bias": (rows,)}
    for layer in (f"layers.{n}" for n in range(t.depth)):
        for norm in ("attn1", "attn2_l", "attn2_x", "attn3_l", "attn3_y", "ff"):
            resampler |= {f"{layer}.norm_{norm}.weight": (t.dim,), f"{layer}.norm_{norm}.bias": (t.dim,)}
        for attention in ("attn1", "attn2", "attn3"):
            resampler |= {f"{layer}.{attention}.to_{what}.weight": (inner, t.dim) for what in "qkv"}
            resampler[f"{layer}.{attention}.to_out.0.weight"] = (t.dim, inner)
        resampler |= {f"{layer}.ff.net.0.proj.weight": (wide, t.dim), f"{layer}.ff.net.0.proj.bias": (wide,)}
        resampler |= {f"{layer}.ff.net.2.weight": (t.dim, wide), f"{layer}.ff.net.2.bias": (t.dim,)}
    bases: dict[str, tuple[int, ...]] = {}
    for number, module in enumerate(modules.values()):
        width = module["hidden_size"] or 0
        for layer in ("to_q", "to_k", "to_v", "to_out"):
            reads = module["cross_attention_dim"] or width if layer in ("to_k", "to_v") else width
            bases[f"{number}.{layer}.id_down_basis"] = (t.basis, reads, t.rank)
            bases[f"{number}.{layer}.id_up_basis"] = (t.basis, t.rank, width)
    rows = t.face_tokens * t.dim
    projector = {"0.weight": (rows, t.face_dim), "0.bias": (rows,), "2.weight": (t.dim,), "2.bias": (t.dim,)}
    return {"resampler": resampler, "hyper_lora_modules": bases, "id_projector": projector}


def save_tiny_clip(folder: Path) -> Path:
    """A picture encoder of ``TINY.dim``, which sees 28x28 pixels in four patches."""
    torch.manual_seed(2)
    config = CLIPVisionConfig(
        hidden_size=TINY.dim,
        intermediate_size=24,
        projection_dim=8,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
    )
    CLIPVisionModelWithProjection(config).save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}).save_pretrained(folder)
    return folder
