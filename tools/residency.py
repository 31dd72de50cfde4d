"""Which models hold the GPU of this worker: who is needed moves in, and those longest unused move out for it.

``STEADFACE_KEEP`` names, parted by commas, who never moves out: ``planner``, ``first-frame``, ``video``; ``none``, and
each moves out after its use. Unset, as many stay as fit. Without a GPU nobody moves.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch

from tools.errors import InputError

Name = Literal["planner", "first-frame", "video"]

Free = Callable[[], int]
"""Bytes of the GPU that nobody has."""


@dataclass
class Tenant:
    """One model, or some that belong together. ``size`` is what it takes on the GPU while it is there, in bytes.

    ``move_in`` and ``move_out`` take it to the GPU and to the computer's memory.
    """

    name: Name
    size: int
    move_in: Callable[[], object]
    move_out: Callable[[], object]
    inside: bool = False

    @classmethod
    def elsewhere(cls, name: Name) -> Tenant:
        """For models that come to the GPU by hooks of their own, each when its turn does."""
        return cls(name, 0, lambda: None, lambda: None)


@dataclass
class Residency:
    """Tenants of one GPU, the longest unused first. ``free`` is ``None`` where there is no GPU."""

    free: Free | None
    tenants: list[Tenant] = field(default_factory=list)

    @contextmanager
    def using(self, tenant: Tenant, room: int = 0) -> Iterator[None]:
        """Within the block the tenant is on the GPU, with ``room`` bytes beside it, as far as others can make place."""
        if self.free is None:
            yield
            return
        kept = _kept()
        self.tenants = [*(other for other in self.tenants if other is not tenant), tenant]
        self._make_room(tenant, room + (0 if tenant.inside else tenant.size), kept)
        if not tenant.inside:
            tenant.move_in()
            tenant.inside = True
        try:
            yield
        finally:
            if kept is not None and tenant.name not in kept:
                _move_out(tenant)

    def forget(self, tenant: Tenant) -> None:
        """The tenant is gone for good."""
        self.tenants = [other for other in self.tenants if other is not tenant]

    def obtainable(self) -> int:
        """Bytes that one more tenant could have, if all that need not stay moved out."""
        if self.free is None:
            return 0
        return self.free() + sum(tenant.size for tenant in self.tenants if tenant.inside and not _stays(tenant))

    def _make_room(self, newcomer: Tenant, needed: int, kept: frozenset[str] | None) -> None:
        assert self.free is not None
        for other in self.tenants:
            if self.free() >= needed:
                return
            if other.inside and other is not newcomer and (kept is None or other.name not in kept):
                _move_out(other)


def on_gpu() -> Residency:
    """The one of this process."""
    if not _here:
        _here.append(Residency(_free if torch.cuda.is_available() else None))
    return _here[0]


_here: list[Residency] = []


def _free() -> int:
    """What the driver has left, and what torch keeps without using it."""
    torch.cuda.empty_cache()
    return int(torch.cuda.mem_get_info()[0])


def _move_out(tenant: Tenant) -> None:
    tenant.move_out()
    tenant.inside = False


def _stays(tenant: Tenant) -> bool:
    kept = _kept()
    return kept is not None and tenant.name in kept


def _kept() -> frozenset[str] | None:
    """Who never moves out; ``None`` where that is not said."""
    said = os.environ.get("STEADFACE_KEEP")
    if not said:
        return None
    names = frozenset(name.strip() for name in said.split(",")) - {"none", ""}
    if unknown := names - set(get_args(Name)):
        raise InputError(
            f"STEADFACE_KEEP cannot hold {', '.join(sorted(unknown))}; choose of: {', '.join(get_args(Name))}, or none."
        )
    return names
