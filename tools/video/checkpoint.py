"""Wan VACE in the layout of the published checkpoints: found whole, loaded once a worker, placed on its device.

``STEADFACE_WAN_OFFLOAD`` says what waits in the computer's memory while it is not needed: ``none``; ``model``, whole
models that take turns; ``blocks``, every block of the transformer too. Unset, the least that the GPU can do with.
``STEADFACE_WAN_PRECISION`` is that of transformer and text encoder: ``bfloat16``, or ``float32``, which a CPU has
unless told otherwise. The VAE is always in ``float32``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Literal, get_args

import torch
from diffusers import WanVACETransformer3DModel
from diffusers.hooks import apply_group_offloading
from safetensors import SafetensorError

from tools.errors import InputError, Unavailable
from tools.models.catalog import catalog
from tools.models.place import folder_of, how_to_get
from tools.sdxl import best_device
from tools.video.vace_pipeline import VacePipeline

Offload = Literal["none", "model", "blocks"]

PRECISIONS = {"bfloat16": torch.bfloat16, "float32": torch.float32}

_FILES = (
    "model_index.json",
    "scheduler/scheduler_config.json",
    "tokenizer/tokenizer_config.json",
    *(f"{part}/{file}" for part in ("text_encoder", "transformer", "vae") for file in ("config.json", "*.safetensors")),
)

_TOKENS = 75_600
"""Of a clip of 1280x720 and 81 frames, the largest that the model was trained on."""

_STATES = 20
"""How many tensors as large as the hidden states are alive at once beside the hints: an estimate, not measured."""

_loading = Lock()


@dataclass(frozen=True)
class Vace:
    """A loaded pipeline; whoever holds ``lock`` may use it."""

    pipe: VacePipeline
    device: torch.device
    lock: Lock = field(default_factory=Lock)


def whole_folder(model: str) -> Path:
    """Where a model of the catalog lies; ``Unavailable`` where it does not, or a file is missing. Loads nothing."""
    folder = folder_of(model)
    try:
        missing = next(_missing(folder), None)
    except (ValueError, KeyError) as error:
        raise _broken(model, folder, "has an index that cannot be read") from error
    if missing is not None:
        raise _broken(model, folder, f"holds no {missing}")
    return folder


def shared(model: str) -> Vace:
    """The one of this process, loaded at its first use."""
    with _loading:
        return _loaded(model, whole_folder(model))


@cache
def _loaded(model: str, folder: Path) -> Vace:
    device = best_device()
    try:
        pipe = VacePipeline.from_pretrained(
            folder,
            dtype={"vae": torch.float32, "default": best_precision(device)},
            use_safetensors=True,
            local_files_only=True,
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise _broken(model, folder, "cannot be read") from error
    pipe.set_progress_bar_config(disable=True)
    _place(pipe, device)
    return Vace(pipe, device)


def best_precision(device: torch.device) -> torch.dtype:
    named = _chosen("STEADFACE_WAN_PRECISION", tuple(PRECISIONS))
    return PRECISIONS[named] if named else torch.float32 if device.type == "cpu" else torch.bfloat16


def best_offload(pipe: VacePipeline, memory: int) -> Offload:
    """The least that a GPU with ``memory`` bytes can do with, for the largest clip."""
    sizes = {name: _bytes(pipe.components[name]) for name in ("text_encoder", "transformer", "vae")}
    room = _activations(pipe.transformer)
    if sum(sizes.values()) + room <= memory:
        return "none"
    return "model" if max(sizes["text_encoder"], sizes["transformer"] + room) <= memory else "blocks"


def _place(pipe: VacePipeline, device: torch.device) -> None:
    named = _chosen("STEADFACE_WAN_OFFLOAD", get_args(Offload))
    if device.type != "cuda":
        pipe.to(device)
        return
    match named or best_offload(pipe, torch.cuda.get_device_properties(device).total_memory):
        case "none":
            pipe.to(device)
        case "model":
            pipe.enable_model_cpu_offload(device=device)
        case "blocks":
            apply_group_offloading(pipe.text_encoder, device, offload_type="block_level", num_blocks_per_group=1)
            apply_group_offloading(pipe.transformer, device, offload_type="leaf_level", use_stream=True)
            pipe.vae.to(device)


def _missing(folder: Path) -> Iterator[str]:
    """What the layout asks for and the folder lacks."""
    yield from (pattern for pattern in _FILES if not any(folder.glob(pattern)))
    parts = json.loads((folder / "model_index.json").read_text())
    if parts["transformer"][1] != WanVACETransformer3DModel.__name__:
        yield "VACE transformer"
    for table in folder.glob("*/*.safetensors.index.json"):
        shards = sorted(set(json.loads(table.read_text())["weight_map"].values()))
        yield from (f"{table.parent.name}/{shard}" for shard in shards if not (table.parent / shard).is_file())


def _broken(model: str, folder: Path, what: str) -> Unavailable:
    return Unavailable(f"{catalog()[model].title} is not whole: {folder} {what}; {how_to_get(model)}.")


def _chosen(variable: str, choices: Sequence[str]) -> str | None:
    named = os.environ.get(variable) or None
    if named is not None and named not in choices:
        raise InputError(f"{variable} cannot be {named!r}; choose one of: {', '.join(choices)}.")
    return named


def _bytes(model: torch.nn.Module) -> int:
    return sum(weights.numel() * weights.element_size() for weights in model.parameters())


def _activations(transformer: WanVACETransformer3DModel) -> int:
    """Bytes beside the weights: the hidden states of the largest clip, the hint of every VACE layer, and some more."""
    config = transformer.config
    width = config.num_attention_heads * config.attention_head_dim
    return int(_TOKENS * width * transformer.dtype.itemsize * (len(config.vace_layers) + _STATES))
