from __future__ import annotations

import numpy as np
import pytest
import torch
from green_faces import GreenFaces, photo_of, reference_of

from tools import sdxl
from tools.contracts import Box, Size
from tools.errors import BackendError, Cancelled
from tools.first_frame.hyperlora.backend import HyperLoraFirstFrame
from tools.first_frame.hyperlora.checkpoint import load_network
from tools.first_frame.hyperlora.clip import PictureEncoder
from tools.first_frame.hyperlora.identity import HyperLoraIdentity, Writer
from tools.first_frame.hyperlora.shelf import Shelf
from tools.notes import noted

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning:diffusers"),
    pytest.mark.filterwarnings("ignore:`upcast_vae` is deprecated:FutureWarning:diffusers"),
]

FACE = Box(150, 80, 100, 120)
ONE = reference_of(photo_of(FACE), FACE)
OTHER = reference_of(photo_of(FACE, seed=1), FACE)
PROMPT = "a woman at sea, close-up"
SIZE = Size(64, 48)


def quiet(done: int, total: int, message: str) -> None:
    pass


@pytest.fixture
def identities(tiny_hyperlora, tiny_clip, tmp_path) -> HyperLoraIdentity:
    writer = Writer(load_network(tiny_hyperlora), PictureEncoder(tiny_clip), GreenFaces())
    return HyperLoraIdentity(lambda: writer, "tiny", Shelf(tmp_path))


@pytest.fixture
def painter(tiny_sdxl, identities) -> HyperLoraFirstFrame:
    return HyperLoraFirstFrame(tiny_sdxl, identities)


def test_the_same_seed_paints_the_same_pixels_and_another_others(painter):
    once = painter.generate([ONE], PROMPT, [1, 2], SIZE, quiet)
    again = painter.generate([ONE], PROMPT, [1, 2], SIZE, quiet)
    assert [image.shape for image in once] == [(48, 64, 3)] * 2
    assert once[0].dtype == np.uint8
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
    assert not np.array_equal(once[0], once[1])


def test_a_batch_paints_what_single_runs_paint(painter):
    batch = painter.generate([ONE], PROMPT, [1, 2], SIZE, quiet)
    for image, seed in zip(batch, [1, 2], strict=True):
        (alone,) = painter.generate([ONE], PROMPT, [seed], SIZE, quiet)
        assert np.abs(image.astype(int) - alone).max() <= 1


def test_a_batch_that_is_too_much_for_the_gpu_is_painted_one_after_another_and_it_is_said(painter):
    batch = painter.generate([ONE], PROMPT, [1, 2], SIZE, quiet)

    def full(_model, given):
        if given[0].shape[0] == 4:  # two pictures, with guidance
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    hook = painter.painter.pipe.unet.register_forward_pre_hook(full)
    with noted() as notes:
        single = painter.generate([ONE], PROMPT, [1, 2], SIZE, quiet)
    hook.remove()
    assert notes == ["The GPU ran out of memory, and the first frames were painted one after another."]
    assert all(np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(batch, single, strict=True))


def test_one_picture_that_is_too_much_for_the_gpu_is_told(painter):
    def full(_model, given):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    hook = painter.painter.pipe.unet.register_forward_pre_hook(full)
    with pytest.raises(BackendError, match="too little memory for this picture"):
        painter.generate([ONE], PROMPT, [1], SIZE, quiet)
    hook.remove()


def test_the_person_changes_the_picture(painter):
    (one,), (other,) = (painter.generate([person], PROMPT, [1], SIZE, quiet) for person in (ONE, OTHER))
    assert not np.array_equal(one, other)


def test_it_paints_what_diffusers_paints_with_the_lora_loaded(painter, identities, tiny_sdxl_folder):
    """Trigger words first, strength 0.85, 20 steps, guidance 5."""
    (ours,) = painter.generate([ONE], PROMPT, [4], SIZE, quiet)
    plain = sdxl.load(tiny_sdxl_folder, torch.device("cpu"))
    plain.pipe.load_lora_weights(dict(identities.encode([ONE], quiet).weights), adapter_name="me")
    plain.pipe.set_adapters(["me"], [0.85])
    theirs = plain.pipe(
        **plain.encode(f"fcsks fxhks fhyks, {PROMPT}").arguments(),
        width=64,
        height=48,
        num_inference_steps=20,
        guidance_scale=5.0,
        generator=torch.Generator().manual_seed(4),
    ).images[0]
    assert np.array_equal(ours, np.asarray(theirs))


def test_options_are_what_is_painted_with(tiny_sdxl, identities, painter):
    (usual,) = painter.generate([ONE], PROMPT, [1], SIZE, quiet)
    for options in ({"steps": 5}, {"guidance": 3.0}, {"identity_strength": 0.2}, {"negative_prompt": "a hat"}):
        (other,) = HyperLoraFirstFrame(tiny_sdxl, identities, **options).generate([ONE], PROMPT, [1], SIZE, quiet)
        assert not np.array_equal(usual, other), options


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_half_precision_paints_nearly_the_same(painter, identities, tiny_sdxl_folder, precision):
    """A VAE that overflows in half precision decodes in full; bfloat16 has three digits."""
    halved = sdxl.load(tiny_sdxl_folder, torch.device("cpu"), precision)
    (near,) = HyperLoraFirstFrame(halved, identities).generate([ONE], PROMPT, [1], SIZE, quiet)
    (full,) = painter.generate([ONE], PROMPT, [1], SIZE, quiet)
    assert 0 < np.abs(near.astype(int) - full).mean() < 2


def test_numbers_that_overflow_are_told_and_never_shown_as_black(painter):
    with torch.no_grad():
        painter.painter.pipe.vae.decoder.conv_out.bias.fill_(torch.nan)
    with pytest.raises(BackendError, match="set STEADFACE_SDXL_PRECISION to bfloat16 or float32"):
        painter.generate([ONE], PROMPT, [1], SIZE, quiet)


def test_any_even_size_is_painted_exactly(painter):
    (image,) = painter.generate([ONE], PROMPT, [1], Size(70, 50), quiet)
    assert image.shape == (50, 70, 3)


def test_every_step_is_reported_and_progress_never_falls(painter):
    told: list[tuple[int, int]] = []
    painter.generate([ONE], PROMPT, [1], SIZE, lambda done, total, _: told.append((done, total)))
    assert {total for _, total in told} == {20}
    assert [done for done, _ in told if done] == list(range(1, 21))
    assert sorted(told) == told


def test_painting_stops_at_the_step_that_it_is_cancelled_at(painter):
    told: list[int] = []

    def cancel(done: int, total: int, message: str) -> None:
        told.append(done)
        if done == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        painter.generate([ONE], PROMPT, [1], SIZE, cancel)
    assert max(told) == 3
    assert len(painter.generate([ONE], PROMPT, [1], SIZE, quiet)) == 1
