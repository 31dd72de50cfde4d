"""insightface's networks, opened and run: packs and providers that are wrong, and what recognisers see."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from insightface.utils.face_align import norm_crop
from tiny_insightface import FIVE_POINTS, draw_face, plain_photo, save_tiny_pack

from tools.contracts import Box
from tools.errors import Unavailable
from tools.insight import CPU, CUDA, Detector, Recogniser, Sighting, aligned, best_providers, open_network


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_pack(tmp_path_factory.mktemp("saved"), "buffalo_l")


@pytest.fixture
def pack(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STEADFACE_BUFFALO_L", str(tmp_path / "pack"))
    return Path(shutil.copytree(saved, tmp_path / "pack"))


def test_missing_insightface_is_told_with_the_commands_that_get_it(pack, monkeypatch):
    monkeypatch.setitem(sys.modules, "insightface", None)
    monkeypatch.setitem(sys.modules, "insightface.model_zoo", None)
    with pytest.raises(
        Unavailable, match=r"pip install 'steadface\[arcface\]' && pip install --no-deps insightface .*OpenCV"
    ):
        open_network("buffalo_l", "det_10g.onnx", "detection", [CPU])


def test_missing_onnxruntime_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(Unavailable, match=r"onnxruntime is not installed; .*steadface\[arcface\]"):
        best_providers()


@pytest.mark.parametrize("content", [b"", b"<html>Not found</html>"])
def test_a_file_that_is_no_network_is_told(pack, content):
    (pack / "w600k_r50.onnx").write_bytes(content)
    with pytest.raises(Unavailable, match=r"w600k_r50\.onnx cannot be read; delete it and get it with: steadface"):
        Recogniser("buffalo_l", "w600k_r50.onnx", [CPU])


def test_another_network_under_the_name_is_told(pack):
    shutil.copy(pack / "genderage.onnx", pack / "det_10g.onnx")
    with pytest.raises(Unavailable, match=r"det_10g\.onnx is not the network for detection"):
        Detector("buffalo_l", "det_10g.onnx", [CPU])


def test_the_detector_looks_in_the_size_of_each_call(pack):
    detector = Detector("buffalo_l", "det_10g.onnx", [CPU])
    photo = draw_face(plain_photo(600, 600), Box(30, 30, 540, 540))
    found = {side: len(detector.find(photo, side)) for side in (640, 512, 384, 256)}
    assert found == {640: 0, 512: 0, 384: 1, 256: 1}
    assert len(detector.find(photo, 640)) == 0


def test_a_face_is_aligned_as_insightface_does_it():
    photo = draw_face(plain_photo(), Box(100, 80, 150, 150), person=4)
    points = np.array([100, 80] + FIVE_POINTS * 150 + [[3, 1], [-2, 4], [0, 0], [1, -3], [2, 2]], dtype=np.float32)
    with pytest.warns(FutureWarning, match="estimate"):
        theirs = norm_crop(photo, points)
    assert np.array_equal(aligned(photo, Sighting(Box(0, 0, 0, 0), 1.0, points)), theirs)


def test_nobody_has_no_embedding(pack):
    assert Recogniser("buffalo_l", "w600k_r50.onnx", [CPU]).embeddings([]).shape == (0, 512)


def test_the_cpu_computes_where_nothing_else_is_offered(monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["AzureExecutionProvider", CPU])
    assert best_providers() == [CPU]


def test_cuda_computes_where_it_is_offered_unless_another_is_named(monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["TensorrtExecutionProvider", CUDA, CPU])
    assert best_providers() == [CUDA, CPU]
    monkeypatch.setenv("STEADFACE_ONNX_PROVIDER", "cpu")
    assert best_providers() == [CPU]
    monkeypatch.setenv("STEADFACE_ONNX_PROVIDER", CUDA)
    assert best_providers() == [CUDA]


def test_a_provider_that_is_not_offered_is_told_with_those_that_are(monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])
    monkeypatch.setenv("STEADFACE_ONNX_PROVIDER", "cuda")
    with pytest.raises(Unavailable, match=f"asks for cuda, .* one of: {CPU}, .*onnxruntime-gpu"):
        best_providers()


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_provider_that_does_not_start_is_told(pack):
    with pytest.raises(Unavailable, match=f"offers {CUDA} and cannot start it here.*STEADFACE_ONNX_PROVIDER=cpu"):
        Detector("buffalo_l", "det_10g.onnx", [CUDA, CPU])
