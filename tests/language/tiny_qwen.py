"""A Qwen3 of random weights on disk, in the layout of the published ones: small enough to build and run in a test.

The traps are the real one's: logits wider than the tokenizer's vocabulary, tokens that stand for no text, two tokens
that end an answer, a thinking block in the chat template, and weights in several files.
"""

from __future__ import annotations

import json
from pathlib import Path

END_OF_TEXT, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"

TEMPLATE = """\
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|im_start|>assistant\n' }}
{%- if enable_thinking is defined and not enable_thinking -%}
{{ '<think>\n\n</think>\n\n' }}
{%- endif -%}
{%- endif -%}
"""

TEXT = (
    "A woman in a red coat walks along the beach at dawn, smiling, while the wind moves her hair. "
    "A man with short grey hair looks into the camera, raises his brows and laughs in a quiet street. "
)
"""What the byte pairs are learnt from."""


def build(folder: Path) -> Path:
    """Write the model into ``folder`` and give it back."""
    _write_tokenizer(folder)
    _write_model(folder)
    return folder


def _write_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AddedToken, PreTrainedTokenizerFast

    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    pieces.train_from_iterator([TEXT], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, eos_token=END, pad_token=END_OF_TEXT)
    tokenizer.add_tokens([AddedToken(text, special=True) for text in (END_OF_TEXT, START, END)])
    tokenizer.add_tokens([AddedToken(text, special=False) for text in ("<think>", "</think>")])
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"tokenizer_class": "Qwen2Tokenizer"}))


def _write_model(folder: Path) -> None:
    import torch
    from transformers import AutoTokenizer, GenerationConfig, Qwen3Config, Qwen3ForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(folder)
    ends = [tokenizer.convert_tokens_to_ids(text) for text in (END, END_OF_TEXT)]
    config = Qwen3Config(
        vocab_size=512,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=64,
        max_position_embeddings=8192,
        tie_word_embeddings=False,
        eos_token_id=ends[0],
        bos_token_id=ends[1],
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = Qwen3ForCausalLM(config).to(torch.bfloat16)
    network.generation_config = GenerationConfig(
        do_sample=True, temperature=0.6, top_k=20, top_p=0.95, eos_token_id=ends, pad_token_id=ends[1]
    )
    network.save_pretrained(folder, max_shard_size="200KB")
