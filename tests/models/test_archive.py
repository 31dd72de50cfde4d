"""What an archive may do to the folder that it is unpacked into."""

from __future__ import annotations

from pathlib import Path

import pytest
from stub_hub import zipped

from tools.errors import BackendError
from tools.models.archive import unpack


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of the pack; not there yet, as after a first download."""
    (tmp_path / "models").mkdir()
    return tmp_path / "models" / "pack"


def _unpacked(files: dict[str, bytes], folder: Path, most: int = 1000) -> list[str]:
    archive = folder.parent / "part"
    archive.write_bytes(zipped(files))
    return unpack(archive, folder, most)


def _held(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_files_come_into_the_folder_with_or_without_one_of_its_name_round_them(folder: Path) -> None:
    names = _unpacked({"pack/": b"", "pack/a.onnx": b"a", "pack/more/b.onnx": b"b", "c.onnx": b"c"}, folder)
    assert names == ["a.onnx", "more/b.onnx", "c.onnx"]
    assert _held(folder) == {"a.onnx": b"a", "more/b.onnx": b"b", "c.onnx": b"c"}
    assert sorted(path.name for path in folder.parent.iterdir()) == ["pack", "part"]


def test_a_file_that_was_there_is_replaced_and_others_stay(folder: Path) -> None:
    folder.mkdir()
    (folder / "a.onnx").write_bytes(b"old")
    (folder / "mine.txt").write_bytes(b"mine")
    _unpacked({"a.onnx": b"new"}, folder)
    assert _held(folder) == {"a.onnx": b"new", "mine.txt": b"mine"}


@pytest.mark.parametrize("name", ["/a.onnx", "../a.onnx", "pack/../../a.onnx", "..\\a.onnx", "C:/a.onnx"])
def test_a_name_that_leads_out_of_the_folder_is_refused_and_nothing_is_unpacked(name: str, folder: Path) -> None:
    with pytest.raises(BackendError, match="would write outside its folder"):
        _unpacked({"pack/fine.onnx": b"fine", name: b"harm"}, folder)
    assert [path.name for path in folder.parent.iterdir()] == ["part"]


def test_an_archive_that_is_too_large_unpacked_is_refused(folder: Path) -> None:
    assert _unpacked({"a.onnx": b"0" * 1000}, folder) == ["a.onnx"]
    with pytest.raises(BackendError, match="larger than it should be"):
        _unpacked({"b.onnx": b"0" * 600, "c.onnx": b"0" * 600}, folder)
    assert _held(folder) == {"a.onnx": b"0" * 1000}


@pytest.mark.parametrize("damage", [lambda whole: whole[:-30], lambda whole: whole.replace(b"content", b"discord")])
def test_an_archive_that_is_not_whole_is_refused(damage, folder: Path) -> None:
    archive = folder.parent / "part"
    archive.write_bytes(damage(zipped({"a.onnx": b"content"})))
    with pytest.raises(BackendError, match="did not arrive whole; run the same command again"):
        unpack(archive, folder, 1000)
    assert not folder.exists()
