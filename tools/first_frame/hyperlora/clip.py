"""How HyperLoRA sees a picture: the hidden states of CLIP ViT-L/14 before its last layer."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
from PIL import Image
from transformers import CLIPImageProcessorPil, CLIPVisionModelWithProjection

from tools.errors import Unavailable

DEFAULT_CHECKPOINT = "openai/clip-vit-large-patch14"


class PictureEncoder:
    def __init__(self, checkpoint: str) -> None:
        """``checkpoint`` is a Hub id or a folder; ``Unavailable`` where it is not on this machine."""
        try:
            self._processor = CLIPImageProcessorPil.from_pretrained(checkpoint, local_files_only=True)
            self._model = CLIPVisionModelWithProjection.from_pretrained(
                checkpoint, local_files_only=True, dtype=torch.float32
            )
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"HyperLoRA's picture encoder {checkpoint} is not on this machine; get it with: "
                f"hf download {DEFAULT_CHECKPOINT} (licence: MIT), or name another folder in STEADFACE_CLIP."
            ) from error

    @torch.no_grad()
    def encode(self, pictures: Sequence[Image.Image]) -> torch.Tensor:
        """Shape (pictures, tokens, width); the first token is the one that stands for the whole picture."""
        pixels = self._processor(images=list(pictures), return_tensors="pt")["pixel_values"]
        states: torch.Tensor = self._model(pixel_values=pixels, output_hidden_states=True).hidden_states[-2]
        return states


def default_encoder() -> PictureEncoder:
    return PictureEncoder(os.environ.get("STEADFACE_CLIP") or DEFAULT_CHECKPOINT)
