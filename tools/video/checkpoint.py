"""Wan models in the layout of the published checkpoints: found whole, loaded once a worker, ready on their device."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from safetensors import SafetensorError

from tools.contracts import Size
from tools.device import best_device
from tools.errors import Unavailable
from tools.models.catalog import catalog
from tools.models.place import folder_of, how_to_get
from tools.residency import Tenant
from tools.video.engine import Engine
from tools.video.memory import Offload, activations, chosen_offload, next_offload, place, weights_of
from tools.video.speed import TRANSFORMERS, best_precision, computed_in, quantization, quicken

_FULL_PRECISION = ("vae", "image_encoder")
"""Parts that are computed in ``float32``, whatever the others are."""

_held: dict[tuple[str, Path], Wan] = {}
_loading = Lock()


@dataclass
class Wan:
    """A loaded pipeline; whoever holds ``lock`` may use it.

    ``scheduler`` is the configuration that it came with. ``offload`` says where its models wait, and ``tiled`` whether
    its VAE works in tiles whatever a clip asks for, because the GPU had too little memory once.
    """

    pipe: Any
    device: torch.device
    scheduler: Mapping[str, Any]
    offload: Offload = "none"
    tiled: bool = False
    lock: Lock = field(default_factory=Lock)
    tenant: Tenant = field(init=False)

    def __post_init__(self) -> None:
        self._settle()

    @property
    def transformers(self) -> list[Any]:
        """One, or that for high noise and that for low."""
        both = (self.pipe.transformer, getattr(self.pipe, "transformer_2", None))
        return [transformer for transformer in both if transformer is not None]

    def room(self, size: Size, frames: int) -> int:
        """Bytes of the GPU that a clip needs beside what is there already."""
        moving = 0 if self.offload == "none" else max(weights_of(self.pipe).values())
        states = activations(self.pipe.transformer.config, self.pipe.vae_scale_factor_spatial, size, frames)
        return states + (moving if self.offload == "model" else 0)

    def step_down(self) -> str | None:
        """Need less of the GPU from now on: how, as half a sentence, or ``None`` where nothing is left to do."""
        lower = next_offload(self.offload) if self.device.type == "cuda" else None
        if lower is not None:
            self.offload = lower
            self._settle()
            return f"as with STEADFACE_WAN_OFFLOAD={lower}"
        if self.tiled:
            return None
        self.tiled = True
        return "with its VAE in tiles"

    def _settle(self) -> None:
        """Whole models go to the GPU when a clip is made; others wait where their hooks have them."""
        if self.offload == "none" and self.device.type == "cuda":
            size = sum(weights_of(self.pipe).values())
            self.tenant = Tenant("video", size, partial(place, self.pipe, self.device, "none"), self._leave)
            return
        place(self.pipe, self.device, self.offload)
        self.tenant = Tenant.elsewhere("video")

    def _leave(self) -> None:
        self.pipe.to("cpu")


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
    precision = best_precision(device)
    full = {part: torch.float32 for part in engine.parts if part in _FULL_PRECISION}
    try:
        pipe = engine.pipeline.from_pretrained(
            folder,
            dtype={**full, "default": computed_in(precision)},
            quantization_config=quantization(precision, engine.parts),
            use_safetensors=True,
            local_files_only=True,
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise _broken(engine, folder, "cannot be read") from error
    pipe.set_progress_bar_config(disable=True)
    for name in TRANSFORMERS:
        if getattr(pipe, name, None) is not None:
            quicken(getattr(pipe, name), precision)
    return Wan(pipe, device, pipe.scheduler.config, chosen_offload(pipe, device))


def _missing(folder: Path, engine: Engine) -> Iterator[str]:
    """What the layout asks for and the folder lacks."""
    files = [f"{part}/{file}" for part in engine.parts for file in ("config.json", "*.safetensors")]
    needed = ("model_index.json", "scheduler/scheduler_config.json", "tokenizer/tokenizer_config.json", *files)
    yield from (pattern for pattern in needed if not any(folder.glob(pattern)))
    index = json.loads((folder / "model_index.json").read_text())
    config = json.loads((folder / "transformer" / "config.json").read_text())
    known = {**index, **config}
    if index["transformer"][1] != config["_class_name"] or any(known.get(k) != v for k, v in engine.proof.items()):
        yield f"{engine.title} transformer"
    for table in folder.glob("*/*.safetensors.index.json"):
        shards = sorted(set(json.loads(table.read_text())["weight_map"].values()))
        yield from (f"{table.parent.name}/{shard}" for shard in shards if not (table.parent / shard).is_file())


def _broken(engine: Engine, folder: Path, what: str) -> Unavailable:
    title = catalog()[engine.model].title
    return Unavailable(f"{title} is not whole: {folder} {what}; {how_to_get(engine.model)}.")
