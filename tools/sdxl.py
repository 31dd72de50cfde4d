"""Stable Diffusion XL on diffusers, loaded once a worker and shared by all who paint with it.

The checkpoint is ``realvisxl`` of the catalog, or what ``STEADFACE_SDXL`` names instead, in the layout of diffusers.
Sampling is the field's usual for photographs: DPM++ 2M on Karras' noise levels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from math import lcm
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionXLPipeline
from numpy.typing import NDArray

from tools.contracts import Progress, Reference
from tools.device import best_device
from tools.environment import choice
from tools.errors import BackendError, Unavailable
from tools.models.place import folder_of, how_to_get
from tools.residency import Tenant, on_gpu

CHECKPOINT = "realvisxl"

NEGATIVE_PROMPT = (
    "lowres, bad anatomy, bad hands, missing fingers, extra digits, cropped, worst quality, low quality, jpeg "
    "artifacts, text, signature, watermark, blurry, nsfw"
)

IDENTITY_STRENGTH = 0.85

CHUNK = 75
"""Tokens of a prompt that CLIP reads at once, between its two marks of begin and end."""

PRECISIONS = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}

_ADAPTER = "identity"

_ROOM = 6 * 2**30
"""Bytes that painting a batch of 1024x1024 takes beside the weights: an estimate, not measured."""

_ROOMY = 20 * 2**30
"""Bytes of a card that holds the whole pipeline and a batch of 1024x1024; on smaller ones models take turns."""

StepEnd = Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]
"""What diffusers takes as ``callback_on_step_end``."""


@dataclass(frozen=True)
class IdentityLora:
    """A person, as a LoRA of SDXL's attention.

    ``name`` tells identities apart: the hash of what it was made from. ``weights`` are in kohya's spelling, as
    ``load_lora_weights`` takes them. ``trigger`` must begin every prompt that is painted with it.
    """

    name: str
    weights: Mapping[str, torch.Tensor]
    trigger: str

    @property
    def rank(self) -> int:
        return max(matrix.shape[0] for name, matrix in self.weights.items() if "lora_down" in name)

    def prompt(self, prompt: str) -> str:
        return f"{self.trigger}, {prompt}"


class IdentityEncoder(Protocol):
    """Makes the LoRA of a person; a backend of the capability ``identity``."""

    def encode(self, references: Sequence[Reference], report: Progress) -> IdentityLora:
        """One identity from all references together; ``InputError`` where none of them shows a usable face."""
        ...


@dataclass(frozen=True)
class Prompt:
    """A prompt and its negative, encoded; every tensor has a batch of one. The fields are the pipelines' arguments."""

    prompt_embeds: torch.Tensor
    negative_prompt_embeds: torch.Tensor
    pooled_prompt_embeds: torch.Tensor
    negative_pooled_prompt_embeds: torch.Tensor

    def arguments(self) -> dict[str, torch.Tensor]:
        """For any SDXL pipeline; with ``num_images_per_prompt`` it serves a whole batch."""
        return dict(vars(self))


