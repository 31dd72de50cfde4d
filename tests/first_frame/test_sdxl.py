from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from tiny_hyperlora import TINY

from tools import sdxl
from tools.errors import BackendError, InputError, Unavailable
from tools.first_frame.hyperlora.checkpoint import load_network


@pytest.fixture
def identity(tiny_hyperlora) -> sdxl.IdentityLora:
    numbers = torch.Generator().manual_seed(5)
    faces = torch.randn(1, TINY.face_dim, generator=numbers)
    lora = load_network(tiny_hyperlora)(faces / faces.norm(), torch.randn(1, 5, TINY.dim, generator=numbers))
    return sdxl.IdentityLora("somebody", lora, "trigger words")


def test_noise_levels_are_those_of_the_published_workflow(tiny_sdxl):
    """DPM++ 2M on Karras' levels: 20 steps from 14.6 down to 0."""
    scheduler = tiny_sdxl.pipe.scheduler
    with pytest.warns(DeprecationWarning, match="copy"):
        scheduler.set_timesteps(20)
    steps = [999, 962, 921, 876, 827, 772, 710, 640, 561, 474, 380, 285, 197, 123, 69, 35, 15, 6, 2, 0]
    assert scheduler.timesteps.tolist() == steps
    assert scheduler.sigmas[0] == pytest.approx(14.6146, abs=1e-3)
    assert scheduler.sigmas[-2] == pytest.approx(0.0292, abs=1e-4)
    assert scheduler.sigmas[-1] == 0
    assert scheduler.config.algorithm_type == "dpmsolver++"
    assert (scheduler.config.solver_order, scheduler.config.solver_type) == (2, "midpoint")


def test_a_short_prompt_is_encoded_as_diffusers_does(tiny_sdxl):
    ours = tiny_sdxl.encode("a woman at sea", "blurry")
    theirs = tiny_sdxl.pipe.encode_prompt("a woman at sea", negative_prompt="blurry", device="cpu")
    assert all(torch.equal(a, b) for a, b in zip(ours.arguments().values(), theirs, strict=True))


LONG = "a woman " + "by the sea at dawn, " * 10


def test_a_long_prompt_is_read_to_its_end(tiny_sdxl):
    one, other = (tiny_sdxl.encode(LONG + last, "blurry") for last in ("cat", "dog"))
    assert one.prompt_embeds.shape[1] % 77 == 0
    assert one.prompt_embeds.shape[1] > 77
    assert not torch.equal(one.prompt_embeds, other.prompt_embeds)
    assert torch.equal(one.prompt_embeds[:, :77], other.prompt_embeds[:, :77])
    assert torch.equal(one.pooled_prompt_embeds, other.pooled_prompt_embeds)


