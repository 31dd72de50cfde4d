"""The photo as a client gives it: paths in allowed folders, and photos sent whole."""

from __future__ import annotations

import base64
import os
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from agent.serving.reach import Reach
from agent.serving.references import LARGEST_DATA, open_reference, photo_roots
from agent.settings import load_settings
from tools.errors import InputError


@pytest.fixture(autouse=True)
def folders(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home folder and a working folder of the test's own, and a photo outside of both."""
    for name in ("user", "work", "outside", "added"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path / "work")
    for folder in ("work", "outside", "added"):
        (tmp_path / folder / "photo.jpg").write_bytes(_jpeg())


def test_a_photo_in_the_working_folder_is_read(tmp_path: Path) -> None:
    for given in ("photo.jpg", str(tmp_path / "work" / "photo.jpg")):
        data, name = open_reference(given, load_settings(), Reach.STDIO)
        assert name == "photo.jpg"
        assert Image.open(BytesIO(data)).size == (64, 48)


def test_a_folder_is_added_by_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = str(tmp_path / "added" / "photo.jpg")
    with pytest.raises(InputError, match="STEADFACE_ROOTS"):
        open_reference(photo, load_settings(), Reach.STDIO)
    monkeypatch.setenv("STEADFACE_ROOTS", os.pathsep.join([str(tmp_path / "none"), str(tmp_path / "added")]))
    assert open_reference(photo, load_settings(), Reach.STDIO)[1] == "photo.jpg"


def test_no_path_leads_out_of_the_folders(tmp_path: Path) -> None:
    (tmp_path / "work" / "link.jpg").symlink_to(tmp_path / "outside" / "photo.jpg")
    (tmp_path / "work" / "deeper").symlink_to(tmp_path / "outside")
    for given in ("link.jpg", "deeper/photo.jpg", "../outside/photo.jpg", str(tmp_path / "outside" / "photo.jpg"), "/"):
        with pytest.raises(InputError, match="outside the folders"):
            open_reference(given, load_settings(), Reach.STDIO)


def test_a_missing_file_outside_the_folders_is_not_told_from_one_that_is_there(tmp_path: Path) -> None:
    sentences = set()
    for name in ("photo.jpg", "none.jpg"):
        with pytest.raises(InputError) as refused:
            open_reference(str(tmp_path / "outside" / name), load_settings(), Reach.STDIO)
        sentences.add(str(refused.value).replace(name, ""))
    assert len(sentences) == 1


def test_the_home_folder_itself_is_no_folder_for_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (tmp_path / "user", tmp_path, Path("/")):
        monkeypatch.chdir(folder)
        assert folder not in photo_roots(load_settings())


@pytest.mark.parametrize("reach", list(Reach))
def test_a_photo_can_be_sent_whole(reach: Reach) -> None:
    text = base64.b64encode(_jpeg(size=(640, 480))).decode()
    wrapped = "\n".join(text[start : start + 76] for start in range(0, len(text), 76))
    for given in (f"data:image/jpeg;base64,{text}", f"DATA:;charset=x;base64,{wrapped}", text, wrapped):
        data, name = open_reference(given, load_settings(), reach)
        assert name == "photo"
        assert Image.open(BytesIO(data)).size == (640, 480)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("", "is empty"),
        ("https://example.org/photo.jpg", "cannot be a URL"),
        ("file:///work/photo.jpg", "cannot be a URL"),
        (r"\\host\share\photo.jpg", "cannot be a URL"),
        ("photo\0.jpg", "cannot be read as a path"),
        ("~nobody-of-that-name/photo.jpg", "cannot be read as a path"),
        ("data:image/jpeg,plain", "is not base64"),
        ("data:image/jpeg;base64,@@@@", "base64 is damaged"),
        ("data:image/jpeg;base64,QUJD", "not an image"),
        ("data:image/jpeg;base64," + "A" * (LARGEST_DATA * 2), "at most 3 MB"),
    ],
)
def test_what_is_no_photo_is_refused_in_one_sentence(given: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as refused:
        open_reference(given, load_settings(), Reach.STDIO)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("reach", [Reach.LOOPBACK, Reach.NETWORK])
def test_a_path_is_refused_over_http(reach: Reach, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="data: URI"):
        open_reference(str(tmp_path / "work" / "photo.jpg"), load_settings(), reach)


def _jpeg(size: tuple[int, int] = (64, 48)) -> bytes:
    out = BytesIO()
    Image.effect_noise(size, 80).convert("RGB").save(out, "JPEG")
    return out.getvalue()