class Sdxl:
    """The pipeline; others are made from its parts: ``StableDiffusionXLInpaintPipeline(**sdxl.components)``."""

    def __init__(
        self,
        pipe: StableDiffusionXLPipeline,
        device: torch.device,
        compiler: str | None = None,
        *,
        takes_turns: bool = False,
    ) -> None:
        """``compiler`` is a backend of ``torch.compile`` for the UNet's blocks, such as ``inductor``.

        With ``takes_turns`` each model comes to the device for its turn, else all of them when somebody paints.
        """
        pipe.scheduler = DPMSolverMultistepScheduler.from_config(
            pipe.scheduler.config,
            algorithm_type="dpmsolver++",
            solver_order=2,
            solver_type="midpoint",
            use_karras_sigmas=True,
            final_sigmas_type="zero",
        )
        pipe.set_progress_bar_config(disable=True)
        self.pipe = pipe
        self.device = device
        self._compiler = compiler
        self._worn: str | None = None
        self._tenant = self._settled(takes_turns)

    def present(self) -> AbstractContextManager[None]:
        """Within the block the models are on the device; for encoding and painting."""
        return on_gpu().using(self._tenant, _ROOM)

    @property
    def components(self) -> dict[str, Any]:
        """The parts by name, as diffusers' pipelines take them; shared, so an identity worn here is worn there."""
        return dict(self.pipe.components)

    @property
    def multiple(self) -> int:
        """Width and height of what is painted must be multiples of this many pixels."""
        return int(self.pipe.vae_scale_factor)

    def encode(self, prompt: str, negative: str = NEGATIVE_PROMPT) -> Prompt:
        """Both texts whole, however long: in chunks of 75 tokens, whose encodings follow one another."""
        embeds, pooled = self._encode(prompt)
        negative_embeds, negative_pooled = self._encode(negative)
        # Guidance needs both of one length. Attention over a text said twice is attention over the text.
        length = lcm(embeds.shape[1], negative_embeds.shape[1])
        return Prompt(_to_length(embeds, length), _to_length(negative_embeds, length), pooled, negative_pooled)

    @contextmanager
    def wearing(self, identity: IdentityLora | None, strength: float = IDENTITY_STRENGTH) -> Iterator[None]:
        """Within the block everything is painted as this person; with ``None`` as nobody in particular.

        ``strength`` is how much the person counts; 0.75 to 0.85 is advised, more for likeness, less for the prompt.
        """
        if identity is None:
            yield
            return
        self._put_on(identity, strength)
        try:
            yield
        finally:
            self.pipe.disable_lora()

    def each_step(self, report: Progress, total: int, message: str, before: int = 0) -> StepEnd:
        """Report each step when the device has done it: ``before`` steps went before, of ``total`` altogether."""

        def ended(_pipe: object, step: int, _timestep: object, tensors: dict[str, Any]) -> dict[str, Any]:
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            report(before + step + 1, total, message)
            return tensors

        return ended

    def _settled(self, takes_turns: bool) -> Tenant:
        if takes_turns:
            self.pipe.enable_model_cpu_offload(device=self.device)
            return Tenant.elsewhere("first-frame")
        if self.device.type != "cuda":
            self.pipe.to(self.device)
        models = [part for part in self.pipe.components.values() if isinstance(part, torch.nn.Module)]
        size = sum(weights.numel() * weights.element_size() for model in models for weights in model.parameters())
        return Tenant("first-frame", size, partial(self.pipe.to, self.device), partial(self.pipe.to, "cpu"))

    def _put_on(self, identity: IdentityLora, strength: float) -> None:
        if self._worn is None:
            self._wear_first(identity)
        elif self._worn != identity.name:
            # Into the matrices that are there, so that compiled blocks stay as they are.
            self.pipe.load_lora_weights(dict(identity.weights), adapter_name=_ADAPTER, hotswap=True)
        self._worn = identity.name
        self.pipe.enable_lora()
        self.pipe.set_adapters([_ADAPTER], [strength])

    def _wear_first(self, identity: IdentityLora) -> None:
        """Blocks are compiled with a LoRA in them; which one does not matter."""
        if self._compiler:
            self.pipe.enable_lora_hotswap(target_rank=identity.rank)
        # Copied: what is loaded first is what others are later written into.
        own = {name: matrix.clone() for name, matrix in identity.weights.items()}
        self.pipe.load_lora_weights(own, adapter_name=_ADAPTER)
        if self._compiler:
            self.pipe.unet.compile_repeated_blocks(backend=self._compiler)

    @torch.no_grad()
    def _encode(self, text: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Hidden states before the last layer, of both encoders side by side, and the pooled first chunk."""
        pipe = self.pipe
        sides, pooled = [], None
        for tokenizer, encoder in ((pipe.tokenizer, pipe.text_encoder), (pipe.tokenizer_2, pipe.text_encoder_2)):
            chunks = _chunks(tokenizer, text).to(pipe._execution_device)
            said = encoder(chunks, output_hidden_states=True)
            sides.append(said.hidden_states[-2].flatten(0, 1).unsqueeze(0))
            pooled = said[0][:1]
        assert pooled is not None
        return torch.cat(sides, dim=-1), pooled


@cache
def shared() -> Sdxl:
    """The one of this process, loaded at its first use. ``Unavailable`` where the checkpoint is not on this machine."""
    return load(folder_of(CHECKPOINT), best_device())


def load(folder: Path, device: torch.device, precision: torch.dtype | None = None) -> Sdxl:
    """``Unavailable`` where the folder is incomplete. ``precision`` is ``best_precision`` unless it is given."""
    halved = any(folder.glob("unet/*.fp16.safetensors"))
    try:
        pipe = StableDiffusionXLPipeline.from_pretrained(
            folder,
            dtype=precision or best_precision(device),
            variant="fp16" if halved else None,
            use_safetensors=True,
            local_files_only=True,
            add_watermarker=False,
        )
    except (OSError, ValueError) as error:
        raise Unavailable(f"The SDXL checkpoint in {folder} is not whole; {how_to_get(CHECKPOINT)}.") from error
    return Sdxl(pipe, device, _compiler(), takes_turns=_takes_turns(device))


def best_precision(device: torch.device) -> torch.dtype:
    """What ``STEADFACE_SDXL_PRECISION`` names; else half on a GPU, as checkpoints are published, and full on a CPU."""
    named = choice("STEADFACE_SDXL_PRECISION", PRECISIONS)
    return PRECISIONS[named] if named else torch.float32 if device.type == "cpu" else torch.float16


def _takes_turns(device: torch.device) -> bool:
    """Whether models wait for their turn on the card: as ``STEADFACE_SDXL_OFFLOAD`` says, else by the card's size."""
    named = choice("STEADFACE_SDXL_OFFLOAD", ("auto", "always", "never"))
    if device.type != "cuda" or named == "never":
        return False
    return named == "always" or torch.cuda.get_device_properties(device).total_memory < _ROOMY


def _compiler() -> str | None:
    """The backend of ``torch.compile`` that ``STEADFACE_SDXL_COMPILE`` names, where it names one."""
    return choice("STEADFACE_SDXL_COMPILE", torch.compiler.list_backends(exclude_tags=()))


@contextmanager
def enough_memory() -> Iterator[None]:
    """Say in one sentence that the device's memory did not do."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise BackendError(
            "The GPU has too little memory for this picture; ask for fewer candidates or a smaller size."
        ) from error


def expect_finite(painted: NDArray[np.float32]) -> None:
    """Tell a model that overflowed, as some do in half precision; shown, its picture would be black."""
    if not np.isfinite(painted).all():
        raise BackendError(
            "SDXL's numbers overflowed, and the picture would be black; set STEADFACE_SDXL_PRECISION to bfloat16 or "
            "float32, or use a checkpoint whose VAE is made for half precision."
        )


def _chunks(tokenizer: Any, text: str) -> torch.Tensor:  # noqa: ANN401 - either tokenizer of the pipeline
    """Token ids, shape (chunks, 77): begin, up to 75 tokens, end, and the tokenizer's own padding."""
    ids = tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids
    rows = []
    for start in range(0, max(len(ids), 1), CHUNK):
        chunk = [tokenizer.bos_token_id, *ids[start : start + CHUNK], tokenizer.eos_token_id]
        rows.append(chunk + [tokenizer.pad_token_id] * (CHUNK + 2 - len(chunk)))
    return torch.tensor(rows)


def _to_length(embeds: torch.Tensor, length: int) -> torch.Tensor:
    return embeds.repeat(1, length // embeds.shape[1], 1)
