"""Who is on the GPU: as many as fit, and the longest unused make place."""

from __future__ import annotations

import pytest

from tools.errors import InputError
from tools.residency import Residency, Tenant, on_gpu


class Gpu:
    """A GPU of so many bytes, whose tenants tell when they move."""

    def __init__(self, size: int) -> None:
        self.size, self.moves, self.residency = size, list[str](), Residency(self.free)
        self.tenants: list[Tenant] = []

    def free(self) -> int:
        return self.size - sum(tenant.size for tenant in self.tenants if tenant.inside)

    def tenant(self, name: str, size: int) -> Tenant:
        made = Tenant(name, size, lambda: self.moves.append(f"{name} in"), lambda: self.moves.append(f"{name} out"))
        self.tenants.append(made)
        return made

    def use(self, tenant: Tenant, room: int = 0) -> list[str]:
        """The moves that it takes."""
        self.moves.clear()
        with self.residency.using(tenant, room):
            assert tenant.inside
        return list(self.moves)


def test_those_that_fit_stay() -> None:
    gpu = Gpu(100)
    planner, painter = gpu.tenant("planner", 40), gpu.tenant("first-frame", 40)
    assert gpu.use(planner) == ["planner in"]
    assert gpu.use(painter) == ["first-frame in"]
    assert gpu.use(planner) == gpu.use(painter) == []


def test_the_longest_unused_makes_place_and_no_more_than_needed_do() -> None:
    gpu = Gpu(100)
    planner, painter, video = gpu.tenant("planner", 40), gpu.tenant("first-frame", 40), gpu.tenant("video", 50)
    for tenant in (planner, painter, planner):
        gpu.use(tenant)
    assert gpu.use(video) == ["first-frame out", "video in"]
    assert gpu.use(painter) == ["planner out", "first-frame in"]


def test_room_beside_a_tenant_is_made_too() -> None:
    gpu = Gpu(100)
    planner, video = gpu.tenant("planner", 40), gpu.tenant("video", 50)
    gpu.use(planner)
    gpu.use(video)
    assert gpu.use(video, room=10) == []
    assert gpu.use(video, room=20) == ["planner out"]


def test_who_is_kept_never_moves_out_and_the_others_do_after_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFACE_KEEP", "video")
    gpu = Gpu(100)
    painter, video = gpu.tenant("first-frame", 60), gpu.tenant("video", 60)
    assert gpu.use(video) == ["video in"]
    assert gpu.use(painter) == ["first-frame in", "first-frame out"]


def test_with_none_kept_each_moves_out_after_its_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFACE_KEEP", "none")
    gpu = Gpu(100)
    assert gpu.use(gpu.tenant("video", 60)) == ["video in", "video out"]


def test_what_could_be_had_counts_those_that_may_move_out(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu(100)
    planner, painter = gpu.tenant("planner", 40), gpu.tenant("first-frame", 30)
    gpu.use(planner)
    gpu.use(painter)
    assert gpu.residency.obtainable() == 100
    monkeypatch.setenv("STEADFACE_KEEP", "planner")
    assert gpu.residency.obtainable() == 60


def test_a_tenant_moves_out_after_a_failure_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFACE_KEEP", "none")
    gpu = Gpu(100)
    video = gpu.tenant("video", 60)
    with pytest.raises(LookupError), gpu.residency.using(video):
        raise LookupError
    assert not video.inside


def test_a_name_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFACE_KEEP", "video,audio")
    gpu = Gpu(100)
    with pytest.raises(InputError, match="STEADFACE_KEEP cannot hold audio; choose of: planner, first-frame, video"):
        gpu.use(gpu.tenant("video", 60))


def test_without_a_gpu_nobody_moves() -> None:
    moves: list[str] = []
    tenant = Tenant("video", 10, lambda: moves.append("in"), lambda: moves.append("out"))
    with on_gpu().using(tenant, room=5):
        pass
    assert moves == []
