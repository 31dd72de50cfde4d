"""Batches that clients gave the server: kept in the home folder, so that a restart goes on with them.

<home>/batches/<id>/batch.json       whose it is, and what holds for all rows
<home>/batches/<id>/rows.jsonl       the rows, checked
<home>/batches/<id>/photos/<hash>.png
<home>/batches/<id>/cancelled        there once it was cancelled
<home>/batches/<id>/end.json         its summary, once it has ended
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict

from agent.batch.order import Order
from agent.batch.rows import Row
from agent.batch.standing import Summary
from agent.batch.terms import Terms
from agent.errors import Busy
from agent.requests import Consent, JobRequest, Photo, call_of
from agent.settings import Recipe
from tools.artifacts import Artifacts, private_folder, write_whole, writing_to
from tools.errors import InputError

MOST_UNFINISHED = 5
"""Batches of one client."""

_ID = re.compile(r"[\w-]{16,24}")


class KeptRow(BaseModel):
    """A row with its photos, and the consent that was saved for them."""

    model_config = ConfigDict(frozen=True)

    row: Row
    photos: list[Photo]
    saved: Consent | None


class KeptBatch(BaseModel):
    """``folder`` is where the results go; ``client`` is ``None`` for the owner of the installation.

    ``call`` stands for what was asked: two calls alike have the same.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    client: str | None
    created: AwareDatetime
    folder: Path
    call: str
    terms: Terms
    order: Order = "rows"
    stop_below: float | None
    after: int


class KeptBatches:
    """The batches of one home."""

    def __init__(self, home: Path, artifacts: Artifacts) -> None:
        self._home = home
        self._artifacts = artifacts
        self._all = home / "batches"

    def keep(
        self,
        rows: list[KeptRow],
        terms: Terms,
        client: str | None,
        videos: Path,
        *,
        order: Order,
        stop_below: float | None,
        after: int,
    ) -> KeptBatch:
        """A new batch, or the client's unfinished one that the same call made: clients call again after a time-out.

        Photos are copied, for artifacts may go meanwhile. Raises ``Busy`` where the client has too many.
        """
        asked = [row.model_dump(mode="json") for row in rows]
        call = call_of(asked, terms.consent, terms.preset, order, stop_below, after)
        unfinished = [batch for batch in self.unfinished() if batch.client == client]
        same = next((batch for batch in unfinished if batch.call == call), None)
        if same is not None:
            return same
        if len(unfinished) >= MOST_UNFINISHED:
            raise Busy(f"{MOST_UNFINISHED} of your batches are unfinished; wait for one to end, or cancel one.")
        created, batch_id = datetime.now().astimezone(), secrets.token_hex(12)
        batch = KeptBatch(
            id=batch_id,
            client=client,
            created=created,
            folder=videos / f"{created:%Y-%m-%d} batch {batch_id}",
            call=call,
            terms=terms,
            order=order,
            stop_below=stop_below,
            after=after,
        )
        folder = self._all / batch_id
        with writing_to(self._home):
            private_folder(folder / "photos")
        for image in {photo.image for row in rows for photo in row.photos}:
            write_whole(folder / "photos" / image, self._artifacts.read(image), self._home)
        lines = "".join(f"{row.model_dump_json()}\n" for row in rows)
        write_whole(folder / "rows.jsonl", lines.encode(), self._home)
        write_whole(folder / "batch.json", batch.model_dump_json(indent=2).encode(), self._home)  # now it is there
        return batch

    def get(self, batch_id: str, client: str | None) -> KeptBatch:
        """``InputError`` where there is none, or it is another client's; the owner may look at all."""
        found = self._read(self._all / batch_id) if _ID.fullmatch(batch_id) else None
        if found is None or client not in (None, found.client):
            raise InputError(f"There is no batch {batch_id[:40]!r}; run_batch gives the id of a new one.")
        return found

    def unfinished(self) -> list[KeptBatch]:
        """The oldest first; what a killed process left half-kept is not there."""
        found = [self._read(file.parent) for file in self._all.glob("*/batch.json")]
        return sorted((each for each in found if each and not self.end(each)), key=lambda batch: batch.created)

    def rows(self, batch: KeptBatch) -> Iterator[KeptRow]:
        with (self._all / batch.id / "rows.jsonl").open(encoding="utf-8") as lines:
            for line in lines:
                yield KeptRow.model_validate_json(line)

    def request(self, batch: KeptBatch, kept: KeptRow, attempt: int) -> tuple[JobRequest, Recipe]:
        """The request of a row's job; raises ``InputError``."""
        photos = self._all / batch.id / "photos"
        stored = [
            photo.model_copy(update={"image": self._artifacts.put((photos / photo.image).read_bytes(), "png")})
            for photo in kept.photos
        ]
        asked = batch.terms.intent(kept.row, kept.saved, attempt)
        return asked.with_stored(stored), batch.terms.settings(kept.row).recipe()

    def cancel(self, batch: KeptBatch) -> None:
        (self._all / batch.id / "cancelled").touch()

    def cancelled(self, batch: KeptBatch) -> bool:
        return (self._all / batch.id / "cancelled").exists()

    def close(self, batch: KeptBatch, summary: Summary) -> None:
        """Keep the summary, and the photos no longer."""
        write_whole(self._all / batch.id / "end.json", summary.model_dump_json(indent=2).encode(), self._home)
        shutil.rmtree(self._all / batch.id / "photos", ignore_errors=True)

    def end(self, batch: KeptBatch) -> Summary | None:
        try:
            return Summary.model_validate_json((self._all / batch.id / "end.json").read_bytes())
        except FileNotFoundError:
            return None

    def _read(self, folder: Path) -> KeptBatch | None:
        try:
            return KeptBatch.model_validate_json((folder / "batch.json").read_bytes())
        except FileNotFoundError:
            return None
