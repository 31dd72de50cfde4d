"""Whether the models on this machine are still what the first pull saw. Nothing is downloaded."""

from __future__ import annotations

from tools.contracts import Progress
from tools.errors import Unavailable
from tools.models.catalog import Model
from tools.models.lock import locked
from tools.models.place import how_to_get, root_of


def check(model: Model, report: Progress) -> list[str]:
    """What is wrong, one sentence each; ``report`` counts the bytes that are read."""
    entry = locked(model)
    if entry is None:
        return [f"{model.title} was never pulled here; pull it with: steadface models pull {model.name}."]
    try:
        root = root_of(model)
    except Unavailable as error:
        return [str(error)]
    now = entry.as_in(root, report)
    missing = [name for name in entry.files if name not in now.files]
    return [
        *(f"{name} of {model.title} is missing from {root}; {how_to_get(model.name)}." for name in missing),
        *(
            f"{name} of {model.title} is not the file that the first pull saw; delete {(root / name).resolve()}, then "
            f"run: steadface models pull {model.name}."
            for name in entry.differing(now)
        ),
    ]
