"""The errors that cross a tool's edge.

    SteadfaceError
    ├── InputError      the caller can mend it; the message says how
    ├── BackendError    a model or an engine failed
    ├── Unavailable     weights, a GPU or a server is missing; the message says which command gets it
    └── StorageAway     the storage of artifacts does not answer; the same can be asked again

    Cancelled           the job was cancelled; no error, so no SteadfaceError

Every message is one sentence for a person: what is wrong, then what to do.
"""

from __future__ import annotations


class SteadfaceError(Exception):
    """Anything that Steadface itself raises; its text is fit to be shown."""


class InputError(SteadfaceError):
    """What the caller gave cannot work.

    ``attachments`` names files that help to mend it: label to artifact id
    (the annotated picture of a group photo, for one).
    """

    def __init__(self, message: str, attachments: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.attachments = attachments or {}


class BackendError(SteadfaceError):
    """A model or an engine failed on input that it should have taken."""


class Unavailable(SteadfaceError):  # noqa: N818 - says what the machine lacks, as the design names it
    """Something that the chosen preset needs is not on this machine."""


class StorageAway(SteadfaceError):  # noqa: N818 - what it says
    """The storage of artifacts does not answer; what was asked for can be tried again."""


class Cancelled(Exception):  # noqa: N818 - not an error
    """The job was cancelled: raised by ``report`` inside a backend, and never caught there."""
