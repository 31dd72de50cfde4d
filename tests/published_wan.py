"""The VACE pipelines in their published sizes, on the meta device: shapes without weights."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKLWan, WanVACETransformer3DModel
from transformers import UMT5Config, UMT5EncoderModel

from tools.video.vace_pipeline import VacePipeline


def published_vace() -> dict[str, VacePipeline]:
    """By ``14b`` and ``1.3b``; the VAE in ``float32``, the others in ``bfloat16``, as they are loaded."""
    small = {"num_attention_heads": 12, "ffn_dim": 8960, "num_layers": 30, "vace_layers": list(range(0, 30, 2))}
    text = UMT5Config(vocab_size=256384, d_model=4096, d_ff=10240, num_layers=24, num_heads=64)
    with torch.device("meta"):
        return {
            name: VacePipeline(
                tokenizer=None,
                text_encoder=UMT5EncoderModel(text).to(torch.bfloat16),
                vae=AutoencoderKLWan(),
                scheduler=None,
                transformer=WanVACETransformer3DModel(text_dim=4096, **sizes).to(torch.bfloat16),
            )
            for name, sizes in (("14b", {}), ("1.3b", small))
        }
