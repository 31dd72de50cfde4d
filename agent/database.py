"""Where jobs, checkpoints and consent records are: SQLite files, or one PostgreSQL database that servers share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from tools.errors import SteadfaceError
from tools.paths import full_path

Place = Path | SecretStr
"""An SQLite file, or the URL of a PostgreSQL database, which may hold a password."""

_FILE = "sqlite:///"
_SERVER = ("postgresql://", "postgres://")


class DatabaseAway(SteadfaceError):  # noqa: N818 - what it says
    """The PostgreSQL database does not answer, or takes no writes; what was asked for can be tried again."""


@dataclass(frozen=True)
class Database:
    """All three are one place in PostgreSQL."""

    jobs: Place
    checkpoints: Place
    consents: Place

    @classmethod
    def of(cls, home: Path, url: SecretStr | None = None) -> Database:
        """That of ``url``, which ``checked_url`` lets pass; else files of the home folder."""
        given = url.get_secret_value() if url else ""
        if url and given.startswith(_SERVER):
            return cls(url, url, url)
        file = full_path(given.removeprefix(_FILE)) if given else home / "jobs.sqlite"
        return cls(file, file.with_name("checkpoints.sqlite"), file.with_name("consents.sqlite"))

    @property
    def begun(self) -> bool:
        """Whether there may be jobs in it; looking for them in SQLite's files would make these."""
        return _may_be_there(self.jobs)

    @property
    def has_consents(self) -> bool:
        """Whether there may be consent records in it."""
        return _may_be_there(self.consents)


def checked_url(url: str) -> None:
    """Raises ``ValueError``, which does not repeat it, for what is no URL of a database."""
    if not url.startswith(_SERVER) and (not url.startswith(_FILE) or url == _FILE):
        raise ValueError("write postgresql://user:password@host:5432/name, or sqlite:/// and the path of a file")


def _may_be_there(place: Place) -> bool:
    return not isinstance(place, Path) or place.exists()
