from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_mattes import face_at, photo, save_matting

from tools import registry
from tools.contracts import Box, CutOut
from tools.errors import InputError

ME, STRANGER = Box(40, 40, 80, 180), Box(200, 60, 80, 160)
FACE, OTHER_FACE = Box(55, 50, 50, 50), Box(215, 70, 50, 50)
PLAIN = {"mean": [0, 0, 0], "std": [1, 1, 1]}


def cut(file: Path, image: Any, face: Box = FACE, **options: Any) -> CutOut:
    made = registry.create("matting", "onnx", options={"file": str(file), **PLAIN, **options})
    cut_out: CutOut = made.remove(image, face_at(face))
    return cut_out


def share_in(cut_out: CutOut, box: Box) -> float:
    x, y, width, height = (int(value) for value in box)
    return float(cut_out.pixels[y + 8 : y + height - 8, x + 8 : x + width - 8, 3].mean() / 255)


@pytest.mark.parametrize(
    ("kind", "options"), [("alpha", {}), ("logits", {}), ("relative", {}), ("classes", {"person": 1})]
)
def test_what_the_model_puts_out_becomes_the_alpha_of_the_photo(
    kind: str, options: dict[str, Any], tmp_path: Path
) -> None:
    image = photo(ME)
    cut_out = cut(save_matting(tmp_path / "model.onnx", kind), image, kind=kind, **options)
    assert cut_out.method == "model.onnx"
    assert cut_out.pixels.shape == (240, 320, 4)
    assert share_in(cut_out, ME) > 0.99
    assert cut_out.pixels[:, 140:, 3].max() == 0
    assert np.array_equal(cut_out.pixels[60:200, 60:100, :3], image[60:200, 60:100])


def test_of_several_people_the_one_whose_face_it_is_stays(tmp_path: Path) -> None:
    file = save_matting(tmp_path / "model.onnx")
    mine, theirs = (cut(file, photo(ME, STRANGER), face) for face in (FACE, OTHER_FACE))
    assert (share_in(mine, ME), share_in(mine, STRANGER)) == (pytest.approx(1, abs=0.01), 0)
    assert (share_in(theirs, ME), share_in(theirs, STRANGER)) == (0, pytest.approx(1, abs=0.01))


def test_the_edge_stays_soft_and_has_the_persons_own_colour(tmp_path: Path) -> None:
    cut_out = cut(save_matting(tmp_path / "model.onnx"), photo(ME))
    soft = (cut_out.pixels[..., 3] > 0) & (cut_out.pixels[..., 3] < 255)
    assert soft.any()
    assert (cut_out.pixels[soft][:, :3] == (0, 255, 0)).all()


def test_a_photo_is_fitted_whole_where_the_model_was_trained_so(tmp_path: Path) -> None:
    """A long photo in a square: padded, the model sees it undistorted, and nothing is put out beside it."""
    tall = photo(Box(20, 40, 60, 500), size=(120, 600))
    cut_out = cut(save_matting(tmp_path / "model.onnx"), tall, Box(25, 60, 50, 50), fit="pad")
    assert cut_out.pixels.shape == (600, 120, 4)
    assert share_in(cut_out, Box(20, 40, 60, 500)) > 0.97
    assert cut_out.pixels[:, 100:, 3].max() == 0


def test_a_model_of_any_size_sees_the_size_that_was_said(tmp_path: Path) -> None:
    file = save_matting(tmp_path / "model.onnx", side=None)
    assert share_in(cut(file, photo(ME), size=[48, 32]), ME) > 0.95
    with pytest.raises(InputError, match="takes pictures of any size; say in matting_options"):
        cut(file, photo(ME))


def test_channels_are_given_in_the_order_that_was_said(tmp_path: Path) -> None:
    """A model that looks for red sees it in blue where the order is turned."""
    file, image = save_matting(tmp_path / "model.onnx", channels="red"), photo(ME)
    image[image[..., 1] == 255] = (0, 0, 255)
    assert share_in(cut(file, image, channels="bgr"), ME) > 0.99
    assert cut(file, image).method == "cameo (model.onnx: its matte misses the face)"


def test_a_matte_that_cannot_be_used_gives_way_to_a_cut_without_a_model_and_both_are_told(tmp_path: Path) -> None:
    file = save_matting(tmp_path / "model.onnx")
    assert cut(file, photo(STRANGER)).method == "cameo (model.onnx: its matte misses the face)"
    whole = cut(file, photo(Box(0, 0, 320, 240)))
    assert whole.method == "cameo (model.onnx: its matte takes the whole photo)"
    assert 0 < (whole.pixels[..., 3] > 0).mean() < 0.5


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"file": "nowhere.onnx"}, "There is no ONNX file 'nowhere.onnx'"),
        ({"size": [32, 32]}, "takes pictures of 64x64, not 32x32; leave size out"),
        ({"output": "depth"}, "has no output 'depth'; choose one of: matte"),
        ({"layout": "nhwc"}, "takes 64 channels where nhwc has colours"),
        ({"kind": "magic"}, 'option "kind" of the matting backend "onnx" cannot be \'magic\''),
        ({"sise": [1, 1]}, 'has no option "sise"; it has: file, size'),
    ],
)
def test_a_description_that_cannot_be_is_told(options: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    file = save_matting(tmp_path / "model.onnx")
    with pytest.raises(InputError) as told:
        registry.create("matting", "onnx", options={"file": str(file), **options})
    assert sentence in str(told.value)


def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="is no ONNX model that can be run here"):
        registry.create("matting", "onnx", options={"file": str(tmp_path / "model.onnx")})


def test_an_output_that_is_no_matte_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has the shape \[1, 3, 64, 64\] and is no alpha"):
        cut(save_matting(tmp_path / "model.onnx", "classes"), photo(ME))
    with pytest.raises(InputError, match="knows 3 classes, so a person cannot be number 15; set person"):
        cut(save_matting(tmp_path / "model.onnx", "classes"), photo(ME), kind="classes", person=15)
