"""HyperLoRA's network: from two looks at a face to the matrices of a LoRA.

Names of parameters are those of the published files, so that they load as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers.models.attention import FeedForward
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from tools.first_frame.hyperlora.config import LAYERS, TOKENS, AttentionModule, HyperLoraConfig


def id_projector(config: HyperLoraConfig) -> nn.Sequential:
    """From face embeddings of length 1, shape (photos, face_dim), to (photos, face_tokens, dim)."""
    return nn.Sequential(
        nn.Linear(config.face_dim, config.face_tokens * config.dim),
        nn.Unflatten(1, (config.face_tokens, config.dim)),
        nn.LayerNorm(config.dim),
    )


class Block(nn.Module):
    """Learned queries look at each other, at the face's tokens, at the picture's, then each at itself."""

    def __init__(self, config: HyperLoraConfig) -> None:
        super().__init__()
        self.norm_attn1 = nn.LayerNorm(config.dim)
        self.attn1 = _attention(config)
        self.norm_attn2_l = nn.LayerNorm(config.dim)
        self.norm_attn2_x = nn.LayerNorm(config.dim)
        self.attn2 = _attention(config)
        self.norm_attn3_l = nn.LayerNorm(config.dim)
        self.norm_attn3_y = nn.LayerNorm(config.dim)
        self.attn3 = _attention(config)
        self.norm_ff = nn.LayerNorm(config.dim)
        self.ff = FeedForward(config.dim, mult=config.widening, activation_fn="gelu")

    def forward(self, latents: Tensor, face: Tensor, picture: Tensor) -> Tensor:
        latents = latents + self.attn1(self.norm_attn1(latents))
        latents = latents + self.attn2(self.norm_attn2_l(latents), self.norm_attn2_x(face))
        latents = latents + self.attn3(self.norm_attn3_l(latents), self.norm_attn3_y(picture))
        widened: Tensor = self.ff(self.norm_ff(latents))
        return latents + widened


class Resampler(nn.Module):
    """Learned queries, one for each matrix to write, that gather what the conditions say of the person."""

    def __init__(self, config: HyperLoraConfig) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.empty(1, config.modules * TOKENS, config.dim))
        self.proj_in = nn.Linear(config.dim, config.dim)
        self.proj_in_2 = nn.Linear(config.dim, config.dim)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.proj_out = nn.Linear(config.dim, config.basis)

    def forward(self, face: Tensor, picture: Tensor) -> Tensor:
        """Coefficients of the bases, shape (modules * 8, basis), each of length 1.

        ``face`` is (photos, face_tokens, dim), ``picture`` (photos, its tokens, dim). Photos are averaged before the
        lengths are made 1, so that where they disagree counts for less.
        """
        face, picture = self.proj_in(face), self.proj_in_2(picture)
        latents = self.latents.expand(len(face), -1, -1)
        for layer in self.layers:
            latents = layer(latents, face, picture)
        coefficients: Tensor = self.proj_out(latents).mean(dim=0)
        return coefficients / (coefficients.square().sum(dim=-1, keepdim=True) + 1e-8).sqrt()


class LayerBases(nn.Module):
    """What the two LoRA matrices of one layer are mixtures of; both are stored transposed."""

    def __init__(self, width_in: int, width_out: int, config: HyperLoraConfig) -> None:
        super().__init__()
        self.id_down_basis = nn.Parameter(torch.empty(config.basis, width_in, config.rank))
        self.id_up_basis = nn.Parameter(torch.empty(config.basis, config.rank, width_out))

    def forward(self, down: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
        """``lora_down`` (rank, in) and ``lora_up`` (out, rank), in the precision of the coefficients (basis,)."""
        return _mixture(down, self.id_down_basis), _mixture(up, self.id_up_basis)


class HyperLora(nn.Module):
    """The whole network. The bases keep the precision of their file, since they are nearly all of it."""

    def __init__(self, modules: Sequence[AttentionModule], config: HyperLoraConfig) -> None:
        super().__init__()
        self.written_for = tuple(modules)
        self.config = config
        self.id_projector = id_projector(config)
        self.resampler = Resampler(config)
        self.hyper_lora_modules = nn.ModuleList(_module_bases(module, config) for module in modules)

    @torch.no_grad()
    def forward(self, faces: Tensor, pictures: Tensor) -> dict[str, Tensor]:
        """The LoRA of the person on the photos, in kohya's keys.

        ``faces`` are ArcFace embeddings of length 1, (photos, face_dim); ``pictures`` hidden states of the picture
        encoder, (photos, tokens, dim). Matrices have the precision of the bases. ``alpha`` is half the rank: what is
        written counts half.
        """
        tokens = self.resampler(self.id_projector(faces), pictures).unflatten(0, (-1, len(LAYERS), 2))
        lora = {}
        for module, bases, coefficients in zip(self.written_for, self.hyper_lora_modules, tokens, strict=True):
            assert isinstance(bases, nn.ModuleDict)
            for layer, (down, up) in zip(LAYERS, coefficients, strict=True):
                stored = bases[layer]
                matrices = stored(down, up)
                key = f"{module.name}_{'to_out_0' if layer == 'to_out' else layer}"
                lora[f"{key}.alpha"] = torch.tensor(0.5 * self.config.rank)
                for side, matrix in zip(("lora_down", "lora_up"), matrices, strict=True):
                    lora[f"{key}.{side}.weight"] = matrix.to(stored.id_down_basis.dtype).contiguous()
        return lora


def _attention(config: HyperLoraConfig) -> Attention:
    return Attention(
        query_dim=config.dim,
        cross_attention_dim=config.dim,
        heads=config.heads,
        dim_head=config.head_dim,
        bias=False,
        out_bias=False,
    )


def _module_bases(module: AttentionModule, config: HyperLoraConfig) -> nn.ModuleDict:
    return nn.ModuleDict({layer: LayerBases(module.width_in(layer), module.hidden_size, config) for layer in LAYERS})


def _mixture(coefficients: Tensor, basis: Tensor) -> Tensor:
    return (coefficients @ basis.flatten(1).to(coefficients.dtype)).view(basis.shape[1:]).T
