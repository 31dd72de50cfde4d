from __future__ import annotations

from pathlib import Path

import pytest
from tiny_mattes import face_at, photo, save_matting

from tools import registry
from tools.contracts import Box
from tools.errors import InputError, Unavailable

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]  # importing rembg compiles much of pymatting


@pytest.fixture(autouse=True)
def rembg_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("REMBG_HOME", "U2NET_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    return tmp_path


def test_a_model_of_rembg_cuts_the_person_out(rembg_home: Path) -> None:
    """A stand-in where rembg keeps the model; rembg shows it 320x320 pixels, with its own mean."""
    save_matting(rembg_home / "u2net_human_seg.onnx", "relative", side=320)
    me = Box(40, 40, 80, 180)
    cut = registry.create("matting", "rembg").remove(photo(me), face_at(Box(55, 50, 50, 50)))
    assert cut.method == "rembg u2net_human_seg"
    assert cut.pixels[60:200, 60:100, 3].mean() > 250
    assert cut.pixels[:, 160:, 3].max() < 30


def test_a_model_that_is_not_here_is_told_and_never_downloaded() -> None:
    with pytest.raises(Unavailable, match=r"u2net_human_seg is not on this machine; get it with: python -c"):
        registry.create("matting", "rembg")


def test_a_model_that_rembg_does_not_know_is_told() -> None:
    with pytest.raises(InputError, match=r"rembg has no model 'scissors'; choose one of: .*u2net_human_seg"):
        registry.create("matting", "rembg", options={"session": "scissors"})
