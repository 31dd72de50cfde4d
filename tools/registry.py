"""Backends by name, through entry points.

A backend is a factory under the group ``steadface.<capability>``. It is called without arguments (a planner's with its
desk), or with options, which are its keyword parameters:

    [project.entry-points."steadface.faces"]
    dlib = "tools.faces.dlib_resnet:DlibAnalyzer"

Other packages add their own the same way; nothing else has to know of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, partial
from importlib.metadata import EntryPoint, entry_points
from inspect import Parameter, signature
from typing import Any, Literal

from pydantic import ConfigDict, JsonValue, ValidationError, create_model

from tools.errors import InputError, Unavailable
from tools.installed import not_installed

Capability = Literal[
    "planner", "policy", "language", "faces", "matting", "first_frame", "identity", "face_detail", "video"
]

BackendCapability = Literal["faces", "matting", "first_frame", "face_detail", "video"]
"""What a recipe chooses a backend for, each with options."""

Options = dict[str, JsonValue]
"""What a backend's factory is given, by the names of its parameters."""


def names(capability: Capability) -> list[str]:
    """The backends that are installed for a capability, sorted."""
    return sorted({entry.name for entry in _installed(capability)})


def create(capability: Capability, name: str, *given: object, options: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - follows from the capability
    """A new instance of the backend, which the capability's protocol in ``tools.contracts`` describes.

    ``given`` is what a capability's factories take: a planner's take a desk, all others nothing. ``options`` are held
    to the types of the factory's parameters.
    ``InputError`` where no package offers the name, or two do, or an option is wrong; ``Unavailable`` where it does not
    import here.
    """
    with _importing(capability, name):
        return factory(capability, name, options)(*given)


def factory(capability: Capability, name: str, options: Mapping[str, Any] | None = None) -> Callable[..., Any]:
    """What makes the backend, imported and with its options, but not called yet; raises as ``create`` does."""
    entry = _only([entry for entry in _installed(capability) if entry.name == name], capability, name)
    with _importing(capability, name):
        found = entry.load()
    return partial(found, **_checked(options, found, f'{_spoken(capability)} backend "{name}"'))


def expect_installed(capability: Capability, name: str) -> None:
    """Raises as ``factory`` does where there is no such backend, or a Python module of it is not installed; imports
    nothing, and so does not see what is installed and does not load."""
    entry = _only([entry for entry in _installed(capability) if entry.name == name], capability, name)
    with _importing(capability, name):
        missing = not_installed(entry.value.partition(":")[0])
    if missing is not None:
        raise _needs(capability, name, missing)


@contextmanager
def _importing(capability: Capability, name: str) -> Iterator[None]:
    """Say in one sentence that a Python module is missing or does not load."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise _needs(capability, name, error.name) from error
    except ImportError as error:
        raise Unavailable(
            f'The {_spoken(capability)} backend "{name}" cannot be loaded here ({error}); mend that, or choose another.'
        ) from error


def _needs(capability: Capability, name: str, module: str | None) -> Unavailable:
    return Unavailable(
        f'The {_spoken(capability)} backend "{name}" needs the Python module "{module}", which is not installed; '
        "install the package that has it, or choose another backend."
    )


def _installed(capability: Capability) -> tuple[EntryPoint, ...]:
    return _on_path(capability, tuple(sys.path))


@lru_cache(maxsize=32)
def _on_path(capability: Capability, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Looked for once while ``sys.path`` stays as it is: a look through all packages takes ten milliseconds."""
    return tuple(entry_points(group=f"steadface.{capability}"))


def _only(entries: list[EntryPoint], capability: Capability, name: str) -> EntryPoint:
    if not entries:
        offered = ", ".join(names(capability)) or "none"
        raise InputError(
            f'There is no {_spoken(capability)} backend "{name}"; choose one of those installed: {offered}.'
        )
    if len({entry.value for entry in entries}) > 1:
        raise InputError(
            f'Two packages offer a {_spoken(capability)} backend "{name}" '
            f"({' and '.join(sorted(entry.value for entry in entries))}); uninstall one of them."
        )
    return entries[0]


def _checked(options: Mapping[str, Any] | None, factory: Callable[..., Any], backend: str) -> dict[str, Any]:
    if not options:
        return {}
    taken = {
        name: (parameter.annotation, parameter.default)
        for name, parameter in signature(factory, eval_str=True).parameters.items()
        if parameter.default is not Parameter.empty
    }
    for name in options:
        if name not in taken:
            raise InputError(f'The {backend} has no option "{name}"; it has: {", ".join(taken) or "none"}.')
    model = create_model("Options", __config__=ConfigDict(arbitrary_types_allowed=True), **taken)  # type: ignore[call-overload]
    try:
        checked = model(**options)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise InputError(
            f'The option "{name}" of the {backend} cannot be {first["input"]!r}: {first["msg"]}.'
        ) from None
    return {name: getattr(checked, name) for name in options}


def _spoken(capability: Capability) -> str:
    return capability.replace("_", " ")
