"""Where the models of a pipeline wait while they are not needed, so that a clip fits on the GPU.

``STEADFACE_WAN_OFFLOAD`` says what waits in the computer's memory: ``none``; ``model``, whole models that take turns;
``blocks``, every block of the transformer too. Unset, the least that the GPU can do with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast, get_args

import torch
from diffusers.hooks import HookRegistry, apply_group_offloading
from safetensors import safe_open

from tools.contracts import Size
from tools.environment import choice
from tools.errors import Unavailable
from tools.residency import on_gpu

Offload = Literal["none", "model", "blocks"]
"""From most to least of the GPU."""

LARGEST = Size(1280, 720), 81
"""Size and frames of the largest clip that the models were trained on."""

_STATES = 20
"""How many tensors as large as the hidden states are alive at once beside VACE's hints: an estimate, not measured."""

_BYTES = 2
"""Of a number in ``bfloat16``, which everything is computed in on a GPU."""

_GIB = 2**30


def chosen_offload(pipe: Any, device: torch.device) -> Offload:  # noqa: ANN401 - a pipeline of diffusers
    """What the environment says, else the least that the GPU can do with; ``none`` where there is no GPU."""
    named = choice("STEADFACE_WAN_OFFLOAD", get_args(Offload))
    if device.type != "cuda":
        return "none"
    return cast(Offload, named) if named else best_offload(pipe, on_gpu().obtainable())


def best_offload(pipe: Any, memory: int) -> Offload:  # noqa: ANN401
    """The least that ``memory`` bytes of a GPU can do with, for the largest clip."""
    sizes = weights_of(pipe)
    room = activations(pipe.transformer.config, pipe.vae_scale_factor_spatial, *LARGEST)
    if sum(sizes.values()) + room <= memory:
        return "none"
    most = max(size + room * name.startswith("transformer") for name, size in sizes.items())
    return "model" if most <= memory else "blocks"


def weights_of(pipe: Any) -> dict[str, int]:  # noqa: ANN401
    """Bytes of each model of a pipeline, by its name."""
    models = {name: part for name, part in pipe.components.items() if isinstance(part, torch.nn.Module)}
    return {name: sum(w.numel() * w.element_size() for w in model.parameters()) for name, model in models.items()}


def activations(config: Mapping[str, Any], latent: int, size: Size, frames: int) -> int:
    """Bytes beside the weights: the hidden states of a clip, the hint of every VACE layer, and some more; estimated.

    ``latent`` is how many pixels wide a latent of the VAE is.
    """
    pixels = latent * config["patch_size"][1]
    tokens = ((frames - 1) // 4 + 1) * -(-size.width // pixels) * -(-size.height // pixels)
    width = config["num_attention_heads"] * config["attention_head_dim"]
    return int(tokens * width * _BYTES * (len(config.get("vace_layers") or ()) + _STATES))


def refuse_too_large(folder: Path, title: str, size: Size, frames: int) -> None:
    """``Unavailable`` for a clip that the GPU cannot hold with every block waiting; nothing is loaded for it.

    Who names an offload wants to try.
    """
    if torch.cuda.is_available() and not choice("STEADFACE_WAN_OFFLOAD", get_args(Offload)):
        refuse_beyond(on_gpu().obtainable(), folder, title, size, frames)


def refuse_beyond(memory: int, folder: Path, title: str, size: Size, frames: int) -> None:
    """``Unavailable`` where a clip needs more than so many bytes, by an estimate."""
    config, vae = (json.loads((folder / part / "config.json").read_text()) for part in ("transformer", "vae"))
    block = _parameters(folder / "transformer") / config["num_layers"] * _BYTES
    staying = _parameters(folder / "vae") + _parameters(folder / "image_encoder")
    needed = activations(config, vae.get("scale_factor_spatial", 8), size, frames) + 2 * block + 4 * staying
    if needed > memory:
        raise Unavailable(
            f"{title} needs an estimated {needed / _GIB:.1f} GiB of the GPU for {frames} frames of "
            f"{size.width}x{size.height}, and {memory / _GIB:.1f} can be had; ask for fewer frames or a smaller size, "
            "choose a smaller model, end other programs on the GPU, or set STEADFACE_WAN_OFFLOAD=blocks to try it."
        )


def place(pipe: Any, device: torch.device, offload: Offload) -> None:  # noqa: ANN401
    """Bring the models to where they wait; on a GPU from any other way of waiting too."""
    if device.type != "cuda":
        pipe.to(device)
        return
    let_go(pipe)
    match offload:
        case "none":
            pipe.to(device)
        case "model":
            pipe.enable_model_cpu_offload(device=device)
        case "blocks":
            bring_blocks(pipe, device)


def bring_blocks(pipe: Any, device: torch.device) -> None:  # noqa: ANN401
    """Each layer of transformers and text encoder comes when its turn does; the small models stay there."""
    for name, model in pipe.components.items():
        if name.startswith("transformer") and model is not None:
            apply_group_offloading(model, device, offload_type="leaf_level", use_stream=device.type == "cuda")
        elif name == "text_encoder":
            apply_group_offloading(model, device, offload_type="block_level", num_blocks_per_group=1)
        elif isinstance(model, torch.nn.Module):
            model.to(device)


def next_offload(offload: Offload) -> Offload | None:
    """One step down, ``None`` at the last."""
    following = get_args(Offload)[get_args(Offload).index(offload) + 1 :]
    return following[0] if following else None


def let_go(pipe: Any) -> None:  # noqa: ANN401
    """Bring all models to the computer's memory, with nothing left that would bring them anywhere else."""
    pipe.remove_all_hooks()
    for model in pipe.components.values():
        if isinstance(model, torch.nn.Module):
            for hook in ("group_offloading", "lazy_prefetch_group_offloading", "layer_execution_tracker"):
                HookRegistry.check_if_exists_or_initialize(model).remove_hook(hook, recurse=True)
    pipe.to("cpu")
    torch.cuda.empty_cache()


def _parameters(part: Path) -> int:
    """How many numbers the weights of a part hold; only the heads of its files are read."""
    count = 0
    for file in part.glob("*.safetensors"):
        with safe_open(file, framework="pt") as weights:
            count += sum(torch.Size(weights.get_slice(name).get_shape()).numel() for name in weights.keys())  # noqa: SIM118
    return count
