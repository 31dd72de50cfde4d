"""What makes the same clip on the same machine in less time or memory, chosen by the environment.

``STEADFACE_WAN_ATTENTION`` is a backend of diffusers' attention, such as ``_native_cudnn`` or ``_flash_3``; those that
end in ``_hub`` need the package ``kernels`` and fetch code at their first use. ``STEADFACE_WAN_COMPILE`` is a backend
of ``torch.compile`` for the transformer's blocks, such as ``inductor``. ``STEADFACE_WAN_PRECISION`` is what weights of
the transformer are kept in: ``bfloat16``; ``float8``, cast for each layer when its turn comes; ``int8``, by torchao;
``float32``, which a CPU has unless told otherwise. In the first three everything is computed in ``bfloat16``.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import PipelineQuantizationConfig, TorchAoConfig
from diffusers.models.attention_dispatch import AttentionBackendName

from tools.environment import choice
from tools.errors import InputError, Unavailable

PRECISIONS = ("bfloat16", "float32", "float8", "int8")

TRANSFORMERS = ("transformer", "transformer_2")


def best_precision(device: torch.device) -> str:
    return choice("STEADFACE_WAN_PRECISION", PRECISIONS) or ("float32" if device.type == "cpu" else "bfloat16")


def refuse_lora_in_float8() -> None:
    """``InputError`` where a LoRA is to be worn by weights that are kept in ``float8``: it would be kept so too."""
    if choice("STEADFACE_WAN_PRECISION", PRECISIONS) == "float8":
        raise InputError(
            "The option distilled and STEADFACE_WAN_PRECISION=float8 do not work together; choose int8 or bfloat16."
        )


def computed_in(precision: str) -> torch.dtype:
    return torch.float32 if precision == "float32" else torch.bfloat16


def quantization(precision: str, parts: tuple[str, ...]) -> PipelineQuantizationConfig | None:
    """What a pipeline is to be loaded with, so that its transformers are kept in ``int8``."""
    if precision != "int8":
        return None
    try:
        from torchao.quantization import Int8WeightOnlyConfig
    except ImportError as error:
        raise Unavailable(
            "STEADFACE_WAN_PRECISION=int8 needs the Python module torchao, which is not installed; get it with: "
            "pip install 'steadface[int8]'."
        ) from error
    kinds = {part: TorchAoConfig(Int8WeightOnlyConfig()) for part in TRANSFORMERS if part in parts}
    return PipelineQuantizationConfig(quant_mapping=kinds)


def quicken(transformer: Any, precision: str) -> None:  # noqa: ANN401 - a transformer of diffusers
    """Once, when it is loaded; ``Unavailable`` where the machine lacks what was chosen."""
    if precision == "float8":
        transformer.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.bfloat16)
    attention = choice("STEADFACE_WAN_ATTENTION", (name.value for name in AttentionBackendName))
    if attention:
        try:
            transformer.set_attention_backend(attention)
        except (RuntimeError, ImportError, OSError) as error:
            why = " ".join(str(error).split())
            raise Unavailable(f"STEADFACE_WAN_ATTENTION={attention} cannot be used here: {why}") from error
    compiler = choice("STEADFACE_WAN_COMPILE", torch.compiler.list_backends(exclude_tags=()))
    if compiler:
        transformer.compile_repeated_blocks(backend=compiler)
