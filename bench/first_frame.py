"""First frames: encoding a person, seconds an image, peak memory, a batch against single runs, plain SDXL beside it.

    .venv/bin/python bench/first_frame.py [--size tiny|full] [--batch N] [--repeats N] [--width W --height H]

Weights are random, since times do not depend on them. ``full`` has the published sizes of SDXL, CLIP and HyperLoRA and
is meant for a GPU; ``tiny`` runs anywhere, and its ratios say nothing about the published sizes. The plain pipeline is
diffusers' own with the same parts, steps and guidance, and no LoRA. Finding the face is not in these figures.
"""

from __future__ import annotations

import argparse
import platform
import resource
import statistics
import string
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from diffusers import (  # noqa: E402
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import (  # noqa: E402
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from tools import sdxl  # noqa: E402
from tools.contracts import Size  # noqa: E402
from tools.device import best_device  # noqa: E402
from tools.first_frame.hyperlora.backend import HyperLoraFirstFrame  # noqa: E402
from tools.first_frame.hyperlora.config import AttentionModule, HyperLoraConfig  # noqa: E402
from tools.first_frame.hyperlora.network import HyperLora  # noqa: E402

M = TypeVar("M", bound=torch.nn.Module)

PROMPT = "a woman in an orange flight suit, dawn light, launch pad, close-up"


@dataclass(frozen=True)
class Shape:
    """How large everything is; each field holds the arguments of its class."""

    unet: dict[str, Any]
    vae: dict[str, Any]
    text: dict[str, Any]
    text_2: dict[str, Any]
    vision: dict[str, Any]
    hyperlora: HyperLoraConfig


FULL = Shape(
    unet={
        "block_out_channels": (320, 640, 1280),
        "attention_head_dim": (5, 10, 20),
        "transformer_layers_per_block": (1, 2, 10),
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
        "cross_attention_dim": 2048,
    },
    vae={"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2},
    text={"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12},
    text_2={"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20},
    vision={"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
            "image_size": 224, "patch_size": 14},
    hyperlora=HyperLoraConfig(),
)  # fmt: skip

TINY = Shape(
    unet={
        "block_out_channels": (8, 16, 32),
        "attention_head_dim": (2, 2, 4),
        "transformer_layers_per_block": (1, 1, 2),
        "addition_time_embed_dim": 4,
        "projection_class_embeddings_input_dim": 40,
        "cross_attention_dim": 32,
        "norm_num_groups": 4,
    },
    vae={"block_out_channels": (8,) * 4, "norm_num_groups": 4},
    text={"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2},
    text_2={"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2},
    vision={"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2,
            "image_size": 28, "patch_size": 14},
    hyperlora=HyperLoraConfig(
        modules=34, dim=16, depth=2, heads=3, head_dim=4, widening=2, face_dim=6, face_tokens=3, basis=5, rank=2
    ),
)  # fmt: skip


class Known:
    """An identity encoder that knows its one person already."""

    def __init__(self, identity: sdxl.IdentityLora) -> None:
        self._identity = identity

    def encode(self, references: object, report: object) -> sdxl.IdentityLora:
        return self._identity


def pipeline(shape: Shape, device: torch.device) -> StableDiffusionXLPipeline:
    letters = [*string.ascii_lowercase, *string.punctuation]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer({word: n for n, word in enumerate(words)}, [], pad_token="!", model_max_length=77)
    ends = {"bos_token_id": len(words) - 2, "eos_token_id": len(words) - 1, "pad_token_id": 0}
    halves = sdxl.best_precision(device)
    text, text_2 = (
        CLIPTextConfig(**sizes, projection_dim=sizes["hidden_size"], max_position_embeddings=77, **ends)
        for sizes in (shape.text, shape.text_2)
    )
    pipe = StableDiffusionXLPipeline(
        vae=filled(lambda: _vae(shape), device, halves),
        text_encoder=filled(lambda: CLIPTextModel(text), device, halves),
        text_encoder_2=filled(lambda: CLIPTextModelWithProjection(text_2), device, halves),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=filled(lambda: _unet(shape), device, halves),
        scheduler=EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"),
        add_watermarker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _unet(shape: Shape) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        use_linear_projection=True,
        addition_embed_type="text_time",
        **shape.unet,
    )


def _vae(shape: Shape) -> AutoencoderKL:
    blocks = len(shape.vae["block_out_channels"])
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        latent_channels=4,
        scaling_factor=0.13025,
        force_upcast=True,
        **shape.vae,
    )


def filled(make: Callable[[], M], device: torch.device, precision: torch.dtype) -> M:
    """A module with random weights, drawn where it will stay."""
    with device:
        module = make().to(precision)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    return module.requires_grad_(False).eval()


def written_for(unet: UNet2DConditionModel) -> list[AttentionModule]:
    """The attention modules of the UNet, as ``hyper_lora_modules.json`` lists the published ones."""
    return [
        AttentionModule(
            f"lora_unet_{name.removesuffix('.to_q').replace('.', '_')}",
            layer.in_features,
            unet.config.cross_attention_dim if name.endswith("attn2.to_q") else None,
        )
        for name, layer in unet.named_modules()
        if name.endswith(".to_q")
    ]


def encode(shape: Shape, modules: list[AttentionModule], repeats: int) -> tuple[sdxl.IdentityLora, float]:
    """A person from one photo, and the median seconds of CLIP and HyperLoRA together, on the CPU."""
    cpu = torch.device("cpu")
    bases = torch.float16 if shape is FULL else torch.float32
    network = filled(lambda: HyperLora(modules, shape.hyperlora), cpu, bases)
    network.id_projector.float()
    network.resampler.float()
    clip = filled(lambda: CLIPVisionModelWithProjection(CLIPVisionConfig(**shape.vision)), cpu, torch.float32)
    side = shape.vision["image_size"]
    pixels = torch.randn(1, 3, side, side)
    face = torch.nn.functional.normalize(torch.randn(1, shape.hyperlora.face_dim))

    @torch.no_grad()
    def once() -> dict[str, torch.Tensor]:
        seen = clip(pixel_values=pixels, output_hidden_states=True).hidden_states[-2]
        return dict(network(face, seen))

    seconds = median_seconds(once, repeats, cpu)
    return sdxl.IdentityLora("somebody", once(), "fcsks fxhks fhyks"), seconds


def median_seconds(run: Callable[[], object], repeats: int, device: torch.device) -> float:
    """After one run to warm up."""
    run()
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def peak(device: torch.device) -> float:
    """GiB: of the card since the last reset, or of this process since it began."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main(shape: Shape, batch: int, repeats: int, size: Size) -> None:
    device = best_device()
    shown = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    names = ("steadface", "torch", "diffusers", "transformers", "peft")
    print(f"{shown}; Python {platform.python_version()}, {', '.join(f'{name} {version(name)}' for name in names)}")
    print(f"{'full' if shape is FULL else 'tiny'} sizes, random weights; median of {repeats} runs after one")
    with torch.device("meta"):
        modules = written_for(_unet(shape))
    identity, encoding = encode(shape, modules, repeats)
    print(f"encoding a person, on the CPU  {encoding:8.3f} s")
    if shape is FULL and device.type == "cpu":
        print("painting: not measured, since there is no GPU")
    else:
        paint(shape, identity, batch, repeats, size, device)


def paint(
    shape: Shape, identity: sdxl.IdentityLora, batch: int, repeats: int, size: Size, device: torch.device
) -> None:
    pipe = pipeline(shape, device)
    ours = HyperLoraFirstFrame(sdxl.Sdxl(pipe, device), Known(identity))
    print(f"{sdxl.best_precision(device)}, {size.width}x{size.height}, {ours.steps} steps, guidance {ours.guidance}")

    def plain(images: int) -> object:
        seeds = [torch.Generator().manual_seed(seed) for seed in range(images)]
        return pipe(
            prompt=PROMPT,
            num_images_per_prompt=images,
            width=size.width,
            height=size.height,
            num_inference_steps=ours.steps,
            guidance_scale=ours.guidance,
            generator=seeds,
        )

    compared("plain diffusers", plain, batch, repeats, device)
    compared(
        "Steadface", lambda n: ours.generate([], PROMPT, list(range(n)), size, lambda *_: None), batch, repeats, device
    )


def compared(name: str, run: Callable[[int], object], batch: int, repeats: int, device: torch.device) -> None:
    """Seconds an image, alone and in a batch, and the peak of memory."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    alone = median_seconds(lambda: run(1), repeats, device)
    together = median_seconds(lambda: run(batch), repeats, device) / batch
    print(f"{name:<16} one image {alone:8.3f} s   in a batch of {batch} {together:8.3f} s each, "
          f"{alone / together:.2f} times as fast   peak {peak(device):.2f} GiB")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("tiny", "full"), default="tiny")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--width", type=int)
    parser.add_argument("--height", type=int)
    given = parser.parse_args()
    usual = Size(832, 480) if given.size == "full" else Size(104, 64)
    main(
        FULL if given.size == "full" else TINY,
        given.batch,
        given.repeats,
        Size(given.width or usual.width, given.height or usual.height),
    )
