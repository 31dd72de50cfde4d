"""Where models are looked for. Each test has a Hub cache and a home of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.errors import Unavailable
from tools.models.catalog import catalog, needed
from tools.models.place import folder_of


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "antelopev2"
    folder.mkdir()
    for file in catalog()["antelopev2"].files:
        (folder / file).touch()
    return folder


def test_a_variable_names_another_folder(monkeypatch: pytest.MonkeyPatch, pack: Path) -> None:
    monkeypatch.setenv("STEADFACE_ANTELOPEV2", str(pack))
    assert folder_of("antelopev2") == pack


def test_an_archive_unpacked_into_a_folder_of_its_own_name_is_found(
    monkeypatch: pytest.MonkeyPatch, pack: Path
) -> None:
    monkeypatch.setenv("HOME", str(pack.parent))
    models = pack.parent / ".insightface" / "models"
    (models / "antelopev2").mkdir(parents=True)
    pack.rename(models / "antelopev2" / "antelopev2")
    assert folder_of("antelopev2") == models / "antelopev2" / "antelopev2"


def test_a_folder_that_lacks_a_file_is_not_whole(monkeypatch: pytest.MonkeyPatch, pack: Path) -> None:
    monkeypatch.setenv("STEADFACE_ANTELOPEV2", str(pack))
    (pack / "glintr100.onnx").unlink()
    with pytest.raises(Unavailable, match=r"insightface antelopev2 is not whole: .* holds no glintr100\.onnx; get it"):
        folder_of("antelopev2")


@pytest.mark.parametrize("name", catalog())
def test_a_model_that_is_not_here_is_told_with_its_command_licence_and_variable(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    model = catalog()[name]
    with pytest.raises(Unavailable) as told:
        folder_of(name)
    assert f"steadface models pull {name}" in str(told.value)
    assert model.licence in str(told.value)
    assert model.variable in str(told.value)
    assert ("not for commercial use" in str(told.value)) == (not model.commercial)


def test_what_backends_need_is_listed_once() -> None:
    chosen = {"first_frame": "hyperlora", "face_detail": "sdxl", "faces": "arcface", "video": "preview"}
    assert [model.name for model in needed(chosen)] == ["realvisxl", "hyperlora", "clip", "antelopev2", "buffalo_l"]
    assert needed({"faces": "dlib", "video": "preview"}) == []
