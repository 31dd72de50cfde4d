"""What a worker has at hand while it runs an operation."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Literal, TypeVar, cast, get_type_hints, overload

from tools import registry
from tools.artifacts import Artifacts
from tools.contracts import (
    BackgroundRemover,
    ChatModel,
    FaceAnalyzer,
    FaceDetailer,
    FirstFrameGenerator,
    IdentityWriter,
    Progress,
    VideoGenerator,
)
from tools.pools.calls import Backend, Message, Request

T = TypeVar("T")

_DERIVED_VALUES = 16


class Bench:
    """One for the life of a worker; ``report`` belongs to the call that runs, and raises ``Cancelled``."""

    def __init__(self, artifacts: Artifacts) -> None:
        self.artifacts = artifacts
        self.report: Progress
        self._backends: dict[tuple[str, str], object] = {}
        self._derived: OrderedDict[Hashable, object] = OrderedDict()

    @overload
    def backend(self, capability: Literal["faces"], chosen: Backend) -> FaceAnalyzer: ...
    @overload
    def backend(self, capability: Literal["matting"], chosen: Backend) -> BackgroundRemover: ...
    @overload
    def backend(self, capability: Literal["first_frame"], chosen: Backend) -> FirstFrameGenerator: ...
    @overload
    def backend(self, capability: Literal["face_detail"], chosen: Backend) -> FaceDetailer: ...
    @overload
    def backend(self, capability: Literal["identity"], chosen: Backend) -> IdentityWriter: ...
    @overload
    def backend(self, capability: Literal["video"], chosen: Backend) -> VideoGenerator: ...
    @overload
    def backend(self, capability: Literal["language"], chosen: Backend) -> ChatModel: ...
    def backend(self, capability: registry.Capability, chosen: Backend) -> object:
        """The backend, made at its first use and kept, so that a model is loaded once a worker."""
        key = (capability, chosen.model_dump_json())
        if key not in self._backends:
            self._backends[key] = registry.create(capability, chosen.name, options=chosen.options)
        return self._backends[key]

    def cached(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value that ``make`` gave for ``key``; the last few asked for are kept."""
        if key not in self._derived:
            self._derived[key] = make()
            if len(self._derived) > _DERIVED_VALUES:
                self._derived.popitem(last=False)
        self._derived.move_to_end(key)
        return cast(T, self._derived[key])


Operation = Callable[[Any, Bench], Message]
"""Runs one request and gives its reply; its parameter ``request`` is annotated with the request type that it takes."""


def request_type(operation: Operation) -> type[Request]:
    found: type[Request] = get_type_hints(operation)["request"]
    return found
