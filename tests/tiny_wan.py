"""A Wan VACE of a hundred thousand random weights, in the layout of the published checkpoints."""

from __future__ import annotations

import string
from pathlib import Path

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanVACEPipeline, WanVACETransformer3DModel
from transformers import T5TokenizerFast, UMT5Config, UMT5EncoderModel


def save_tiny_wan(folder: Path) -> Path:
    """Save it, so that ``tools.video.checkpoint`` loads it as it would a real one; a shard of 100 kB each."""
    torch.manual_seed(0)
    tokenizer = _tokenizer()
    WanVACEPipeline(
        tokenizer=tokenizer,
        text_encoder=UMT5EncoderModel(_text_config(len(tokenizer))),
        vae=AutoencoderKLWan(
            base_dim=3,
            z_dim=16,
            dim_mult=[1, 1, 1, 1],
            num_res_blocks=1,
            temperal_downsample=[False, True, True],
        ),
        transformer=_transformer(),
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, num_train_timesteps=1000, flow_shift=3.0
        ),
    ).save_pretrained(folder, max_shard_size="100KB")
    return folder


def _transformer() -> WanVACETransformer3DModel:
    transformer = WanVACETransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=16,
        out_channels=16,
        text_dim=32,
        freq_dim=256,
        ffn_dim=32,
        num_layers=3,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
        vace_layers=[0, 2],
        vace_in_channels=96,
    )
    # So that the parts of a clip see one another, and what is given moves all of it by more than a rounding.
    with torch.no_grad():
        for block in (*transformer.blocks, *transformer.vace_blocks):
            block.attn1.to_v.weight *= 10
            block.attn1.norm_q.weight *= 4
            block.attn1.norm_k.weight *= 4
    return transformer


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
