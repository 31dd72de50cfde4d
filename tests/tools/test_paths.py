from __future__ import annotations

from pathlib import Path

import pytest

from tools.errors import InputError
from tools.paths import full_path


def test_a_path_is_full_as_its_writer_meant_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "ada"))
    monkeypatch.chdir(tmp_path)
    assert full_path("me.jpg") == tmp_path / "me.jpg"
    assert full_path("~/me.jpg") == tmp_path / "ada" / "me.jpg"
    assert full_path("me.jpg", Path("/photos")) == Path("/photos/me.jpg")
    assert full_path("~/me.jpg", Path("/photos")) == tmp_path / "ada" / "me.jpg"


def test_the_folder_of_nobody_is_told():
    with pytest.raises(InputError, match=r"^~nobody-of-that-name/me\.jpg begins with a user who has no home folder"):
        full_path("~nobody-of-that-name/me.jpg")
