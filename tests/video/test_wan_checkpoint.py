"""Loading: in the precisions that the model was made for, whole or with one sentence that says what is missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from published_wan import published_vace

from tools.errors import InputError, Unavailable
from tools.video.checkpoint import shared, whole_folder
from tools.video.memory import best_offload
from tools.video.vace_pipeline import VacePipeline
from tools.video.wan_vace import VACE_14B

GIB = 2**30


@pytest.fixture
def folder(tiny_wan_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that nobody has loaded."""
    copy = shutil.copytree(tiny_wan_folder, tmp_path / "wan")
    monkeypatch.setenv("STEADFACE_WAN_VACE_14B", str(copy))
    return copy


@pytest.mark.parametrize(
    "file",
    [
        "model_index.json",
        "scheduler/scheduler_config.json",
        "transformer/config.json",
        "transformer/diffusion_pytorch_model-00002-of-00003.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
    ],
)
def test_a_folder_that_lacks_a_file_is_told_before_anything_is_loaded(folder, file):
    (folder / file).unlink()
    with pytest.raises(
        Unavailable, match=r"Wan2.1 VACE 14B is not whole: .* steadface models pull wan-vace-14b"
    ) as told:
        whole_folder(VACE_14B)
    assert Path(file).parts[0] in str(told.value)


def test_a_folder_that_is_not_there_is_told_with_the_command(monkeypatch, tmp_path):
    monkeypatch.setenv("STEADFACE_WAN_VACE_14B", str(tmp_path / "nowhere"))
    with pytest.raises(Unavailable, match="steadface models pull wan-vace-14b"):
        whole_folder(VACE_14B)


@pytest.mark.parametrize("part", ["transformer", "vae", "text_encoder"])
def test_a_file_that_broke_off_is_told_in_one_sentence(folder, part):
    file = next((folder / part).glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(Unavailable, match=r"is not whole: .* cannot be read"):
        shared(VACE_14B)


def test_an_index_that_is_no_json_is_told(folder):
    (folder / "model_index.json").write_text("{")
    with pytest.raises(Unavailable, match="an index that cannot be read"):
        whole_folder(VACE_14B)


def test_a_checkpoint_of_another_kind_is_told(folder):
    index = json.loads((folder / "model_index.json").read_text())
    index["transformer"] = ["diffusers", "WanTransformer3DModel"]
    (folder / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(Unavailable, match="holds no VACE"):
        whole_folder(VACE_14B)


def test_a_pipeline_is_loaded_once(folder):
    assert shared(VACE_14B) is shared(VACE_14B)


def test_on_a_cpu_everything_is_in_full_precision(folder):
    assert {weights.dtype for weights in shared(VACE_14B).pipe.transformer.parameters()} == {torch.float32}


def test_in_half_precision_the_vae_and_what_steers_the_norms_stay_whole(folder, monkeypatch):
    monkeypatch.setenv("STEADFACE_WAN_PRECISION", "bfloat16")
    pipe = shared(VACE_14B).pipe
    assert {weights.dtype for weights in pipe.vae.parameters()} == {torch.float32}
    assert {weights.dtype for weights in pipe.text_encoder.parameters()} == {torch.bfloat16}
    precisions = {name: weights.dtype for name, weights in pipe.transformer.named_parameters()}
    whole = {name for name, precision in precisions.items() if precision == torch.float32}
    assert "blocks.0.attn1.to_q.weight" not in whole
    assert {"scale_shift_table", "blocks.0.scale_shift_table", "blocks.0.norm2.weight"} <= whole


def test_the_text_encoder_reads_with_the_embeddings_of_the_file(folder):
    encoder = shared(VACE_14B).pipe.text_encoder
    assert torch.equal(encoder.encoder.embed_tokens.weight, encoder.shared.weight)


@pytest.mark.parametrize("variable", ["STEADFACE_WAN_PRECISION", "STEADFACE_WAN_OFFLOAD"])
def test_a_choice_that_is_none_is_told(folder, monkeypatch, variable):
    monkeypatch.setenv(variable, "float15")
    with pytest.raises(InputError, match=f"{variable} cannot be 'float15'; choose one of"):
        shared(VACE_14B)


@pytest.fixture(scope="module")
def published() -> dict[str, VacePipeline]:
    return published_vace()


@pytest.mark.parametrize(
    ("model", "gib", "offload"),
    [
        ("14b", 139, "none"),
        ("14b", 79, "none"),
        ("14b", 60, "model"),
        ("14b", 47, "blocks"),
        ("14b", 23.5, "blocks"),
        ("1.3b", 23.5, "none"),
        ("1.3b", 15.7, "model"),
        ("1.3b", 8, "blocks"),
    ],
)
def test_models_take_turns_where_the_gpu_is_too_small_for_all(published, model, gib, offload):
    assert best_offload(published[model], int(gib * GIB)) == offload
