"""Wan models in the layout of the published checkpoints: found whole, loaded once a worker, placed on their device.

``STEADFACE_WAN_OFFLOAD`` says what waits in the computer's memory while it is not needed: ``none``; ``model``, whole
models that take turns; ``blocks``, every block of the transformer too. Unset, the least that the GPU can do with.
``STEADFACE_WAN_PRECISION`` is that of transformer and text encoder: ``bfloat16``, or ``float32``, which a CPU has
unless told otherwise. VAE and image encoder are always in ``float32``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Literal, get_args

import torch
from diffusers.hooks import apply_group_offloading
from safetensors import SafetensorError

from tools.device import best_device
from tools.errors import InputError, Unavailable
from tools.models.catalog import catalog
from tools.models.place import folder_of, how_to_get
from tools.video.engine import Engine

Offload = Literal["none", "model", "blocks"]

PRECISIONS = {"bfloat16": torch.bfloat16, "float32": torch.float32}

_FULL_PRECISION = ("vae", "image_encoder")

_TOKENS = 75_600
"""Of a clip of 1280x720 and 81 frames, the largest that the models were trained on."""

_STATES = 20
"""How many tensors as large as the hidden states are alive at once beside VACE's hints: an estimate, not measured."""


@dataclass(frozen=True)
class Wan:
    """A loaded pipeline; whoever holds ``lock`` may use it. ``scheduler`` is the configuration that it came with."""

    pipe: Any
    device: torch.device
    scheduler: Mapping[str, Any]
    lock: Lock = field(default_factory=Lock)

    @property
    def transformers(self) -> list[Any]:
        """One, or that for high noise and that for low."""
        both = (self.pipe.transformer, getattr(self.pipe, "transformer_2", None))
        return [transformer for transformer in both if transformer is not None]


_held: dict[tuple[str, Path], Wan] = {}
_loading = Lock()


def whole_folder(engine: Engine) -> Path:
    """Where the engine's model lies; ``Unavailable`` where it does not, or a file is missing. Loads nothing."""
    folder = folder_of(engine.model)
    try:
        missing = next(_missing(folder, engine), None)
    except (ValueError, KeyError) as error:
        raise _broken(engine, folder, "has an index that cannot be read") from error
    if missing is not None:
        raise _broken(engine, folder, f"holds no {missing}")
    return folder


def shared(engine: Engine) -> Wan:
    """The one of this process, loaded at its first use."""
    key = engine.model, whole_folder(engine)
    with _loading:
        if key not in _held:
            _held[key] = _load(engine, key[1])
        return _held[key]


def _load(engine: Engine, folder: Path) -> Wan:
    device = best_device()
    full = {part: torch.float32 for part in engine.parts if part in _FULL_PRECISION}
    try:
        pipe = engine.pipeline.from_pretrained(
            folder,
            dtype={**full, "default": best_precision(device)},
            use_safetensors=True,
            local_files_only=True,
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise _broken(engine, folder, "cannot be read") from error
    pipe.set_progress_bar_config(disable=True)
    wan = Wan(pipe, device, pipe.scheduler.config)
    _place(wan)
    return wan


def best_precision(device: torch.device) -> torch.dtype:
    named = _chosen("STEADFACE_WAN_PRECISION", tuple(PRECISIONS))
    return PRECISIONS[named] if named else torch.float32 if device.type == "cpu" else torch.bfloat16


def best_offload(wan: Wan, memory: int) -> Offload:
    """The least that a GPU with ``memory`` bytes can do with, for the largest clip."""
    sizes = {name: _bytes(part) for name, part in wan.pipe.components.items() if isinstance(part, torch.nn.Module)}
    room = max(_activations(transformer) for transformer in wan.transformers)
    if sum(sizes.values()) + room <= memory:
        return "none"
    most = max(size + room * name.startswith("transformer") for name, size in sizes.items())
    return "model" if most <= memory else "blocks"


def _place(wan: Wan) -> None:
    named = _chosen("STEADFACE_WAN_OFFLOAD", get_args(Offload))
    pipe, device = wan.pipe, wan.device
    if device.type != "cuda":
        pipe.to(device)
        return
    match named or best_offload(wan, torch.cuda.get_device_properties(device).total_memory):
        case "none":
            pipe.to(device)
        case "model":
            pipe.enable_model_cpu_offload(device=device)
        case "blocks":
            apply_group_offloading(pipe.text_encoder, device, offload_type="block_level", num_blocks_per_group=1)
            for transformer in wan.transformers:
                apply_group_offloading(transformer, device, offload_type="leaf_level", use_stream=True)
            for name in _FULL_PRECISION:
                if getattr(pipe, name, None) is not None:
                    getattr(pipe, name).to(device)


def _missing(folder: Path, engine: Engine) -> Iterator[str]:
    """What the layout asks for and the folder lacks."""
    files = [f"{part}/{file}" for part in engine.parts for file in ("config.json", "*.safetensors")]
    needed = ("model_index.json", "scheduler/scheduler_config.json", "tokenizer/tokenizer_config.json", *files)
    yield from (pattern for pattern in needed if not any(folder.glob(pattern)))
    index = json.loads((folder / "model_index.json").read_text())
    config = json.loads((folder / "transformer" / "config.json").read_text())
    known = {**index, **config}
    if index["transformer"][1] != config["_class_name"] or any(
        known.get(key) != engine.proof[key] for key in engine.proof
    ):
        yield f"{engine.title} transformer"
    for table in folder.glob("*/*.safetensors.index.json"):
        shards = sorted(set(json.loads(table.read_text())["weight_map"].values()))
        yield from (f"{table.parent.name}/{shard}" for shard in shards if not (table.parent / shard).is_file())


def _broken(engine: Engine, folder: Path, what: str) -> Unavailable:
    title = catalog()[engine.model].title
    return Unavailable(f"{title} is not whole: {folder} {what}; {how_to_get(engine.model)}.")


def _chosen(variable: str, choices: Sequence[str]) -> str | None:
    named = os.environ.get(variable) or None
    if named is not None and named not in choices:
        raise InputError(f"{variable} cannot be {named!r}; choose one of: {', '.join(choices)}.")
    return named


def _bytes(model: torch.nn.Module) -> int:
    return sum(weights.numel() * weights.element_size() for weights in model.parameters())


def _activations(transformer: Any) -> int:  # noqa: ANN401 - a transformer of diffusers
    """Bytes beside the weights: the hidden states of the largest clip, the hint of every VACE layer, and some more."""
    config = transformer.config
    width = config.num_attention_heads * config.attention_head_dim
    hints = len(config.get("vace_layers") or ())
    return int(_TOKENS * width * transformer.dtype.itemsize * (hints + _STATES))
