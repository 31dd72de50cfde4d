from __future__ import annotations

import json

import plain_hyperlora
import pytest
import torch
from diffusers import UNet2DConditionModel
from tiny_hyperlora import TINY, module_list

from tools.first_frame.hyperlora.checkpoint import load_network
from tools.first_frame.hyperlora.config import AttentionModule, HyperLoraConfig
from tools.first_frame.hyperlora.network import HyperLora


def conditions(photos: int) -> tuple[torch.Tensor, torch.Tensor]:
    numbers = torch.Generator().manual_seed(photos)
    faces = torch.randn(photos, TINY.face_dim, generator=numbers)
    return faces / faces.norm(dim=-1, keepdim=True), torch.randn(photos, 5, TINY.dim, generator=numbers)


@pytest.mark.parametrize("photos", [1, 3])
def test_it_writes_what_its_description_says(tiny_hyperlora, photos):
    faces, pictures = conditions(photos)
    written = load_network(tiny_hyperlora)(faces, pictures)
    expected = plain_hyperlora.plain_lora(tiny_hyperlora, faces, pictures, TINY)
    assert {key for key in written if not key.endswith(".alpha")} == set(expected)
    for key, matrix in expected.items():
        torch.testing.assert_close(
            written[key], matrix, atol=1e-5, rtol=1e-5, msg=lambda said, key=key: f"{key}: {said}"
        )


def test_what_it_writes_counts_half(tiny_hyperlora):
    written = load_network(tiny_hyperlora)(*conditions(1))
    alphas = {key: value for key, value in written.items() if key.endswith(".alpha")}
    assert len(alphas) == 4 * TINY.modules
    assert {float(value) for value in alphas.values()} == {TINY.rank / 2}


def test_keys_follow_the_order_of_the_list(tiny_hyperlora):
    names = list(module_list())
    assert names != sorted(names)
    written = list(load_network(tiny_hyperlora)(*conditions(1)))
    assert written[:3] == [f"{names[0]}_to_q.{what}" for what in ("alpha", "lora_down.weight", "lora_up.weight")]
    assert written[9].startswith(f"{names[0]}_to_out_0.")
    assert written[-1] == f"{names[-1]}_to_out_0.lora_up.weight"


def test_coefficients_have_length_one(tiny_hyperlora):
    network = load_network(tiny_hyperlora)
    faces, pictures = conditions(2)
    coefficients = network.resampler(network.id_projector(faces), pictures)
    assert coefficients.shape == (8 * TINY.modules, TINY.basis)
    torch.testing.assert_close(coefficients.norm(dim=-1), torch.ones(8 * TINY.modules))


def test_it_writes_in_the_precision_of_its_file(tmp_path):
    from tiny_hyperlora import save_tiny_hyperlora

    written = load_network(save_tiny_hyperlora(tmp_path, dtype=torch.float16))(*conditions(1))
    assert {value.dtype for key, value in written.items() if key.endswith(".weight")} == {torch.float16}


@pytest.fixture(scope="module")
def sdxl_unet() -> UNet2DConditionModel:
    """The UNet of Stable Diffusion XL, without its weights."""
    with torch.device("meta"):
        return UNet2DConditionModel(
            block_out_channels=(320, 640, 1280),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            attention_head_dim=(5, 10, 20),
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            transformer_layers_per_block=(1, 2, 10),
            projection_class_embeddings_input_dim=2816,
            cross_attention_dim=2048,
        )


def test_the_published_sizes_are_those_of_the_published_files(sdxl_unet):
    config = HyperLoraConfig()
    attentions = {
        name.removesuffix(".to_q"): layer.in_features
        for name, layer in sdxl_unet.named_modules()
        if name.endswith(".to_q")
    }
    modules = [
        AttentionModule(f"lora_unet_{name.replace('.', '_')}", width, 2048 if name.endswith("attn2") else None)
        for name, width in attentions.items()
    ]
    assert len(modules) == config.modules
    with torch.device("meta"):
        network = HyperLora(modules, config)
        lora = network(torch.empty(1, 512), torch.empty(1, 257, 1024))
    sizes = {
        part: sum(tensor.numel() for tensor in network.get_submodule(part).state_dict().values())
        for part in ("hyper_lora_modules", "resampler", "id_projector")
    }
    assert sizes == {"hyper_lora_modules": 1_486_356_480, "resampler": 74_750_080, "id_projector": 8_407_040}
    assert len(network.resampler.state_dict()) == 119
    assert len(lora) == 1680
    assert sum(tensor.numel() for key, tensor in lora.items() if key.endswith(".weight")) == 11_612_160
    for name in attentions:
        for layer in ("to_q", "to_k", "to_v", "to_out.0"):
            key = f"lora_unet_{name}.{layer}".replace(".", "_")
            theirs = sdxl_unet.get_submodule(f"{name}.{layer}").weight
            assert lora[f"{key}.lora_up.weight"].shape == (theirs.shape[0], 8)
            assert lora[f"{key}.lora_down.weight"].shape == (8, theirs.shape[1])


def test_the_list_is_the_attention_of_the_tiny_unet(tiny_sdxl):
    names = {name.replace(".processor", "").replace(".", "_") for name in tiny_sdxl.pipe.unet.attn_processors}
    assert {f"lora_unet_{name}" for name in names} == set(module_list())
    assert json.dumps(module_list()) != json.dumps(module_list(original_names=True))
