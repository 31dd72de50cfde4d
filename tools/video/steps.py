"""Progress between the blocks of a transformer, so that a cancelled job ends within a step however long that takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch

from tools.contracts import Progress

BLOCKS = 4
"""From one report to the next. Each waits for the device, which has some tenths of a second of work in as many."""


class Steps:
    """Tells of a denoising: every few blocks, and at the end of each step; always when the device has done it."""

    def __init__(self, report: Progress, total: int, device: torch.device) -> None:
        self.total = total
        self._report = report
        self._device = device
        self._done = 0

    @contextmanager
    def watching(self, transformers: Sequence[Any]) -> Iterator[None]:
        """Within the block, report from inside their forward; what ``report`` raises comes out of it."""
        with ExitStack() as stack:
            for transformer in transformers:
                for block in [*getattr(transformer, "vace_blocks", ()), *transformer.blocks][::BLOCKS]:
                    stack.enter_context(self._watched(block))
            yield

    @contextmanager
    def _watched(self, block: Any) -> Iterator[None]:  # noqa: ANN401 - a block of a transformer of diffusers
        compiled = block._compiled_call_impl
        if compiled is None:
            with block.register_forward_pre_hook(lambda *_: self._tell()):
                yield
            return
        # Hooks are compiled with the block, and one that raises breaks the graph: so it is called round the block.
        block._compiled_call_impl = partial(self._tell_and_call, compiled)
        try:
            yield
        finally:
            block._compiled_call_impl = compiled

    def _tell_and_call(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        self._tell()
        return call(*arguments, **named)

    def ended(self, _pipe: object, step: int, _timestep: object, tensors: dict[str, Any]) -> dict[str, Any]:
        """What diffusers takes as ``callback_on_step_end``."""
        self._done = step + 1
        self._tell()
        return tensors

    def _tell(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        self._report(self._done, self.total, "Making the clip" if self._done < self.total else "Decoding the clip")
