"""Where weights are looked for, and what is said when they are not there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools.errors import InputError, Unavailable
from tools.language.weights import folder_of


def test_a_folder_and_an_id_in_the_cache_are_found(tiny_qwen: Path, cached: str) -> None:
    assert folder_of(str(tiny_qwen)) == tiny_qwen
    assert folder_of(cached).resolve() == tiny_qwen.resolve()


def test_missing_weights_name_the_command_that_gets_them_and_the_licence(cached: str) -> None:
    with pytest.raises(Unavailable) as told:
        folder_of("Qwen/Qwen3-8B")
    assert "steadface models pull qwen3-8b (licence: Apache-2.0)" in str(told.value)


def test_a_licence_that_is_not_known_is_not_claimed(cached: str) -> None:
    with pytest.raises(Unavailable) as told:
        folder_of("someone/else")
    assert str(told.value).endswith("get it with: hf download someone/else.")


@pytest.mark.parametrize("name", ["./weights/qwen", "~/no/such/folder", "a/b/c"])
def test_what_is_neither_folder_nor_id_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="There is no folder"):
        folder_of(name)


@pytest.mark.parametrize("part", ["config.json", "tokenizer_config.json", "model-00002-of-00002.safetensors"])
def test_a_download_that_broke_off_is_noticed(part: str, tiny_qwen: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_qwen, tmp_path / "half")
    (folder / part).unlink()
    with pytest.raises(Unavailable, match=f"{part} is missing"):
        folder_of(str(folder))


def test_weights_that_are_no_safetensors_are_not_read(tiny_qwen: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_qwen, tmp_path / "pickled", ignore=shutil.ignore_patterns("model*"))
    (folder / "pytorch_model.bin").touch()
    with pytest.raises(Unavailable, match=r"model\.safetensors is missing"):
        folder_of(str(folder))
