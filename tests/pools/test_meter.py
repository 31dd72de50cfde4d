"""What a worker measures of itself."""

import sys
from types import SimpleNamespace

import pytest

from tools.pools.usage import Meter

MIB = 2**20


class Gpus:
    """What ``torch.cuda`` tells of GPUs, each with the most bytes that were held of it."""

    def __init__(self, *held):
        self.held = list(held)

    def is_initialized(self):
        return True

    def device_count(self):
        return len(self.held)

    def reset_peak_memory_stats(self, gpu):
        self.held[gpu] = 0

    def max_memory_reserved(self, gpu):
        return self.held[gpu]


@pytest.fixture
def gpus(monkeypatch):
    """Two of them, one of which something has used before."""
    cuda = Gpus(9 * MIB, 0)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    return cuda


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a mark that can be lowered")
def test_peak_memory_is_of_what_was_measured_alone():
    meter = Meter()
    held = bytearray(b"x") * (300 * MIB)
    before = len(held)
    del held
    with_it, without = meter.read().peak_memory, Meter().read().peak_memory
    assert with_it - without > before - 20 * MIB


def test_where_torch_holds_no_gpu_none_is_claimed(gpus):
    taken = Meter().read()
    assert (taken.gpu_seconds, taken.peak_gpu_memory) == (None, None)


def test_seconds_count_for_each_gpu_that_is_held_and_the_fullest_tells_the_memory(gpus):
    meter = Meter()
    gpus.held = [5 * MIB, 7 * MIB]
    taken = meter.read()
    assert taken.gpu_seconds == 2 * taken.worker_seconds
    assert taken.peak_gpu_memory == 7 * MIB


def test_a_torch_that_has_not_touched_a_gpu_is_asked_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(is_initialized=lambda: False)))
    taken = Meter().read()
    assert taken.gpu_seconds is None
