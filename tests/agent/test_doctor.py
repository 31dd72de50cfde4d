"""``steadface doctor``: what a preset takes of a GPU, whether it fits the one that is here, and which would be better.

``nvidia-smi`` is the tests' own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from diffusers import WanTransformer3DModel
from published_wan import published_vace
from typer.testing import CliRunner, Result

from agent.cli import app
from agent.gpus import Gpu, first_gpu
from agent.memory_plan import LARGEST, ROOMY, Stage, better_preset, fitting, plan
from agent.memory_table import memory_verdict
from agent.settings import load_settings
from tools import sdxl
from tools.contracts import Size
from tools.video import memory as worker
from tools.video.vace_pipeline import VacePipeline

if TYPE_CHECKING:
    from postgres_server import PostgresServer
    from s3_server import Bucket

GIB = 2**30

Doctor = Callable[..., Result]


def stages(preset: str, **asked: object) -> dict[str, Stage]:
    return {stage.name: stage for stage in plan(load_settings(preset=preset, **asked).recipe())}


def card(gib: float, free: float | None = None) -> Gpu:
    return Gpu(gib, gib if free is None else free)


@pytest.fixture(scope="module")
def published() -> dict[str, VacePipeline]:
    sizes = published_vace()
    return {"paper": sizes["14b"], "paper-small": sizes["1.3b"]}


@pytest.mark.parametrize("preset", ["paper", "paper-small"])
def test_the_plan_and_the_worker_reckon_the_same(published: dict[str, VacePipeline], preset: str) -> None:
    pipe, video = published[preset], stages(preset)["video"]
    whole, _, blocks, *_ = video.ways
    assert whole.weights == pytest.approx(sum(worker.weights_of(pipe).values()) / GIB, rel=1e-3)
    for size, frames in ((Size(832, 480), 81), (Size(1280, 720), 49), (Size(500, 300), 5)):
        room = worker.activations(pipe.transformer.config, pipe.vae_scale_factor_spatial, size, frames) / GIB
        asked = stages(preset, width=size.width, height=size.height, frames=frames)
        assert asked["video"].ways[0].room == pytest.approx(room)
    layer = sum(weights.numel() for weights in pipe.transformer.parameters()) / pipe.transformer.config.num_layers
    assert blocks.weights == pytest.approx((2 * layer * 2 + worker.weights_of(pipe)["vae"]) / GIB, rel=1e-3)


@pytest.mark.parametrize("preset", ["paper", "paper-small"])
def test_the_plan_names_the_way_that_the_worker_takes(published: dict[str, VacePipeline], preset: str) -> None:
    video = stages(preset)["video"]
    for gib in (4, 8, 10.5, 11, 15.7, 17, 20, 22, 23.5, 31.5, 47, 52, 53, 60, 63, 64, 79, 139):
        taken = video.taken(card(gib))
        assert taken is not None
        assert taken.chosen_by == (f"STEADFACE_WAN_OFFLOAD={worker.best_offload(published[preset], int(gib * GIB))}",)


def test_what_decides_is_the_same_for_plan_and_worker() -> None:
    assert (Size(*LARGEST[:2]), LARGEST[2]) == worker.LARGEST
    assert ROOMY * GIB == sdxl._ROOMY


def test_models_of_stable_diffusion_take_turns_by_the_size_of_the_card_and_not_by_what_is_free() -> None:
    pictures = stages("paper")["first frame and faces"]
    for gpu, way in ((card(24, free=9), "never"), (card(19.9), "always")):
        taken = pictures.taken(gpu)
        assert taken is not None
        assert taken.chosen_by == (f"STEADFACE_SDXL_OFFLOAD={way}",)


@pytest.mark.parametrize("model", ["wan2.1-i2v-14b-480p", "wan2.2-i2v-a14b", "wan2.2-ti2v-5b"])
def test_the_sizes_of_image_to_video_models_are_those_that_are_published(
    monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setenv("STEADFACE_VIDEO", model)
    video = stages("paper")["video"]
    sizes = {
        "wan2.1-i2v-14b-480p": {"in_channels": 36, "image_dim": 1280, "added_kv_proj_dim": 5120},
        "wan2.2-i2v-a14b": {"in_channels": 36},
        "wan2.2-ti2v-5b": {
            "in_channels": 48,
            "out_channels": 48,
            "num_attention_heads": 24,
            "num_layers": 30,
            "ffn_dim": 14336,
        },
    }[model]
    with torch.device("meta"):
        transformer = WanTransformer3DModel(**sizes)
    weights = sum(parameters.numel() for parameters in transformer.parameters()) * 2 / GIB
    _, turns, *_ = video.ways
    assert turns.weights == pytest.approx(max(weights, 10.58), rel=1e-3)


def test_weights_of_eight_bits_halve_the_transformer_alone() -> None:
    plain, _, _, eight, _ = stages("paper")["video"].ways
    assert plain.weights - eight.weights == pytest.approx(17.338e9 / GIB)
    assert eight.room == plain.room
    assert eight.by_itself is None


def test_a_smaller_clip_needs_less_room() -> None:
    clips = [{"frames": 81}, {"frames": 41}, {"frames": 41, "width": 416}]
    rooms = [stages("paper", **clip)["video"].ways[0].room for clip in clips]
    assert rooms == sorted(rooms, reverse=True)
    assert len(set(rooms)) == 3


def test_planners_that_are_not_here_take_nothing_and_others_are_known_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "planner" not in stages("paper", planner="rules")
    assert "planner" not in stages("paper", planner_url="http://127.0.0.1:1/v1")
    large = stages("paper")["planner"].least
    assert stages("paper", planner_model="Qwen/Qwen3-4B")["planner"].least < large
    unknown = stages("paper", planner_model="somebody/model")["planner"]
    assert unknown.ways == ()
    assert unknown.fits(card(1))


@pytest.mark.parametrize(("gib", "presets"), [(79, ["paper", "paper-small"]), (20, ["paper", "paper-small"]), (8, [])])
def test_the_best_preset_that_fits_is_named_where_this_one_sketches(gib: float, presets: list[str]) -> None:
    sketch, real = load_settings().recipe(), load_settings(preset="paper-small").recipe()
    assert fitting(card(gib)) == presets
    assert better_preset(sketch, card(gib)) == (presets[0] if presets else None)
    assert better_preset(real, card(gib)) is None
    assert better_preset(sketch, None) is None


def test_a_smaller_preset_is_named_where_the_larger_does_not_fit() -> None:
    told = [*memory_verdict(plan(load_settings(preset="paper", width=1280, height=720).recipe()), card(20))]
    assert any("The video does not fit, for it needs 22.3 GiB at least: ask for fewer frames" in line for line in told)
    assert told[-1] == "Presets that would fit, besides preview: paper, paper-small."


def test_a_gpu_that_does_not_tell_its_memory_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for found, first in ([], None), ([Gpu(None, None), card(24)], None), ([card(24), card(48)], card(24)):
        monkeypatch.setattr("agent.gpus.visible_gpus", lambda found=found: found)
        assert first_gpu() == first


@pytest.fixture
def doctor(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """The command on a machine with no model and, where ``gpu`` is given, one GPU: MiB in all and free."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))  # read from HOME long ago

    def run(*words: str, gpu: str = "") -> Result:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "nvidia-smi").write_text(f"#!/bin/sh\necho '{gpu}'; test -n '{gpu}'\n")
        (folder / "nvidia-smi").chmod(0o755)
        ours = {"HOME": str(tmp_path), "PATH": f"{folder}:{os.environ['PATH']}", "CUDA_VISIBLE_DEVICES": ""}
        return CliRunner(env=ours).invoke(app, ["doctor", *words])

    return run


