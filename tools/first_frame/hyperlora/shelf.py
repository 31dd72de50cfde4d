"""LoRAs of people who were read before, by content hash: in memory, and in a folder for other processes."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from secrets import token_hex

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

Weights = dict[str, torch.Tensor]

AT_HAND = 8
"""People in memory; each is some 23 MB."""

MOST = 100
"""People in the folder: some 2.3 GB."""


class Shelf:
    """Those who were not asked for the longest make room."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._at_hand: OrderedDict[str, Weights] = OrderedDict()

    def find(self, name: str) -> Weights | None:
        if name not in self._at_hand:
            kept = self._read(self._file(name))
            if kept is None:
                return None
            self._remember(name, kept)
        self._at_hand.move_to_end(name)
        return self._at_hand[name]

    def keep(self, name: str, weights: Weights) -> None:
        self._remember(name, weights)
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._folder / f"{token_hex(8)}.part"
        try:
            save_file(weights, unfinished)
            unfinished.replace(self._file(name))
        finally:
            unfinished.unlink(missing_ok=True)
        for file in sorted(self._folder.glob("*.safetensors"), key=lambda file: file.stat().st_mtime)[:-MOST]:
            file.unlink(missing_ok=True)

    def _remember(self, name: str, weights: Weights) -> None:
        self._at_hand[name] = weights
        if len(self._at_hand) > AT_HAND:
            self._at_hand.popitem(last=False)

    def _read(self, file: Path) -> Weights | None:
        try:
            weights = load_file(file)
            os.utime(file)
        except (FileNotFoundError, SafetensorError):
            return None  # never written, or damaged: then it is written anew
        return weights

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.safetensors"
