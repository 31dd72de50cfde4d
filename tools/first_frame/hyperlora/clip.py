"""How HyperLoRA sees a picture: the hidden states of CLIP ViT-L/14 before its last layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from transformers import CLIPImageProcessorPil, CLIPVisionModelWithProjection

from tools.errors import Unavailable
from tools.models.place import how_to_get

MODEL = "clip"


class PictureEncoder:
    def __init__(self, folder: Path) -> None:
        """``Unavailable`` where the folder holds no such model."""
        try:
            self._processor = CLIPImageProcessorPil.from_pretrained(folder, local_files_only=True)
            self._model = CLIPVisionModelWithProjection.from_pretrained(
                folder, local_files_only=True, dtype=torch.float32
            )
        except (OSError, ValueError) as error:
            raise Unavailable(f"HyperLoRA's picture encoder in {folder} is not whole; {how_to_get(MODEL)}.") from error

    @torch.no_grad()
    def encode(self, pictures: Sequence[Image.Image]) -> torch.Tensor:
        """Shape (pictures, tokens, width); the first token is the one that stands for the whole picture."""
        pixels = self._processor(images=list(pictures), return_tensors="pt")["pixel_values"]
        states: torch.Tensor = self._model(pixel_values=pixels, output_hidden_states=True).hidden_states[-2]
        return states
