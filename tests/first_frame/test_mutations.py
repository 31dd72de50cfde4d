"""The tests of the network have teeth: each slip that an implementer makes brings one of them down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import test_network
from diffusers.models.attention import FeedForward
from torch import Tensor, nn

from tools.first_frame.hyperlora import checkpoint, network
from tools.first_frame.hyperlora.config import AttentionModule

Mutation = Callable[[pytest.MonkeyPatch], None]

forward, resample = network.HyperLora.forward, network.Resampler.forward


def swapped_conditions(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(network.Resampler, "forward", lambda self, face, picture: resample(self, picture, face))


def mean_after_the_norm(patch: pytest.MonkeyPatch) -> None:
    def one_by_one(self: network.Resampler, face: Tensor, picture: Tensor) -> Tensor:
        rows = [resample(self, face[n : n + 1], picture[n : n + 1]) for n in range(len(face))]
        return sum(rows[1:], rows[0]) / len(rows)

    patch.setattr(network.Resampler, "forward", one_by_one)


def sorted_list(patch: pytest.MonkeyPatch) -> None:
    """Sorted among modules of the same widths: any other order is refused when the file is read."""
    read = checkpoint.read_modules

    def widths(module: AttentionModule) -> tuple[int, int | None]:
        return module.hidden_size, module.cross_attention_dim

    def in_order(path: Path) -> list[AttentionModule]:
        modules = read(path)
        names = sorted(modules, key=lambda module: module.name, reverse=True)
        left = {kind: [module for module in names if widths(module) == kind] for kind in map(widths, modules)}
        return [left[widths(module)].pop() for module in modules]

    patch.setattr(checkpoint, "read_modules", in_order)


def alpha_of_the_rank(patch: pytest.MonkeyPatch) -> None:
    def doubled(self: network.HyperLora, faces: Tensor, pictures: Tensor) -> dict[str, Tensor]:
        written = forward(self, faces, pictures)
        return {key: value * 2 if key.endswith(".alpha") else value for key, value in written.items()}

    patch.setattr(network.HyperLora, "forward", doubled)


def tanh_gelu(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        network, "FeedForward", lambda dim, mult, activation_fn: FeedForward(dim, None, mult, 0.0, "gelu-approximate")
    )


def smaller_epsilon(patch: pytest.MonkeyPatch) -> None:
    class Closer(nn.LayerNorm):
        def __init__(self, width: int) -> None:
            super().__init__(width, eps=1e-6)

    patch.setattr(nn, "LayerNorm", Closer)


def up_before_down(patch: pytest.MonkeyPatch) -> None:
    mix = network.LayerBases.forward
    patch.setattr(network.LayerBases, "forward", lambda self, down, up: mix(self, up, down))


MUTATIONS = [
    swapped_conditions,
    mean_after_the_norm,
    sorted_list,
    alpha_of_the_rank,
    tanh_gelu,
    smaller_epsilon,
    up_before_down,
]


def checked(tiny_hyperlora: Path) -> None:
    for photos in (1, 3):
        test_network.test_it_writes_what_its_description_says(tiny_hyperlora, photos)
    test_network.test_what_it_writes_counts_half(tiny_hyperlora)
    test_network.test_keys_follow_the_order_of_the_list(tiny_hyperlora)


def test_the_network_as_it_is_passes(tiny_hyperlora: Path) -> None:
    checked(tiny_hyperlora)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_slip_is_caught(mutation: Mutation, monkeypatch: pytest.MonkeyPatch, tiny_hyperlora: Path) -> None:
    mutation(monkeypatch)
    with pytest.raises(AssertionError):
        checked(tiny_hyperlora)
