"""Clips from tiny image-to-video models of the three kinds that there are, by the product's own path."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import WanImageToVideoPipeline
from PIL import Image
from tiny_wan import save_tiny_wan_2_1, save_tiny_wan_2_2, save_tiny_wan_5b

from tools import registry
from tools.contracts import ClipSpec, Given, RGBImage, Size
from tools.errors import Cancelled, InputError, Unavailable
from tools.video.checkpoint import Wan, shared
from tools.video.wan import NEGATIVE_PROMPT
from tools.video.wan_i2v import WAN_2_1_480P, WAN_2_2_5B, WAN_2_2_A14B, wan_2_1_480p, wan_2_2_5b, wan_2_2_a14b
from tools.video.wan_vace import vace_large

PROMPT = "a woman walks along the sea"
MAKERS = {"2.1": wan_2_1_480p, "a14b": wan_2_2_a14b, "5b": wan_2_2_5b}
ENGINES = {"2.1": WAN_2_1_480P, "a14b": WAN_2_2_A14B, "5b": WAN_2_2_5B}
VARIABLES = {
    "2.1": "STEADFACE_WAN_2_1_I2V_480P",
    "a14b": "STEADFACE_WAN_2_2_I2V_A14B",
    "5b": "STEADFACE_WAN_2_2_TI2V_5B",
}
KINDS = pytest.mark.parametrize("kind", list(MAKERS))


def quiet(done: int, total: int, message: str) -> None:
    pass


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("i2v")
    savers = {"2.1": save_tiny_wan_2_1, "a14b": save_tiny_wan_2_2, "5b": save_tiny_wan_5b}
    return {kind: save(folder / kind) for kind, save in savers.items()}


@pytest.fixture(autouse=True)
def named(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, folder in folders.items():
        monkeypatch.setenv(VARIABLES[kind], str(folder))


def clip_spec(kind: str, size: Size = Size(64, 64), frames: int = 9) -> ClipSpec:
    return ClipSpec(size, frames, ENGINES[kind].fps)


def clip_of(kind: str, first: RGBImage, seed: int = 1, clip: ClipSpec | None = None, **options: Any) -> np.ndarray:
    backend = MAKERS[kind](**{"steps": 2, **options})
    return np.stack(list(backend.generate(PROMPT, clip or clip_spec(kind), Given({0: first}), seed, quiet)))


@pytest.fixture
def received() -> Callable[..., Any]:
    """The keyword arguments of every call of each transformer while a clip is made."""

    def of(kind: str, first: RGBImage, **options: Any) -> list[list[dict[str, Any]]]:
        wan = shared(ENGINES[kind])
        calls: list[list[dict[str, Any]]] = [[] for _ in wan.transformers]
        hooks = [
            transformer.register_forward_pre_hook(partial(_keep, heard), with_kwargs=True)
            for transformer, heard in zip(wan.transformers, calls, strict=True)
        ]
        clip_of(kind, first, **options)
        for hook in hooks:
            hook.remove()
        return calls

    return of


def _keep(heard: list[dict[str, Any]], _model: object, _arguments: object, given: dict[str, Any]) -> None:
    heard.append(given)


@KINDS
def test_a_clip_has_what_was_asked_for_and_the_same_bytes_for_the_same_seed(kind, picture):
    first = picture(1)
    one, again, other = (clip_of(kind, first, seed) for seed in (1, 1, 2))
    assert one.shape == (9, 64, 64, 3)
    assert one.std() > 0
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, clip_of(kind, picture(2)))


@KINDS
def test_a_clip_is_the_stock_pipelines_to_the_bit(kind, picture):
    ours = clip_of(kind, picture(1))  # first: the scheduler is the last clip's
    wan, clip = shared(ENGINES[kind]), clip_spec(kind)
    stock = WanImageToVideoPipeline(
        **wan.pipe.components,
        boundary_ratio=wan.pipe.config.boundary_ratio,
        expand_timesteps=wan.pipe.config.expand_timesteps,
    )
    frames = stock(
        Image.fromarray(picture(1)),
        prompt=PROMPT,
        negative_prompt=NEGATIVE_PROMPT,
        height=64,
        width=64,
        num_frames=clip.frames,
        num_inference_steps=2,
        guidance_scale=ENGINES[kind].guidance,
        generator=torch.Generator().manual_seed(1),
    ).frames[0]
    assert np.array_equal(ours, (frames * 255).round().astype(np.uint8))


@pytest.mark.parametrize("kind", ["2.1", "a14b"])
def test_the_first_frame_is_marked_as_kept_and_seen_in_its_latents(kind, picture, received):
    """Of 36 channels 16 are noise, 4 the mask, of which 1 keeps, and 16 the first frame and grey."""
    seen = received(kind, picture(1))[0][0]["hidden_states"][0]
    assert seen.shape == (36, 3, 8, 8)
    assert (seen[16:20, 0] == 1).all()
    assert not seen[16:20, 1:].any()
    assert torch.allclose(seen[20:, :1], encoded(shared(ENGINES[kind]), picture(1)), atol=1e-4)


def test_the_5b_model_sees_the_first_frame_clean_at_every_step(picture, received):
    calls = received("5b", picture(1, 64, 64), steps=3, guidance=1.0)[0]
    first = encoded(shared(WAN_2_2_5B), picture(1))
    assert len(calls) == 3
    for call in calls:
        assert torch.allclose(call["hidden_states"][0, :, :1], first, atol=1e-4)
        assert not call["timestep"][0, :4].any()
        assert (call["timestep"][0, 4:] > 0).all()


@torch.no_grad()
def encoded(wan: Wan, image: RGBImage) -> torch.Tensor:
    """Latents of one image, written down once more."""
    video = torch.from_numpy(image).permute(2, 0, 1)[None, :, None].float() / 127.5 - 1
    mean, std = (torch.tensor(wan.pipe.vae.config[f"latents_{name}"]).view(-1, 1, 1, 1) for name in ("mean", "std"))
    latents: torch.Tensor = (wan.pipe.vae.encode(video).latent_dist.mode()[0] - mean) / std
    return latents


def test_only_wan_2_1_sees_the_first_frame_through_clip(picture, received):
    looked = {kind: received(kind, picture(1))[0][0]["encoder_hidden_states_image"] is not None for kind in MAKERS}
    assert looked == {"2.1": True, "a14b": False, "5b": False}


def test_each_transformer_of_a14b_has_its_side_of_the_boundary_and_its_guidance(picture, received):
    high, low = received("a14b", picture(1), steps=10)
    assert min(int(call["timestep"]) for call in high) >= 900
    assert max(int(call["timestep"]) for call in low) < 900
    assert len(high) + len(low) == 20
    plain = clip_of("a14b", picture(1), steps=4)
    assert not np.array_equal(plain, clip_of("a14b", picture(1), steps=4, guidance_2=6.0))
    assert np.array_equal(plain, clip_of("a14b", picture(1), steps=4, guidance_2=3.5))


def test_guidance_for_low_noise_alone_is_refused_since_it_would_do_nothing():
    with pytest.raises(InputError, match="leave the option guidance_2 out"):
        wan_2_2_a14b(guidance=1.0, guidance_2=3.5)
    assert wan_2_2_a14b(guidance=1.0).guidance_2 is None


@KINDS
def test_a_cancelled_clip_ends_within_a_step_and_the_next_one_is_as_ever(kind, picture):
    before, told = clip_of(kind, picture(1)), []

    def cancelled(done: int, total: int, message: str) -> None:
        told.append(done)
        if told.count(1) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        MAKERS[kind](steps=2).generate(PROMPT, clip_spec(kind), Given({0: picture(1)}), 1, cancelled)
    assert 2 not in told
    assert np.array_equal(clip_of(kind, picture(1)), before)


def test_a_side_that_the_model_cannot_paint_is_painted_longer_and_cut(picture):
    """The 5B model paints multiples of 32."""
    clip = clip_spec("5b", Size(64, 48), 5)
    assert WAN_2_2_5B.canvas(clip.size) == (64, 64)
    small = clip_of("5b", picture(1, 64, 48), clip=clip)
    padded = np.pad(picture(1, 64, 48), ((8, 8), (0, 0), (0, 0)), mode="symmetric")
    whole = clip_of("5b", padded, clip=clip_spec("5b", frames=5))
    assert np.array_equal(small, whole[:, 8:56])


@pytest.mark.parametrize(
    ("kind", "clip", "said"),
    [
        ("2.1", ClipSpec(Size(832, 480), 80, 16), "Wan 2.1 I2V makes 5, 9, 13 … 81 frames, not 80; ask for 81"),
        ("5b", ClipSpec(Size(1280, 704), 121, 16), "Wan 2.2 TI2V 5B makes 24 frames a second, not 16; set fps to 24"),
        ("5b", ClipSpec(Size(1280, 704), 125, 24), "not 125; ask for 121"),
    ],
)
def test_clips_that_the_model_was_not_trained_on_are_refused(kind, clip, said):
    with pytest.raises(InputError, match=said):
        MAKERS[kind]().check(clip)


def test_a_folder_of_another_kind_is_refused(folders, tiny_wan_folder, monkeypatch):
    for variable, folder, make in [
        (VARIABLES["2.1"], folders["a14b"], wan_2_1_480p),
        (VARIABLES["2.1"], tiny_wan_folder, wan_2_1_480p),
        (VARIABLES["a14b"], folders["2.1"], wan_2_2_a14b),
        (VARIABLES["5b"], folders["a14b"], wan_2_2_5b),
        ("STEADFACE_WAN_VACE_14B", folders["2.1"], vace_large),
    ]:
        with monkeypatch.context() as patched:
            patched.setenv(variable, str(folder))
            with pytest.raises(Unavailable, match="is not whole"):
                make()


def test_the_model_for_first_and_last_frames_is_refused_as_it_looks_at_two(folders, tmp_path, monkeypatch):
    folder = copytree(folders["2.1"], tmp_path / "flf2v")
    config = folder / "transformer" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "pos_embed_seq_len": 514}))
    monkeypatch.setenv(VARIABLES["2.1"], str(folder))
    with pytest.raises(Unavailable, match=r"holds no Wan 2\.1 I2V transformer"):
        wan_2_1_480p()


@pytest.mark.parametrize("name", ["wan2.1-i2v-14b-480p", "wan2.1-i2v-14b-720p", "wan2.2-i2v-a14b", "wan2.2-ti2v-5b"])
def test_the_engines_are_backends_with_options_and_no_keyframes(name, folders, monkeypatch):
    monkeypatch.setenv("STEADFACE_WAN_2_1_I2V_720P", str(folders["2.1"]))
    backend = registry.create("video", name, options={"steps": 25, "shift": 8})
    assert (backend.steps, backend.needs, backend.takes_keyframes) == (25, {"first_frame"}, False)
    options = {"guidance_2": 4.0}
    if name == "wan2.2-i2v-a14b":
        assert registry.create("video", name, options=options).guidance_2 == 4.0
    else:
        with pytest.raises(InputError, match='has no option "guidance_2"'):
            registry.create("video", name, options=options)
