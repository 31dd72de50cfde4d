"""Clips in four steps without guidance, by a LoRA that was distilled for them (lightx2v's for Wan 2.1 14B).

It was trained on four noise levels, and on no others: 1, 3/4, 1/2 and 1/4, shifted by 5. Between them the model's guess
of the clean clip is noised again, as latent consistency models do. Motion is calmer with it, users report.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import FlowMatchLCMScheduler
from safetensors import SafetensorError

from tools.errors import Unavailable
from tools.models.catalog import catalog
from tools.models.place import folder_of, how_to_get

STEPS, GUIDANCE, SHIFT = 4, 1.0, 5.0

_LEVELS = [1.0, 0.75, 0.5, 0.25]
_ADAPTER = "distilled"


class DistilledScheduler(FlowMatchLCMScheduler):  # type: ignore[misc]
    """The four steps, at timesteps 1000, 937.5, 833.3 and 625; the noise between them comes from the seed too."""

    def __init__(self, seed: int) -> None:
        super().__init__(shift=SHIFT)
        self._noise = torch.Generator().manual_seed(seed)

    def set_timesteps(self, _steps: int, device: torch.device | None = None, **_: object) -> None:
        super().set_timesteps(sigmas=_LEVELS, device=device)

    def step(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - what diffusers passes on
        return super().step(*arguments, generator=self._noise, **named)


def lora_file(name: str) -> Path:
    """The one file of weights of a LoRA of the catalog; ``Unavailable`` where it is not here."""
    pattern = catalog()[name].files[0]
    files = sorted(folder_of(name).glob(pattern)) or sorted(folder_of(name).glob("*.safetensors"))
    if not files:
        raise Unavailable(f"{catalog()[name].title} is not whole: {folder_of(name)} is empty; {how_to_get(name)}.")
    return files[0]


def wear(pipe: Any, name: str, strength: float) -> None:  # noqa: ANN401 - a pipeline of diffusers
    """Put the LoRA on, read at its first use; ``Unavailable`` where it is not made for this model."""
    if _ADAPTER not in pipe.get_list_adapters().get("transformer", ()):
        _load(pipe, name)
    pipe.enable_lora()
    pipe.set_adapters([_ADAPTER], [strength])


def take_off(pipe: Any) -> None:  # noqa: ANN401
    """Leave the model as it is without the LoRA, to the bit."""
    if _ADAPTER in pipe.get_list_adapters().get("transformer", ()):
        pipe.disable_lora()


def _load(pipe: Any, name: str) -> None:  # noqa: ANN401
    file = lora_file(name)
    try:
        weights = pipe.lora_state_dict(str(file.parent), weight_name=file.name, local_files_only=True)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise _unfit(name, file, "cannot be read as a LoRA of Wan") from error
    modules = dict(pipe.transformer.named_modules())
    strange = next((key for key, matrix in weights.items() if not _fits(key, matrix, modules)), None)
    if strange is not None:
        raise _unfit(name, file, f"is made for another model ({strange})")
    pipe.load_lora_weights(weights, adapter_name=_ADAPTER)


def _fits(key: str, matrix: torch.Tensor, modules: Mapping[str, torch.nn.Module]) -> bool:
    """Whether there is a layer for one half of a LoRA, with as many inputs or outputs."""
    name, _, half = key.removeprefix("transformer.").partition(".lora_")
    weight = getattr(modules.get(name), "weight", None)
    if weight is None:
        return False
    return bool(matrix.shape[-1] == weight.shape[1] if half.startswith("A") else matrix.shape[0] == weight.shape[0])


def _unfit(name: str, file: Path, what: str) -> Unavailable:
    return Unavailable(f"The LoRA {file} {what}; {how_to_get(name)}, or set the option distilled to false.")
