"""Photos as MCP clients give them: a path in a folder where photos may lie, the photo itself, an https URL, a picture
of an earlier job, or ``@name``."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from agent.serving.access import current_client
from agent.serving.intake import CHAT_FOLDERS, open_photo, read_photo, shown
from agent.serving.reach import Reach
from agent.serving.results import SCHEME
from agent.serving.uploads import UPLOAD_URI, uploaded
from tools.errors import InputError

if TYPE_CHECKING:
    from agent.requests import Consent, Photo
    from agent.serving.engine import LateEngine
    from agent.serving.fetching import Fetched
    from agent.settings import Settings

LARGEST_DATA = 3_000_000
"""Bytes of a photo sent in the call, decoded: as base64 it fits the 4 MiB that an HTTP request may have."""

_DATA_URI = re.compile(r"data:(?P<media>[\w.+/-]*)(?:;[\w=.+-]+)*;base64,(?P<payload>.*)", re.DOTALL | re.IGNORECASE)
_BARE_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{1000,}={0,2}\s*")
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


@dataclass(frozen=True)
class _Opened:
    """A photo that is not stored yet: PNG bytes."""

    png: bytes
    name: str


def photos_given(references: Sequence[str], engine: LateEngine, reach: Reach) -> list[Photo]:
    """The photos, stored, in their order; a person's name may stand for several.

    Raises ``InputError`` for the first that is no photo to be read here; then nothing new was stored.
    """
    from agent.requests import Photo, few_enough

    few_enough(references)
    given = [photo for reference in references for photo in _given(reference.strip(), engine, reach)]
    few_enough(given)
    return [
        Photo(image=engine.get().artifacts.put(each.png, "png"), name=each.name) if isinstance(each, _Opened) else each
        for each in given
    ]


def _given(reference: str, engine: LateEngine, reach: Reach) -> Sequence[_Opened | Photo]:
    if reference.startswith(UPLOAD_URI):
        return [_Opened(uploaded(reference, engine.settings), "photo")]
    if reference.startswith(f"{SCHEME}://"):
        from agent.serving.job_files import parsed_uri, picture_of

        return [picture_of(engine.get(), *parsed_uri(reference))]
    if reference.startswith("@"):
        from agent.identities import Identities, name_in

        name = name_in(reference)
        if name is not None:
            return Identities(engine.settings.home, current_client()).photos_of(name, engine.get().artifacts)
    return [_Opened(*open_reference(reference, engine.settings, reach))]


def photo_meant(reference: str, engine: LateEngine, reach: Reach) -> Photo:
    """The photo that similarity would be measured against, by the hash that it gets when it is stored."""
    from agent.requests import Photo

    first = _given(reference.strip(), engine, reach)[0]
    if isinstance(first, _Opened):
        return Photo(image=f"{sha256(first.png).hexdigest()}.png", name=first.name)
    return first


def saved_consent(reference: str, settings: Settings) -> Consent | None:
    """The consent that was saved with the named person whom a reference means; ``None`` for any other reference."""
    from agent.identities import Identities

    return Identities(settings.home, current_client()).consent_of(reference)


def open_reference(reference: str, settings: Settings, reach: Reach) -> tuple[bytes, str]:
    """The photo as PNG bytes, and its name. Raises ``InputError`` for everything that is no photo to be read here."""
    reference = reference.strip()
    if not reference:
        raise InputError("The reference is empty; give the path of a photo, or the photo as a data: URI.")
    if reference[:5].lower() == "data:":
        return open_photo(_decoded(_payload(reference)), "The photo"), "photo"
    if _BARE_BASE64.fullmatch(reference):
        return open_photo(_decoded(reference), "The photo"), "photo"
    if reference[:8].lower() == "https://":
        return _fetched(reference, settings)
    if _URL.match(reference) or reference.startswith(("\\\\", "//")):
        raise InputError(
            "The reference cannot be a URL of this kind; save the photo and give its plain path, or a data: URI."
        )
    if not reach.takes_paths:
        raise InputError(
            "A path means nothing to this server, which may run elsewhere; call request_photo for a page on which the "
            "user chooses the photo, or give it as a data: URI."
        )
    if reference.startswith(CHAT_FOLDERS):
        raise InputError(_absent(reference, settings))
    path = allowed_path(_in_inbox(reference, settings) or Path(reference), photo_roots(settings))
    if not path.exists():
        raise InputError(_absent(reference, settings))
    return read_photo(path), path.name


def _fetched(url: str, settings: Settings) -> tuple[bytes, str]:
    if not settings.fetch_urls:
        raise InputError(
            "This server fetches nothing from URLs; save the photo and give the file itself, or have whoever runs the "
            "server set STEADFACE_FETCH_URLS=true."
        )
    data, name = _web().get((settings.home, current_client()), url)
    return open_photo(data, name), name


@cache
def _web() -> Fetched:
    from agent.serving.fetching import Fetched

    return Fetched()


def _in_inbox(reference: str, settings: Settings) -> Path | None:
    """The photo of the inbox that a bare file name means, where the working folder has none of that name."""
    bare = Path(reference).name == reference
    try:
        if bare and not Path(reference).exists() and (settings.inbox / reference).is_file():
            return settings.inbox / reference
    except (OSError, ValueError):
        return None
    return None


def _absent(reference: str, settings: Settings) -> str:
    return (
        f"There is no file {shown(reference)} on this computer; a photo attached in a chat does not reach a local "
        f"server. Put it into the inbox {settings.inbox} and call list_references, call request_photo for a page on "
        "which the user chooses it, or give the full path of a photo on this computer."
    )


def photo_roots(settings: Settings) -> list[Path]:
    """The folders that a client's photos may lie in, deeper ones included."""
    import platformdirs  # not before a client has its list of tools

    usual = [platformdirs.user_pictures_path(), platformdirs.user_downloads_path(), platformdirs.user_desktop_path()]
    here = Path.cwd()
    # Desktop programs start servers in "/" or in the home folder, which hold far more than photos.
    working = [] if Path.home().is_relative_to(here) else [here]
    return [settings.inbox, *usual, *working, *settings.roots]


def allowed_path(given: Path, roots: list[Path]) -> Path:
    """The file that the path truly leads to, which must lie in one of the roots; it need not be there."""
    try:
        real = given.expanduser().resolve()
        if any(real.is_relative_to(root.resolve()) for root in roots):
            return real
    except (OSError, ValueError, RuntimeError):
        raise InputError("The reference cannot be read as a path; give the full path of a photo.") from None
    raise InputError(
        f"{shown(str(given))} is outside the folders that may be read ({', '.join(map(str, roots))}); put the file "
        "into one of them (one attached in a chat is not on this computer yet) and call list_references, or name its "
        "folder in STEADFACE_ROOTS."
    )


def _payload(uri: str) -> str:
    found = _DATA_URI.fullmatch(uri)
    if found is None:
        raise InputError("The data: URI is not base64; write it as data:image/jpeg;base64,… with the photo's bytes.")
    return found["payload"]


def _decoded(text: str) -> bytes:
    if len(text) * 3 / 4 > LARGEST_DATA * 1.1:
        raise InputError(_too_large(len(text) * 3 / 4))
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InputError("The photo's base64 is damaged; encode the file again, whole.") from None
    if len(data) > LARGEST_DATA:
        raise InputError(_too_large(len(data)))
    return data


def _too_large(size: float) -> str:
    return (
        f"The photo has {size / 1e6:.1f} MB; a call carries at most {LARGEST_DATA / 1e6:.0f} MB, so make it smaller "
        "(2000 pixels are plenty)."
    )
