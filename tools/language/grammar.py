"""JSON held by a grammar: of all tokens, only those that can still lead to an answer that the schema admits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import xgrammar
from transformers import LogitsProcessor, PreTrainedTokenizerBase
from xgrammar.contrib.hf import LogitsProcessor as Mask

from tools.errors import InputError


class Grammars:
    """Compiles schemas for one model; those compiled are kept."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, vocabulary: int, stops: Sequence[int]) -> None:
        """``vocabulary`` is the width of the model's logits, which is padded beyond the tokenizer's tokens.

        ``stops`` are the tokens that may end an answer, and only then.
        """
        tokens = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=vocabulary, stop_token_ids=list(stops))
        self._compiler = xgrammar.GrammarCompiler(tokens)

    def mask(self, schema: Mapping[str, Any]) -> LogitsProcessor:
        """For one answer. Between the parts of the JSON stands one space or none, so that no model idles there.

        A pattern should list the characters that it allows: the negation of a class admits bytes that are no text.
        """
        try:
            compiled = self._compiler.compile_json_schema(json.dumps(schema), any_whitespace=False)
        except RuntimeError as error:
            raise InputError(
                f"The answer's schema cannot be made a grammar ({_first_line(error)}); "
                "bound strings by nested patterns such as ^([a-z ]{100}){0,3}[a-z ]{1,100}$."
            ) from error
        return Mask(compiled)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