def test_a_preset_is_told_with_what_fits_the_gpu_and_what_is_missing(
    doctor: Doctor,
) -> None:
    done = doctor("--preset", "paper", gpu="24564, 24100")
    assert (done.exit_code, done.stderr) == (0, "")
    *table, last = done.stdout.splitlines()
    assert all(len(line) <= 80 for line in table[:14])
    assert re.search(r"^STEADFACE_WAN_OFFLOAD=none +43\.\d +8\.\d +52\.\d no +everything", done.stdout, re.MULTILINE)
    assert re.search(r"^STEADFACE_WAN_OFFLOAD=blocks +2\.\d +8\.\d +10\.\d yes \* blocks", done.stdout, re.MULTILINE)
    assert "computed estimated" in done.stdout
    assert "Nothing was measured" in done.stdout
    assert "with 23.5 GiB free of 24.0" in done.stdout
    assert last.startswith("paper ")
    assert "steadface models pull paper" in last


def test_settings_are_whole_however_long_a_model_is_called(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFACE_PLANNER_MODEL", "/models/of a [long] name that no column of a table holds")
    told = doctor("--preset", "paper-small", "--gpu-memory", "24").stdout
    assert "size not known" in " ".join(told.split())
    assert "[long]" in told
    assert "STEADFACE_SDXL_OFFLOAD=always" in told
    assert "STEADFACE_WAN_PRECISION=float8" in told


def test_without_a_gpu_it_says_so_and_what_a_card_needs(
    doctor: Doctor,
) -> None:
    done = doctor("--preset", "r2v")
    assert done.exit_code == 0
    assert "There is no NVIDIA GPU here" in done.stdout
    assert "A card needs 16.3 GiB free at least, for the planner." in done.stdout
    assert "fits" not in done.stdout


def test_all_presets_end_with_the_better_one(doctor: Doctor) -> None:
    assert doctor("--gpu-memory", "24").stdout.splitlines()[-1].startswith("The preset paper would fit on the GPU")


def test_without_a_gpu_no_preset_is_better(doctor: Doctor) -> None:
    assert doctor().stdout.splitlines()[-1].startswith("r2v ")


def test_a_preset_that_there_is_not_is_one_sentence(doctor: Doctor) -> None:
    done = doctor("--preset", "nope")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("steadface: There is no preset 'nope'; choose one of: paper")


def test_the_preview_needs_no_gpu(doctor: Doctor) -> None:
    assert "No stage of it needs a GPU." in doctor("--preset", "preview").stdout


def test_database_and_storage_are_asked_too(
    doctor: Doctor, postgres: PostgresServer, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFACE_DATABASE_URL", postgres.new_database())
    monkeypatch.setenv("STEADFACE_ARTIFACTS_URL", bucket.url)
    told = doctor("--preset", "preview").stdout.splitlines()
    assert told[1:] == ["database     answers", "storage      answers", "preview      ready"]
    assert not [key for key in bucket.keys if "/artifacts/" in key]


def test_a_database_that_does_not_answer_is_told_and_the_rest_too(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFACE_DATABASE_URL", "postgresql://me:secret@127.0.0.1:9/videos")
    told = doctor("--preset", "preview").stdout.splitlines()
    assert told[1].startswith("database     The PostgreSQL database cannot be used now (Connection refused)")
    assert told[2] == "preview      ready"
