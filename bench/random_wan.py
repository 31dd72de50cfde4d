"""Wan VACE with random weights, saved as the published models are, a LoRA for it, and the work of one of its calls."""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanVACEPipeline, WanVACETransformer3DModel
from safetensors.torch import save_file
from transformers import T5TokenizerFast, UMT5Config, UMT5EncoderModel

from tools.contracts import KEYFRAME_GROUP, ClipSpec

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

PIXELS = 16
"""Of a frame, for a token, on each axis."""

WORDS = 512
"""Tokens of a prompt, always, as padding counts."""

RANK = 64
"""Of the published distilled LoRA."""


def save_wan(folder: Path, size: str, device: torch.device, precision: torch.dtype) -> None:
    """Weights as each class draws them, on the device; the VAE in ``float32``. The seed is always the same."""
    torch.manual_seed(0)
    shape = SHAPES[size]
    with device:
        vae = AutoencoderKLWan(**shape["vae"])
        torch.set_default_dtype(precision)
        text_encoder = UMT5EncoderModel(UMT5Config(**shape["text"]))
        transformer = WanVACETransformer3DModel(**shape["transformer"])
        torch.set_default_dtype(torch.float32)
    words = ["<pad>", "</s>", "<unk>", "▁", *string.ascii_lowercase]
    WanVACEPipeline(
        tokenizer=T5TokenizerFast(vocab=[(word, -float(place)) for place, word in enumerate(words)], extra_ids=0),
        text_encoder=text_encoder,
        vae=vae,
        transformer=transformer,
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0),
    ).save_pretrained(folder)
    lora = folder / "distilled"
    lora.mkdir()
    save_file(lora_for(transformer, RANK if size != "tiny" else 4), lora / "lora.safetensors")


def lora_for(transformer: torch.nn.Module, rank: int) -> dict[str, torch.Tensor]:
    """On every linear layer of the main blocks, as the distilled one."""
    weights = {}
    for name, layer in transformer.named_modules():
        if name.startswith("blocks.") and isinstance(layer, torch.nn.Linear):
            for half, shape in (("A", (rank, layer.in_features)), ("B", (layer.out_features, rank))):
                weights[f"transformer.{name}.lora_{half}.weight"] = 0.02 * torch.randn(shape, dtype=layer.weight.dtype)
    return weights


def operations(folder: Path, clip: ClipSpec) -> float:
    """Of one call of the transformer saved there: two for every multiplication and addition; checked against torch's
    counter elsewhere."""
    config: Mapping[str, Any] = json.loads((folder / "transformer" / "config.json").read_text())
    latents = (clip.frames - 1) // KEYFRAME_GROUP + 1
    tokens = latents * -(-clip.size.height // PIXELS) * -(-clip.size.width // PIXELS)
    width, hints = config["num_attention_heads"] * config["attention_head_dim"], len(config["vace_layers"])
    block = (
        2 * tokens * (6 * width**2 + 2 * width * config["ffn_dim"])
        + 4 * WORDS * width**2
        + 4 * tokens**2 * width
        + 4 * tokens * width * WORDS
    )
    return float((config["num_layers"] + hints) * block + (hints + 1) * 2 * tokens * width**2)
