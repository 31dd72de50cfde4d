from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from tools.first_frame.hyperlora import shelf
from tools.first_frame.hyperlora.shelf import Shelf


def lora(value: float) -> dict[str, torch.Tensor]:
    return {"key.alpha": torch.tensor(value), "key.lora_up.weight": torch.full((3, 2), value)}


def test_what_is_kept_is_found_by_another(tmp_path: Path) -> None:
    Shelf(tmp_path / "people").keep("somebody", lora(1.5))
    found = Shelf(tmp_path / "people").find("somebody")
    assert found is not None
    assert {key: value.tolist() for key, value in found.items()} == {
        key: value.tolist() for key, value in lora(1.5).items()
    }
    assert [file.name for file in (tmp_path / "people").iterdir()] == ["somebody.safetensors"]


def test_nobody_is_found_who_was_not_kept_or_whose_file_is_damaged(tmp_path: Path) -> None:
    assert Shelf(tmp_path).find("somebody") is None
    (tmp_path / "somebody.safetensors").write_bytes(b"half a fi")
    assert Shelf(tmp_path).find("somebody") is None
    Shelf(tmp_path).keep("somebody", lora(2))
    assert Shelf(tmp_path).find("somebody") is not None


def test_those_who_were_not_asked_for_the_longest_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "MOST", 2)
    people = Shelf(tmp_path)
    for age, name in enumerate(("old", "older"), start=1):
        people.keep(name, lora(age))
        os.utime(tmp_path / f"{name}.safetensors", (1000 - age, 1000 - age))
    assert Shelf(tmp_path).find("older") is not None
    people.keep("new", lora(3))
    assert {file.stem for file in tmp_path.iterdir()} == {"older", "new"}
