"""The MCP tools for batches: begin one, look at it, cancel it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import anyio
import anyio.to_thread
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent
from pydantic import Field, WithJsonSchema

from agent.serving.access import current_client
from agent.serving.answering import answering
from agent.serving.arguments import ConsentBasis, PresetName
from agent.serving.batch_results import MOST_TOLD, Batch, batch_of
from agent.serving.effects import BEGINS, ENDS, LOOKS
from agent.serving.engine import LateEngine
from agent.serving.reach import Reach
from agent.serving.references import allowed_path, photo_roots, photos_given, saved_consent
from agent.serving.results import WAIT, in_one_sentence
from agent.serving.threads import run_long
from agent.serving.waiting import Vigil
from tools.errors import InputError, Unavailable
from tools.paths import full_path

if TYPE_CHECKING:
    from agent.batch.kept import KeptRow
    from agent.batch.manifest import Entry
    from agent.batch.order import Order
    from agent.batch.served import ServedBatches
    from agent.batch.terms import Terms
    from agent.requests import Consent, Photo

MOST_ROWS = 200
"""Of one batch: so many photos are read while clients still wait. Longer ones are for the command line."""

OVERRIDES = frozenset(
    {
        "preset", "width", "height", "frames", "fps", "candidates", "max_attempts", "first_frame_threshold",
        "on_gate_failure", "max_repairs", "repair_strength", "detail_strength", "match_colours", "video_samples",
    }
)  # fmt: skip
"""What a row of a client may set: nothing that names a file, a server or a backend of this machine."""

_Row = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                "custom_id": {"type": "string"},
                "prompt": {"type": "string"},
                "reference": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
                "consent": {"type": "string", "enum": ["self", "written", "licensed", "synthetic"]},
                "face": {"type": "integer"},
                "seed": {"type": "integer"},
                "overrides": {"type": "object"},
            },
            "required": ["custom_id", "prompt", "reference"],
        }
    ),
]

BatchId = Annotated[str, Field(description="As run_batch gave it.")]


class BatchTools:
    def __init__(self, engine: LateEngine, reach: Reach) -> None:
        self._engine = engine
        self._reach = reach
        self._making, self._beginning = threading.Lock(), threading.Lock()
        self._served: ServedBatches | None = None

    def tools(self) -> list[Tool]:
        return [
            answering(Batch, self.run_batch, title="Make many videos", annotations=BEGINS),
            answering(Batch, self.get_batch, title="Look at a batch, or wait for it", annotations=LOOKS),
            answering(Batch, self.cancel_batch, title="Cancel a batch", annotations=ENDS),
        ]

    def resume(self) -> None:
        """Start the engine, which blocks, and go on with the batches that an earlier process left."""
        self._engine.get()
        self._batches().resume()

    def close(self) -> None:
        if self._served is not None:
            self._served.close()

    async def run_batch(
        self,
        ctx: Context[Any],
        rows: Annotated[
            list[_Row],
            Field(
                description="Each with custom_id (letters, digits, ., - and _), prompt and reference (as in "
                "generate_identity_video; or a list of photos of one person), and where wanted consent, face, seed and "
                'overrides, such as {"on_gate_failure": "fail"}. Leave it empty to give manifest.'
            ),
        ] = [],  # noqa: B006 - never changed
        manifest: Annotated[
            str | None,
            Field(description="Instead of rows: path of a JSONL or CSV file of such rows (not over HTTP)."),
        ] = None,
        consent: ConsentBasis = None,
        preset: PresetName = None,
        stop_below: Annotated[
            float | None, Field(ge=0, le=1, description="Stop while fewer than this share of the rows passed.")
        ] = None,
        after: Annotated[int, Field(ge=1, description="Rows that end before stop_below counts.")] = 20,
        order: Annotated[
            Literal["rows", "phases"] | None,
            Field(
                description="rows: one after another; phases: all plans, first frames and videos of some rows "
                "together. Leave it out: chosen by what the GPU can hold."
            ),
        ] = None,
    ) -> Annotated[CallToolResult, Batch]:
        """Make a video of each of many rows, one after another, and measure how many hold the person's identity.

        Use it for more than a few videos. All rows are checked first; when one cannot work, none is begun and the
        answer says which. Returns a batch_id at once; the batch goes on without the client, and after a restart. The
        same call again while it is unfinished returns that batch.
        """
        vigil = Vigil(ctx, WAIT)
        await vigil.tell("Checking the rows")
        with in_one_sentence(self._engine, self._reach):
            return await run_long(self._begun, rows, manifest, consent, preset, stop_below, after, order)

    async def get_batch(
        self,
        ctx: Context[Any],
        batch_id: BatchId,
        wait_seconds: Annotated[
            float, Field(ge=0, le=600, description="Answer at the latest after this many seconds; the batch goes on.")
        ] = 0,
    ) -> Annotated[CallToolResult, Batch]:
        """Look at a batch: how many rows are done, how many passed, the best ones and what went wrong."""
        vigil, until = Vigil(ctx, wait_seconds), time.monotonic() + wait_seconds
        with in_one_sentence(self._engine, self._reach):
            while True:
                batch = await anyio.to_thread.run_sync(self._looked_at, batch_id)
                left = until - time.monotonic()
                if batch.status != "running" or left <= 0:
                    return _told(batch)
                await vigil.tell(f"{batch.completed + batch.failed} of {batch.rows} rows")
                await anyio.sleep(min(1.0, left))

    async def cancel_batch(self, batch_id: BatchId) -> Annotated[CallToolResult, Batch]:
        """Stop a batch: no further row is begun, and the one that runs is cancelled. Rows that are done stay."""

        def cancel() -> Batch:
            kept = self._batches().kept
            batch = kept.get(batch_id, current_client())
            if kept.end(batch) is None:
                kept.cancel(batch)
            return self._looked_at(batch_id)

        with in_one_sentence(self._engine, self._reach):
            return _told(await anyio.to_thread.run_sync(cancel))

    def _begun(
        self,
        rows: list[dict[str, Any]],
        manifest: str | None,
        consent: str | None,
        preset: str | None,
        stop_below: float | None,
        after: int,
        order: Order | None,
    ) -> CallToolResult:
        from agent.batch.order import best_order
        from agent.batch.terms import Terms

        entries, beside = self._entries(rows, manifest)
        terms = Terms(consent, "asserted by client", preset, OVERRIDES)
        checked = self._checked(entries, beside, terms)
        presets = {terms.settings(each.row).preset for each in checked}
        self._expect_ready(presets)
        batches, settings = self._batches(), self._engine.settings
        order = order or best_order(settings, presets)
        with self._beginning:
            batch = batches.kept.keep(
                checked, terms, current_client(), settings.videos, order=order, stop_below=stop_below, after=after
            )
            batches.begin(batch)
        return _told(self._looked_at(batch.id))

    def _expect_ready(self, presets: set[str]) -> None:
        for preset, missing in self._engine.get().readiness(*sorted(presets)).items():
            if missing:
                raise Unavailable(f"The preset {preset} cannot run here: {' '.join(missing)}")

    def _entries(self, rows: list[dict[str, Any]], manifest: str | None) -> tuple[Iterable[Entry], Path | None]:
        """The rows with their numbers, and the folder that their paths are relative to."""
        if bool(rows) == bool(manifest):
            raise InputError("Give either rows or the path of a manifest.")
        if not manifest:
            return enumerate(rows, 1), None
        if not self._reach.takes_paths:
            raise InputError("A path means nothing to this server, which may run elsewhere; give the rows themselves.")
        from agent.batch.manifest import folder_of, read_manifest

        path = allowed_path(Path(manifest), photo_roots(self._engine.settings))
        return read_manifest(path), folder_of(path)

    def _checked(self, entries: Iterable[Entry], beside: Path | None, terms: Terms) -> list[KeptRow]:
        """The rows with their photos; raises ``InputError`` that tells what is wrong with which."""
        from contextlib import closing

        from agent.batch.checking import check_rows
        from agent.batch.kept import KeptRow
        from agent.batch.ledger import Ledger
        from agent.batch.rows import Row

        kept: list[KeptRow] = []
        wrong: list[str] = []
        photos: dict[str, list[Photo]] = {}

        def check(row: Row) -> str:
            if len(kept) >= MOST_ROWS:
                raise InputError(f"A batch has {MOST_ROWS} rows at most; steadface batch run takes any number.")
            references = [_located(reference, beside) for reference in row.references]
            for reference in references:
                if reference not in photos:
                    photos[reference] = photos_given([reference], self._engine, self._reach)
            given = [photo for reference in references for photo in photos[reference]]
            saved = self._saved(references[0], given[0]) if terms.basis(row) is None else None
            terms.intent(row, saved).with_stored(given)
            names = [(photo.identity and f"@{photo.identity}") or photo.name for photo in given]
            kept.append(KeptRow(row=row.model_copy(update={"reference": names}), photos=given, saved=saved))
            return terms.settings(row).preset

        with closing(Ledger()) as ledger:
            bad = check_rows(entries, check, ledger, lambda number, said: wrong.append(f"Row {number}: {said}"))
        if bad:
            more = f" And {bad - MOST_TOLD} more." if bad > MOST_TOLD else ""
            raise InputError(f"Nothing was begun. {' '.join(wrong[:MOST_TOLD])}{more}")
        if not kept:
            raise InputError("The manifest has no rows.")
        return kept

    def _saved(self, reference: str, photo: Photo) -> Consent | None:
        """What was said before of the first photo."""
        saved = saved_consent(reference, self._engine.settings)
        return saved or self._engine.get().consents.known(photo.image, current_client()).consent

    def _looked_at(self, batch_id: str) -> Batch:
        batches = self._batches()
        batch, paused = batches.kept.get(batch_id, current_client()), self._engine.get().store.paused()
        return batch_of(batches, batch, self._engine, self._reach, paused=paused)

    def _batches(self) -> ServedBatches:
        """Made at its first use, for what it imports is heavy."""
        with self._making:
            if self._served is None:
                from agent.batch.served import ServedBatches

                self._served = ServedBatches(self._engine.settings, self._engine.get)
            return self._served


def _located(reference: str, beside: Path | None) -> str:
    """A reference of a manifest: paths are relative to it."""
    no_path = "://" in reference or reference[:5].lower() == "data:" or reference.startswith("@")
    return reference if beside is None or no_path else str(full_path(reference, beside))


def _told(batch: Batch) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text="\n".join(batch.lines))],
        structured_content=batch.model_dump(mode="json"),
    )
