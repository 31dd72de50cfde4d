"""The tensors that go into the transformer: each trap of the pipeline would show here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import WanVACEPipeline

from tools.contracts import ClipSpec, Given, Reference, Size
from tools.video import engine
from tools.video.checkpoint import Wan
from tools.video.conditioning import on_white
from tools.video.wan import NEGATIVE_PROMPT
from tools.video.wan_vace import vace_large, vace_large_from_references

CLIP = ClipSpec(Size(64, 64), 17, 16)


@contextmanager
def calls_of(model: Any) -> Iterator[list[dict[str, Any]]]:
    """The keyword arguments of every call of the model within the block."""
    calls: list[dict[str, Any]] = []
    hook = model.register_forward_pre_hook(lambda _model, _args, given: calls.append(given), with_kwargs=True)
    yield calls
    hook.remove()


def quiet(done: int, total: int, message: str) -> None:
    pass


@pytest.fixture
def received(tiny_wan: Wan) -> Callable[..., list[dict[str, Any]]]:
    def generate(given: Given, clip: ClipSpec = CLIP, seed: int = 1, **options: Any) -> list[dict[str, Any]]:
        make = vace_large if given.frames else vace_large_from_references
        with calls_of(tiny_wan.pipe.transformer) as calls:
            list(make(**{"steps": 1, **options}).generate("a woman walks", clip, given, seed, quiet))
        return calls

    return generate


@pytest.fixture
def control(received) -> Callable[..., torch.Tensor]:
    """Shape (96, latents, height / 8, width / 8): 16 channels of what is kept, 16 of what is painted, 64 of mask."""

    def of(given: Given, **options: Any) -> torch.Tensor:
        found: torch.Tensor = received(given, **options)[0]["control_hidden_states"][0]
        return found

    return of


@torch.no_grad()
def encoded(vace: Wan, video: torch.Tensor) -> torch.Tensor:
    """Latents of a video of shape (3, frames, height, width) in [-1, 1], written down once more."""
    mean, std = (torch.tensor(vace.pipe.vae.config[f"latents_{name}"]).view(-1, 1, 1, 1) for name in ("mean", "std"))
    latents: torch.Tensor = (vace.pipe.vae.encode(video[None]).latent_dist.mode()[0] - mean) / std
    return latents


def as_tensor(images: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(images)).permute(3, 0, 1, 2).float() / 127.5 - 1


def test_the_first_frame_is_seen_as_latent_0_and_grey_everywhere_else(tiny_wan, control, picture):
    seen = control(Given({0: picture(1)}))
    grey = encoded(tiny_wan, torch.zeros(3, 17, 64, 64))
    assert seen.shape == (96, 5, 8, 8)
    assert torch.allclose(seen[:16, :1], encoded(tiny_wan, as_tensor([picture(1)])), atol=1e-5)
    assert torch.allclose(seen[16:32], grey, atol=1e-5)
    assert (seen[32:] == 1).all()


def test_with_a_first_frame_alone_the_clip_is_the_stock_pipelines_to_the_bit(tiny_wan, control, picture):
    stock = WanVACEPipeline(**tiny_wan.pipe.components)
    video = np.full((1, 17, 64, 64, 3), 127.5 / 255, np.float32)
    video[0, 0] = picture(1) / np.float32(255)
    mask = np.ones((1, 17, 64, 64, 1), np.float32)
    mask[0, 0] = 0
    with calls_of(stock.transformer) as calls:
        frames = stock(
            "a woman walks",
            negative_prompt=NEGATIVE_PROMPT,
            video=video,
            mask=mask,
            height=64,
            width=64,
            num_frames=17,
            num_inference_steps=2,
            generator=torch.Generator().manual_seed(3),
        ).frames[0]
    given = Given({0: picture(1)})
    assert torch.equal(control(given), calls[0]["control_hidden_states"][0])
    made = np.stack(list(vace_large(steps=2).generate("a woman walks", CLIP, given, 3, quiet)))
    assert np.array_equal(made, (frames * 255).round().astype(np.uint8))


def test_a_group_of_keyframes_is_seen_in_its_latent_and_marked_there(tiny_wan, control, picture):
    keyframes = {number: picture(number) for number in (0, 5, 6, 7, 8)}
    frames = [keyframes.get(number, np.full((64, 64, 3), 127.5, np.float32)) for number in range(17)]
    for masks, marked in (("by_group", [2]), ("stock", [1, 2])):
        seen = control(Given(keyframes), masks=masks)
        assert torch.allclose(seen[:16], encoded(tiny_wan, as_tensor(frames)), atol=1e-5)
        assert [latent for latent in range(5) if not seen[32:, latent].any()] == marked


def test_the_encoding_of_grey_is_the_stock_ones_and_done_once_for_a_size_and_length(
    tiny_wan, control, picture, monkeypatch
):
    monkeypatch.setattr(tiny_wan.pipe, "_blank", None)
    encoded_clips = []
    encode = tiny_wan.pipe.vae.encode
    monkeypatch.setattr(tiny_wan.pipe.vae, "encode", lambda video: encoded_clips.append(video) or encode(video))
    first, second = control(Given({0: picture(1)})), control(Given({0: picture(2)}))
    assert torch.equal(first[16:32], second[16:32])
    assert len(encoded_clips) == 3
    control(Given({0: picture(1)}), clip=ClipSpec(Size(64, 64), 9, 16))
    control(Given({0: picture(1)}), clip=ClipSpec(Size(64, 64), 9, 16), vae_tiling=True)
    assert len(encoded_clips) == 7


def test_a_reference_is_seen_before_the_clip_and_never_marked_for_painting(tiny_wan, control, photo):
    person = photo((200, 40, 40))
    seen = control(Given({}, (person,)))
    letterboxed = np.asarray(on_white(person, CLIP.size))
    assert seen.shape == (96, 6, 8, 8)
    assert torch.allclose(seen[:16, :1], encoded(tiny_wan, as_tensor([letterboxed])), atol=1e-5)
    assert not seen[16:, 0].any()
    assert (seen[32:, 1:] == 1).all()
    assert torch.equal(seen[:16, 1:], seen[16:32, 1:])


def test_references_are_seen_as_the_stock_pipeline_shows_them(tiny_wan, control, photo):
    people = (photo((200, 40, 40)), photo((40, 200, 40), 80, 50))
    stock = WanVACEPipeline(**tiny_wan.pipe.components)
    with calls_of(stock.transformer) as calls:
        stock(
            "a woman walks",
            reference_images=[on_white(person, CLIP.size) for person in people],
            height=64,
            width=64,
            num_frames=17,
            num_inference_steps=1,
        )
    assert torch.equal(control(Given({}, people)), calls[0]["control_hidden_states"][0])


def test_the_reference_is_given_beside_a_first_frame_only_if_asked_for(control, picture, photo):
    given = Given({0: picture(1)}, (photo((200, 40, 40)),))
    alone, both = control(given), control(given, keep_reference=True)
    assert alone.shape[1] == 5
    assert torch.equal(both[:, 1:], alone)


@pytest.mark.parametrize(
    ("size", "options", "timesteps"),
    [
        (Size(64, 64), {}, [999, 900, 750, 500]),
        (Size(64, 64), {"shift": 5.0}, [999, 937, 833, 625]),
        (Size(64, 64), {"shift": 16.0}, [999, 979, 941, 842]),
    ],
)
def test_the_shift_reaches_the_timesteps(received, picture, size, options, timesteps):
    calls = received(Given({0: picture(1)}), clip=ClipSpec(size, 5, 16), steps=4, guidance=1.0, **options)
    assert [int(call["timestep"]) for call in calls] == timesteps


def test_a_large_clip_is_shifted_further(received, picture, monkeypatch):
    monkeypatch.setattr(engine, "SMALL", 64 * 64)
    small, large = (
        received(Given({0: picture(1)}), clip=ClipSpec(size, 5, 16), steps=2, guidance=1.0)[1]["timestep"]
        for size in (Size(64, 64), Size(80, 64))
    )
    assert (int(small), int(large)) == (750, 833)


def test_a_shift_does_not_stay_for_the_next_clip(received, picture):
    before, _, after = (
        [call["timestep"] for call in received(Given({0: picture(1)}), steps=4, **options)]
        for options in ({}, {"shift": 9.0}, {})
    )
    assert before == after


def test_guidance_costs_a_second_call_a_step_and_the_prompts_are_read_once_a_clip(tiny_wan, received, picture):
    with calls_of(tiny_wan.pipe.text_encoder) as read:
        assert len(received(Given({0: picture(1)}), steps=3)) == 6
        assert len(read) == 2
        assert len(received(Given({0: picture(1)}), steps=3, guidance=1.0)) == 3
        assert len(read) == 3


def test_the_negative_prompt_and_the_weight_of_what_is_given_reach_the_model(received, picture):
    plain = received(Given({0: picture(1)}))
    other = received(Given({0: picture(1)}), negative_prompt="stripes", conditioning_scale=0.5)
    positive, negative = ([call["encoder_hidden_states"] for call in calls] for calls in (plain, other))
    assert torch.equal(positive[0], negative[0])
    assert not torch.equal(positive[1], negative[1])
    assert (plain[0]["control_hidden_states_scale"] == 1).all()
    assert (other[0]["control_hidden_states_scale"] == 0.5).all()


def test_a_photo_need_not_have_the_size_of_the_clip(control, photo):
    big: Reference = photo((200, 40, 40), 600, 800)
    assert control(Given({}, (big,))).shape == (96, 6, 8, 8)
