"""Qwen3, or another chat model in the published layout, in process through transformers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedTokenizerBase,
    StoppingCriteria,
)

from tools.contracts import ChatMessage, Progress
from tools.errors import BackendError, InputError, Unavailable
from tools.language.grammar import Grammars
from tools.language.weights import folder_of, how_to_get
from tools.residency import Tenant, on_gpu

LONGEST_ANSWER = 2048
"""Tokens, and some six times the longest answer that a planner asks for: an end for a model that finds none."""

_ROOM = 2 * 2**30
"""Bytes that an answer takes beside the weights, with its prompt of some thousand tokens: an estimate, not measured."""

SAMPLING = {"do_sample": True, "temperature": 0.7, "top_p": 0.8, "top_k": 20}
"""What Qwen3's authors advise without thinking."""


class Qwen:
    """Implements ``tools.contracts.ChatModel``. One model is held at a time."""

    def __init__(self) -> None:
        self._held: _Model | None = None

    def complete(
        self, model: str, messages: Sequence[ChatMessage], schema: Mapping[str, Any], seed: int, report: Progress
    ) -> str:
        """Weights are looked for on this machine only. ``InputError`` for a model or a schema that cannot be used."""
        with _memory_told(model):
            if self._held is None or self._held.name != model:
                self._let_go()
                report(0, LONGEST_ANSWER, f"loading {model}")
                self._held = _load(model)
            with on_gpu().using(self._held.tenant, _ROOM):
                return _answer(self._held, messages, schema, seed, report)

    def _let_go(self) -> None:
        """Free the memory of one model before the next is loaded."""
        if self._held is not None:
            on_gpu().forget(self._held.tenant)
        self._held = None


@dataclass(frozen=True)
class _Model:
    """``stops`` are the tokens that end an answer; ``marks`` are the other tokens that stand for no text.

    ``network`` is a causal language model of transformers, whose types do not know its ``generate``.
    """

    name: str
    network: Any
    tokenizer: PreTrainedTokenizerBase
    grammars: Grammars
    stops: list[int]
    marks: list[int]
    tenant: Tenant


class _News(StoppingCriteria):
    """Reports every token, which is also where a cancelled call ends."""

    def __init__(self, prompt: int, most: int, report: Progress) -> None:
        self._prompt, self._most, self._report = prompt, most, report

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **_: object) -> torch.BoolTensor:
        self._report(input_ids.shape[1] - self._prompt, self._most, "writing")
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)  # type: ignore[return-value]


def _load(model: str) -> _Model:
    folder = folder_of(model)
    _refuse_too_large(model, folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        network: Any = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=_precision(folder)
        )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        why = " ".join(str(error).split())[:200]
        raise Unavailable(f'The language model "{model}" cannot be loaded ({why}); {how_to_get(model)}.') from error
    if tokenizer.chat_template is None:
        raise InputError(f'The language model "{model}" has no chat template; choose one that chats, as Qwen3 does.')
    stops = _stops(network, tokenizer)
    if _device().type != "cuda":
        network.to(_device())
    size = sum(weights.numel() * weights.element_size() for weights in network.parameters())
    return _Model(
        model,
        network.eval(),
        tokenizer,
        Grammars(tokenizer, network.config.vocab_size, stops),
        stops,
        sorted(set(tokenizer.added_tokens_decoder) - set(stops)),
        Tenant("planner", size, partial(network.to, _device()), partial(network.to, "cpu")),
    )


def _refuse_too_large(model: str, folder: Path) -> None:
    """``Unavailable`` where the GPU cannot hold the weights, whoever moves out for them; nothing is loaded."""
    gpu = on_gpu()
    stored = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    if gpu.free is not None and stored + _ROOM > gpu.obtainable():
        raise Unavailable(
            f'The language model "{model}" takes {(stored + _ROOM) / 2**30:.1f} GiB of the GPU, and '
            f"{gpu.obtainable() / 2**30:.1f} can be had; set STEADFACE_PLANNER_MODEL to a smaller one such as "
            "Qwen/Qwen3-4B, STEADFACE_PLANNER_URL to a server that holds it, or STEADFACE_PLANNER=rules."
        )


def _answer(
    model: _Model, messages: Sequence[ChatMessage], schema: Mapping[str, Any], seed: int, report: Progress
) -> str:
    network, tokenizer = model.network, model.tokenizer
    prompt = tokenizer(_chat(model, messages), add_special_tokens=False, return_tensors="pt").to(network.device)
    length = prompt["input_ids"].shape[1]
    most = min(LONGEST_ANSWER, network.config.max_position_embeddings - length)
    if most <= 0:
        raise InputError(f'The prompt is too long for the language model "{model.name}": {length} tokens; shorten it.')
    report(0, most, "reading the prompt")
    with _random_from(seed, network.device):
        tokens = network.generate(
            **prompt,
            **SAMPLING,
            max_new_tokens=most,
            eos_token_id=model.stops,
            suppress_tokens=model.marks,
            logits_processor=[model.grammars.mask(schema)],
            stopping_criteria=[_News(length, most, report)],
        )[0, length:].tolist()
    if tokens[-1] not in model.stops:
        raise BackendError(
            f'The language model "{model.name}" did not end its answer within {most} tokens; '
            "ask again with another seed, or choose another model."
        )
    return str(tokenizer.decode(tokens[:-1], clean_up_tokenization_spaces=False))


def _chat(model: _Model, messages: Sequence[ChatMessage]) -> str:
    """The conversation as the model reads it, up to where its answer begins."""
    turns = [dict(message) for message in messages]
    return str(
        model.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, enable_thinking=False)
    )


def _stops(network: Any, tokenizer: PreTrainedTokenizerBase) -> list[int]:  # noqa: ANN401 - as in _Model
    """Qwen3 names two: the end of a turn, as its tokenizer does too, and the end of a text."""
    named = network.generation_config.eos_token_id
    several = named if isinstance(named, list) else [named]
    return [token for token in dict.fromkeys([tokenizer.eos_token_id, *several]) if token is not None]


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _precision(folder: Path) -> torch.dtype:
    """bfloat16, as Qwen3 is published; float32 on a processor with the memory for it, where it is the faster."""
    if _device().type == "cuda":
        return torch.bfloat16
    stored = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return torch.float32 if 4 * stored < memory else torch.bfloat16


@contextmanager
def _random_from(seed: int, device: torch.device) -> Iterator[None]:
    """Sampling from ``seed`` alone; the random state of others in this process is left as it was."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@contextmanager
def _memory_told(model: str) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise BackendError(
            f'There is too little GPU memory for the language model "{model}"; end what else uses the GPU, '
            "or set STEADFACE_PLANNER_MODEL to a smaller one such as Qwen/Qwen3-4B."
        ) from error
