"""Denoising steps that are not computed, because the one before tells what they would give.

The rule is EasyCache's (Zhou et al. 2025, arXiv 2507.02860): between steps a transformer adds nearly the same to its
input, and how far its output moves for each change of the input hardly varies. So the change of the output is estimated
from that of the input, added up over the steps that were skipped, and a step is computed when the sum, relative to the
output, reaches the threshold. A whole step is skipped, VACE's hints included: a cache between blocks, as diffusers has
them, adds the hints to a residual that holds them already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from typing import Any

import torch

WARM_UP = 0.2
"""The share of the steps, at the beginning, that are all computed; so is the last one."""


@dataclass
class _Branch:
    """What one of a step's calls gave when it was last computed: with the prompt, or with the negative one."""

    given: torch.Tensor
    made: torch.Tensor

    @property
    def added(self) -> torch.Tensor:
        return self.made - self.given


@dataclass
class StepCache:
    """Of one clip of so many ``steps``. ``skipped`` counts the steps that were not computed."""

    threshold: float
    steps: int
    skipped: int = 0
    _step: int = -1
    _timestep: float | None = None
    _call: int = 0
    _skip: bool = False
    _error: float = 0.0
    _rate: float | None = None
    _before: torch.Tensor | None = None
    _branches: dict[tuple[int, int], _Branch] = field(default_factory=dict)

    @contextmanager
    def serving(self, transformers: Sequence[Any]) -> Iterator[None]:
        """Within the block, the transformers are asked only for the steps that cannot be skipped."""
        plain = [transformer.forward for transformer in transformers]
        for number, transformer in enumerate(transformers):
            transformer.forward = partial(self._forward, number, plain[number])
        try:
            yield
        finally:
            for transformer, forward in zip(transformers, plain, strict=True):
                transformer.forward = forward

    def _forward(self, transformer: int, compute: Callable[..., Any], **given: Any) -> tuple[torch.Tensor]:  # noqa: ANN401 - what diffusers passes on
        """As diffusers' pipelines call a transformer of Wan: all by name, and a tuple of one back."""
        self._count(float(given["timestep"].max()))
        branch = transformer, self._call
        known = self._branches.get(branch)
        if self._call == 0:
            self._skip = known is not None and self._can_skip(given["hidden_states"], known)
            self.skipped += self._skip
            self._before = given["hidden_states"]
        if self._skip and known is not None:
            return (_noise(given["hidden_states"], known.made) + known.added,)
        made: torch.Tensor = compute(**given)[0]
        fresh = _Branch(_noise(given["hidden_states"], made), made)
        if self._call == 0:
            self._learn(known, fresh)
        self._branches[branch] = fresh
        return (made,)

    def _count(self, timestep: float) -> None:
        """Which step this is, and which of its calls; a new step has a new timestep."""
        if timestep != self._timestep:
            self._step, self._call, self._timestep = self._step + 1, 0, timestep
        else:
            self._call += 1

    def _can_skip(self, given: torch.Tensor, known: _Branch) -> bool:
        if not ceil(WARM_UP * self.steps) <= self._step < self.steps - 1 or self._rate is None or self._before is None:
            return False
        moved = _size(_noise(given, known.made) - _noise(self._before, known.made))
        self._error += self._rate * moved / max(_size(known.made), 1e-12)
        return self._error < self.threshold

    def _learn(self, known: _Branch | None, fresh: _Branch) -> None:
        """How far the output moved for the way that the input went since the last computed step."""
        self._error = 0.0
        moved = _size(fresh.given - known.given) if known else 0.0
        if known and moved:
            self._rate = _size(fresh.made - known.made) / moved


def _noise(hidden_states: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    """The channels that are denoised; I2V models see the first frame in others beside them."""
    return hidden_states[:, : made.shape[1]]


def _size(tensor: torch.Tensor) -> float:
    return float(tensor.abs().mean())
