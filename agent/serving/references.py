"""The reference photo as an MCP client gives it: a path in a folder where photos may lie, or the photo itself."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

import platformdirs

from agent.serving.intake import CHAT_FOLDERS, open_photo, read_photo
from agent.serving.reach import Reach
from agent.settings import Settings
from tools.errors import InputError

LARGEST_DATA = 3_000_000
"""Bytes of a photo sent in the call, decoded: as base64 it fits the 4 MiB that an HTTP request may have."""

_DATA_URI = re.compile(r"data:(?P<media>[\w.+/-]*)(?:;[\w=.+-]+)*;base64,(?P<payload>.*)", re.DOTALL | re.IGNORECASE)
_BARE_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{1000,}={0,2}\s*")
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def open_reference(reference: str, settings: Settings, reach: Reach) -> tuple[bytes, str]:
    """The photo as PNG bytes, and its name. Raises ``InputError`` for everything that is no photo to be read here."""
    reference = reference.strip()
    if not reference:
        raise InputError("The reference is empty; give the path of a photo, or the photo as a data: URI.")
    if reference[:5].lower() == "data:":
        return open_photo(_decoded(_payload(reference)), "the photo"), "photo"
    if _BARE_BASE64.fullmatch(reference):
        return open_photo(_decoded(reference), "the photo"), "photo"
    if _URL.match(reference) or reference.startswith(("\\\\", "//")):
        raise InputError("The reference cannot be a URL; save the photo and give its plain path, or a data: URI.")
    if not reach.takes_paths:
        raise InputError("A path means nothing to this server, which may run elsewhere; give the photo as a data: URI.")
    if reference.startswith(CHAT_FOLDERS):
        raise InputError(_absent(reference, settings))
    path = _allowed(_in_inbox(reference, settings) or Path(reference), photo_roots(settings))
    if not path.exists():
        raise InputError(_absent(reference, settings))
    return read_photo(path), path.name


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
    shown = "".join(letter if letter.isprintable() else "?" for letter in reference)[:200]
    return (
        f"There is no file {shown} on this computer; a photo attached in a chat does not reach a local server. Put it "
        f"into the inbox {settings.inbox} and call list_references, or give the full path of a photo on this computer."
    )


def photo_roots(settings: Settings) -> list[Path]:
    """The folders that a client's photos may lie in, deeper ones included."""
    usual = [platformdirs.user_pictures_path(), platformdirs.user_downloads_path(), platformdirs.user_desktop_path()]
    here = Path.cwd()
    # Desktop programs start servers in "/" or in the home folder, which hold far more than photos.
    working = [] if Path.home().is_relative_to(here) else [here]
    return [settings.inbox, *usual, *working, *settings.roots]


def _allowed(given: Path, roots: list[Path]) -> Path:
    """The file that the path truly leads to, which must lie in one of the roots; it need not be there."""
    try:
        real = given.expanduser().resolve()
        if any(real.is_relative_to(root.resolve()) for root in roots):
            return real
    except (OSError, ValueError, RuntimeError):
        raise InputError("The reference cannot be read as a path; give the full path of a photo.") from None
    raise InputError(
        f"{given} is outside the folders that photos may be read from ({', '.join(map(str, roots))}); put the photo "
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
