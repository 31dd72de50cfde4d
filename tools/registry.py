"""Backends by name, through entry points.

A backend is a factory without arguments (a planner's takes its desk) under the group ``steadface.<capability>``:

    [project.entry-points."steadface.faces"]
    dlib = "tools.faces.dlib_resnet:DlibAnalyzer"

Other packages add their own the same way; nothing else has to know of them.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from tools.errors import InputError, Unavailable

Capability = Literal["planner", "language", "faces", "matting", "first_frame", "identity", "face_detail", "video"]


def names(capability: Capability) -> list[str]:
    """The backends that are installed for a capability, sorted."""
    return sorted({entry.name for entry in _installed(capability)})


def create(capability: Capability, name: str, *given: object) -> Any:  # noqa: ANN401 - follows from the capability
    """A new instance of the backend, which the capability's protocol in ``tools.contracts`` describes.

    ``given`` is what a capability's factories take: a planner's take a desk, all others nothing.
    ``InputError`` where no package offers the name, or two do; ``Unavailable`` where it does not import here.
    """
    entry = _only([entry for entry in _installed(capability) if entry.name == name], capability, name)
    try:
        factory = entry.load()
        return factory(*given)
    except ModuleNotFoundError as error:
        raise Unavailable(
            f'The {_spoken(capability)} backend "{name}" needs the Python module "{error.name}", '
            "which is not installed; install the package that has it, or choose another backend."
        ) from error
    except ImportError as error:
        raise Unavailable(
            f'The {_spoken(capability)} backend "{name}" cannot be loaded here ({error}); mend that, or choose another.'
        ) from error


def _installed(capability: Capability) -> tuple[EntryPoint, ...]:
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


def _spoken(capability: Capability) -> str:
    return capability.replace("_", " ")
