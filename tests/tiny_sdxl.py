"""A Stable Diffusion XL of a few thousand random weights, in the layout of the published checkpoints."""

from __future__ import annotations

import string
from pathlib import Path

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

_LETTERS = string.ascii_lowercase + string.digits + string.punctuation


def save_tiny_sdxl(folder: Path, vae_blocks: int = 2) -> Path:
    """Save it, so that ``tools.sdxl.load(folder, torch.device("cpu"))`` loads it as it would a real one.

    Sides of pictures are multiples of 2, and of 8 with four blocks of VAE, as the real one has. Attention is where the
    real one has it: in the second and third block down, the middle and the first two up.
    """
    torch.manual_seed(0)
    StableDiffusionXLPipeline(
        vae=_vae(vae_blocks),
        text_encoder=CLIPTextModel(_text_config()),
        text_encoder_2=CLIPTextModelWithProjection(_text_config()),
        tokenizer=_tokenizer("<|endoftext|>"),
        tokenizer_2=_tokenizer("!"),
        unet=_unet(),
        scheduler=EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"),
        add_watermarker=False,
    ).save_pretrained(folder)
    return folder


def _unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        block_out_channels=(8, 16, 32),
        layers_per_block=2,
        sample_size=32,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=4,
        transformer_layers_per_block=(1, 1, 2),
        projection_class_embeddings_input_dim=6 * 4 + 16,
        cross_attention_dim=32,
        norm_num_groups=4,
    )


def _vae(blocks: int) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8,) * blocks,
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=32,
        scaling_factor=0.13025,
    )


def _text_config() -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=2 * len(_LETTERS) + 2,
        hidden_size=16,
        intermediate_size=24,
        projection_dim=16,
        num_attention_heads=2,
        num_hidden_layers=3,
        max_position_embeddings=77,
        bos_token_id=2 * len(_LETTERS),
        eos_token_id=2 * len(_LETTERS) + 1,
        pad_token_id=2 * len(_LETTERS) + 1,
    )


def _tokenizer(padding: str) -> CLIPTokenizer:
    """Every letter is a token, as CLIP's own tokenizer has it before any merge."""
    words = [*_LETTERS, *(f"{letter}</w>" for letter in _LETTERS), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={word: number for number, word in enumerate(words)},
        merges=[],
        pad_token=padding,
        model_max_length=77,
    )
