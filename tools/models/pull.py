"""Downloading models, and holding them to what the first download saw."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from tools.contracts import Progress
from tools.errors import BackendError, Unavailable
from tools.models import archive, hub
from tools.models.catalog import Model
from tools.models.lock import LOCK, Locked, locked
from tools.models.place import folder_of, root_of
from tools.models.room import Room, expect_room


def pull(models: Sequence[Model], report: Progress) -> None:
    """Download what is not here, after all of it was found and room for it; then check everything against the lock.

    What breaks off is gone on with by the next pull. ``report`` counts the bytes that are checked.
    """
    missing = [model for model in models if not _whole(model)]
    _expect_online(missing)
    fetches = {}
    rooms = []
    for model in missing:
        with _reaching(model):
            room, fetches[model.name] = _found(model)
            rooms.append(room)
    expect_room(rooms)
    for model in models:
        if model.name in fetches:
            with _reaching(model):
                LOCK.add({model.name: fetches[model.name]()})
        _hold_to_lock(model, report)


def _whole(model: Model) -> bool:
    entry = locked(model)
    if entry is None or entry.patterns != model.files:
        return False
    try:
        folder_of(model.name)
    except Unavailable:
        return False
    return True


def _found(model: Model) -> tuple[Room, Callable[[], Locked]]:
    """How much is to be downloaded, and what does it."""
    entry = locked(model)
    if model.hub:
        listed = hub.listed(model, entry)
        return hub.room(model, listed), partial(hub.fetch, model, listed)
    offer = archive.offered(model)
    return archive.room(model, offer), partial(archive.fetch, model, offer, entry)


def _hold_to_lock(model: Model, report: Progress) -> None:
    """Compare every file with what the first pull saw; what it saw for the first time just now is locked."""
    entry, root = locked(model), root_of(model)
    assert entry is not None
    now = entry.as_in(root, report)
    for name in entry.differing(now):
        raise BackendError(
            f"{name} of {model.title} is not the file that the first pull saw, or that the Hub lists; "
            f"delete {(root / name).resolve()}, then pull again."
        )
    LOCK.add({model.name: now})


def _expect_online(missing: Sequence[Model]) -> None:
    from huggingface_hub import constants

    if missing and constants.is_offline_mode():
        names = ", ".join(model.name for model in missing)
        raise Unavailable(
            f"HF_HUB_OFFLINE is set, and of what was asked for this is missing here: {names}; unset it to download."
        )


@contextmanager
def _reaching(model: Model) -> Iterator[None]:
    """Say in one sentence why a download failed."""
    import httpx2
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError

    again = "run the same command again and it goes on where it stopped"
    try:
        yield
    except GatedRepoError as error:
        raise Unavailable(
            f"{model.title} is given to those alone who accepted its terms at huggingface.co/{model.source}; "
            "accept them there, and set HF_TOKEN to a token of yours."
        ) from error
    except (HfHubHTTPError, httpx2.HTTPStatusError) as error:
        status = error.response.status_code
        raise Unavailable(f"{model.title} cannot be had from {model.source} (HTTP status {status}).") from error
    except (httpx2.TransportError, LocalEntryNotFoundError) as error:
        raise Unavailable(
            f"The connection to where {model.title} comes from failed ({model.source}); {again}."
        ) from error
    except OSError as error:
        raise BackendError(f"The download of {model.title} failed ({error}); {again}.") from error
