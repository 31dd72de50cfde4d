"""Wan models of a hundred thousand random weights each, in the layouts of the published checkpoints."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLWan,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
    WanVACEPipeline,
    WanVACETransformer3DModel,
)
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModel,
    T5TokenizerFast,
    UMT5Config,
    UMT5EncoderModel,
)

SIZES = {
    "patch_size": (1, 2, 2),
    "num_attention_heads": 2,
    "attention_head_dim": 12,
    "text_dim": 32,
    "freq_dim": 256,
    "ffn_dim": 32,
    "num_layers": 3,
    "cross_attn_norm": True,
    "qk_norm": "rms_norm_across_heads",
    "rope_max_seq_len": 32,
}


def save_tiny_wan(folder: Path) -> Path:
    """VACE; a shard of 100 kB each, so that ``tools.video.checkpoint`` loads it as it would a real one."""
    torch.manual_seed(0)
    transformer = WanVACETransformer3DModel(
        **SIZES, in_channels=16, out_channels=16, vace_layers=[0, 2], vace_in_channels=96
    )
    _strengthen(transformer)
    _strengthen(transformer, "vace_blocks")
    WanVACEPipeline(**_shared_parts(), vae=_vae(), transformer=transformer).save_pretrained(
        folder, max_shard_size="100KB"
    )
    return folder


def save_tiny_wan_2_1(folder: Path) -> Path:
    """Image to video, with CLIP."""
    torch.manual_seed(1)
    sight = CLIPVisionConfig(
        hidden_size=8, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8
    )
    WanImageToVideoPipeline(
        **_shared_parts(),
        vae=_vae(),
        transformer=_i2v_transformer(36, 16, image_dim=8, added_kv_proj_dim=24),
        image_encoder=CLIPVisionModel(sight),
        image_processor=CLIPImageProcessor(crop_size=32, size=32),
    ).save_pretrained(folder)
    return folder


def save_tiny_wan_2_2(folder: Path) -> Path:
    """Image to video, with a transformer for high noise and one for low."""
    torch.manual_seed(2)
    WanImageToVideoPipeline(
        **_shared_parts(),
        vae=_vae(),
        transformer=_i2v_transformer(36, 16),
        transformer_2=_i2v_transformer(36, 16),
        boundary_ratio=0.9,
    ).save_pretrained(folder)
    return folder


def save_tiny_wan_5b(folder: Path) -> Path:
    """Image to video that keeps the latents of the first frame; 32 pixels a token. Published as a ``WanPipeline``."""
    torch.manual_seed(3)
    vae = AutoencoderKLWan(
        base_dim=3,
        z_dim=48,
        in_channels=12,
        out_channels=12,
        is_residual=True,
        patch_size=2,
        latents_mean=[0.0] * 48,
        latents_std=[1.0] * 48,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        scale_factor_spatial=16,
        scale_factor_temporal=4,
        temperal_downsample=[False, True, True],
    )
    WanPipeline(
        **_shared_parts(), vae=vae, transformer=_i2v_transformer(48, 48), expand_timesteps=True
    ).save_pretrained(folder)
    return folder


def _shared_parts() -> dict[str, Any]:
    tokenizer = _tokenizer()
    return {
        "tokenizer": tokenizer,
        "text_encoder": UMT5EncoderModel(_text_config(len(tokenizer))),
        "scheduler": UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, num_train_timesteps=1000, flow_shift=3.0
        ),
    }


def _vae() -> AutoencoderKLWan:
    return AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )


def _i2v_transformer(channels_in: int, channels_out: int, **more: Any) -> WanTransformer3DModel:
    transformer = WanTransformer3DModel(**SIZES, in_channels=channels_in, out_channels=channels_out, **more)
    _strengthen(transformer)
    return transformer


@torch.no_grad()
def _strengthen(transformer: Any, blocks: str = "blocks") -> None:
    """So that the parts of a clip see one another, and what is given moves all of it by more than a rounding."""
    for block in getattr(transformer, blocks):
        block.attn1.to_v.weight *= 10
        block.attn1.norm_q.weight *= 4
        block.attn1.norm_k.weight *= 4


def _text_config(words: int) -> UMT5Config:
    return UMT5Config(
        vocab_size=words,
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        decoder_start_token_id=0,
        tie_word_embeddings=False,
    )


def _tokenizer() -> T5TokenizerFast:
    """Every letter is a token."""
    words = ["<pad>", "</s>", "<unk>", "▁", *string.ascii_lowercase, *string.punctuation]
    return T5TokenizerFast(vocab=[(word, -float(place)) for place, word in enumerate(words)], extra_ids=0)
