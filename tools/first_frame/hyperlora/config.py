"""The sizes of HyperLoRA's network, and the attention modules of SDXL that it writes for."""

from __future__ import annotations

from dataclasses import dataclass

LAYERS = ("to_q", "to_k", "to_v", "to_out")
"""The layers of an attention module that get a LoRA, in the order of their tokens."""

TOKENS = 2 * len(LAYERS)
"""Tokens of one attention module: for each layer one that mixes its down basis, then one that mixes its up basis."""


@dataclass(frozen=True)
class HyperLoraConfig:
    """The published sizes. No published file holds them, and ``heads`` cannot be told from any shape."""

    modules: int = 140
    """Attention modules of SDXL's UNet, self and cross: two in each of its 70 transformer blocks."""
    dim: int = 1024
    """Width of the resampler; equal to the image encoder's."""
    depth: int = 4
    heads: int = 12
    head_dim: int = 64
    widening: int = 4
    """How much wider than ``dim`` the feed-forward layers are."""
    face_dim: int = 512
    """Length of the face recogniser's embedding."""
    face_tokens: int = 16
    """Tokens that the embedding becomes."""
    basis: int = 128
    """Matrices that each LoRA matrix is a mixture of."""
    rank: int = 8


@dataclass(frozen=True)
class AttentionModule:
    """One attention module of SDXL, as ``hyper_lora_modules.json`` has it: the prefix of its LoRA keys, its widths."""

    name: str
    hidden_size: int
    cross_attention_dim: int | None

    def width_in(self, layer: str) -> int:
        """What the layer reads: keys and values of cross-attention read the text."""
        return self.cross_attention_dim or self.hidden_size if layer in ("to_k", "to_v") else self.hidden_size