def test_a_negative_of_another_length_means_what_it_means_alone(tiny_sdxl):
    """Attention over a text said several times is attention over the text."""
    alone = tiny_sdxl.encode("a woman", "blurry").negative_prompt_embeds
    beside = tiny_sdxl.encode(LONG, "blurry").negative_prompt_embeds
    assert beside.shape[1] > alone.shape[1]
    layer = tiny_sdxl.pipe.unet.down_blocks[1].attentions[0].transformer_blocks[0].attn2
    looking = torch.randn(1, 9, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(layer(looking, beside), layer(looking, alone), atol=1e-5, rtol=1e-5)


def test_an_empty_prompt_is_one_chunk(tiny_sdxl):
    assert tiny_sdxl.encode("", "").prompt_embeds.shape[1] == 77


def test_the_identity_is_worn_within_the_block_only(tiny_sdxl, identity):
    layer = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    x = torch.randn(2, 32, generator=torch.Generator().manual_seed(0))

    def seen() -> torch.Tensor:
        with torch.no_grad():
            return tiny_sdxl.pipe.unet.get_submodule(layer)(x)

    before = seen()
    with tiny_sdxl.wearing(identity):
        worn = seen()
    assert not torch.equal(before, worn)
    assert torch.equal(seen(), before)
    with tiny_sdxl.wearing(None):
        assert torch.equal(seen(), before)
    with tiny_sdxl.wearing(identity):
        assert torch.equal(seen(), worn)


def test_one_identity_follows_another(tiny_sdxl, identity):
    doubled = {key: value * 2 if "lora_up" in key else value for key, value in identity.weights.items()}
    other = sdxl.IdentityLora("somebody else", doubled, "trigger words")
    layer = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    x = torch.randn(2, 32, generator=torch.Generator().manual_seed(0))
    seen = []
    for worn in (None, identity, other, identity):
        with tiny_sdxl.wearing(worn), torch.no_grad():
            seen.append(tiny_sdxl.pipe.unet.get_submodule(layer)(x))
    nobody, one, two, again = seen
    torch.testing.assert_close(two - nobody, 2 * (one - nobody))
    assert torch.equal(again, one)


def test_the_identity_comes_off_when_the_painting_fails(tiny_sdxl, identity):
    with pytest.raises(BackendError), tiny_sdxl.wearing(identity):
        raise BackendError("it failed")
    assert tiny_sdxl.pipe.unet.get_submodule("mid_block.attentions.0.transformer_blocks.0.attn1.to_q").disable_adapters


def test_trigger_words_begin_the_prompt(identity):
    assert identity.prompt("a woman at sea") == "trigger words, a woman at sea"


def test_a_checkpoint_that_is_not_here_is_told_with_the_command_and_the_licence():
    with pytest.raises(Unavailable, match=r"steadface models pull realvisxl \(licence: .*STEADFACE_SDXL"):
        sdxl.shared()


def test_a_checkpoint_that_lacks_a_part_is_told(tiny_sdxl_folder, tmp_path):
    folder = shutil.copytree(tiny_sdxl_folder, tmp_path / "sdxl")
    shutil.rmtree(folder / "vae")
    with pytest.raises(Unavailable, match="is not whole"):
        sdxl.load(folder, torch.device("cpu"))


def test_the_checkpoint_is_a_setting_and_loaded_once(monkeypatch, tiny_sdxl_folder):
    monkeypatch.setenv("STEADFACE_SDXL", str(tiny_sdxl_folder))
    sdxl.shared.cache_clear()
    try:
        assert sdxl.shared() is sdxl.shared()
    finally:
        sdxl.shared.cache_clear()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning:diffusers")
@pytest.mark.filterwarnings("ignore:`upcast_vae` is deprecated:FutureWarning:diffusers")
def test_compiled_blocks_paint_the_same_and_are_not_compiled_again_for_another_person(
    monkeypatch, tiny_sdxl, tiny_sdxl_folder, identity
):
    """Compiled without generating code, which needs a compiler on the machine; its results are then exact."""
    monkeypatch.setenv("STEADFACE_SDXL_COMPILE", "aot_eager")
    compiled = sdxl.load(tiny_sdxl_folder, torch.device("cpu"))
    mirrored = {key: -value if "lora_up" in key else value for key, value in identity.weights.items()}
    other = sdxl.IdentityLora("somebody else", mirrored, "trigger words")
    graphs = []
    for worn in (identity, other):
        with compiled.wearing(worn), tiny_sdxl.wearing(worn):
            assert np.array_equal(paint(compiled), paint(tiny_sdxl))
        graphs.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
    assert graphs[0] == graphs[1] > 0


@pytest.mark.parametrize("variable", ["STEADFACE_SDXL_COMPILE", "STEADFACE_SDXL_OFFLOAD"])
def test_a_wrong_setting_is_told_with_those_there_are(monkeypatch, tiny_sdxl_folder, variable):
    monkeypatch.setenv(variable, "maybe")
    with pytest.raises(InputError, match=rf"{variable} cannot be 'maybe'; choose one of: .*(inductor|always)"):
        sdxl.load(tiny_sdxl_folder, torch.device("cpu"))


def paint(painter):
    pictures = painter.pipe(
        **painter.encode("a woman at sea").arguments(), num_inference_steps=2, width=64, height=48,
        generator=torch.Generator().manual_seed(3), output_type="np",
    ).images  # fmt: skip
    return pictures[0]


def test_too_little_memory_is_told():
    with pytest.raises(BackendError, match="ask for fewer candidates or a smaller size"), sdxl.enough_memory():
        raise torch.OutOfMemoryError


def test_precision_is_a_setting_and_follows_the_device(monkeypatch):
    monkeypatch.delenv("STEADFACE_SDXL_PRECISION", raising=False)
    assert sdxl.best_precision(torch.device("cpu")) == torch.float32
    assert sdxl.best_precision(torch.device("cuda")) == torch.float16
    monkeypatch.setenv("STEADFACE_SDXL_PRECISION", "bfloat16")
    assert sdxl.best_precision(torch.device("cuda")) == torch.bfloat16
    monkeypatch.setenv("STEADFACE_SDXL_PRECISION", "float8")
    with pytest.raises(InputError, match="cannot be 'float8'; choose one of: float16, bfloat16, float32"):
        sdxl.best_precision(torch.device("cuda"))
