"""The job engine: submit, wait, cancel, list; and the one runner that drives the device.

Any number of processes may hold an engine on one ``home``. The one that holds the device lock runs the queue; the
others submit, wait and cancel through the store. Homes that share a database share its queue, and each runs jobs of it.
"""

from __future__ import annotations

import json
import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from filelock import FileLock, Timeout
from langchain_core.runnables import RunnableConfig
from langgraph.types import StateSnapshot
from sqlalchemy.exc import OperationalError

from agent import telemetry
from agent.animating import animate
from agent.candidates import candidate_views
from agent.checkpoints import reader_of, saver_at
from agent.consents import ConsentBook
from agent.context import Context
from agent.database import DatabaseAway
from agent.doctor import readiness
from agent.errors import Busy, GateError, LeaseLost, UnknownJob
from agent.graph import RECURSION_LIMIT, build_graph
from agent.housekeeping import Housekeeping, Limits, renew
from agent.jobless import caller
from agent.logs import log_file
from agent.phases import beyond, phase_of
from agent.planner.desk import Caller, Desk, planner_at
from agent.planner.protocol import Planner
from agent.pools import open_pool
from agent.queue import JobQueue
from agent.refining import Refined, refine
from agent.requests import JobRequest
from agent.settings import Recipe, Settings
from agent.state import Attempt, State, Timing, Verdict
from agent.status import Status
from agent.store import LEASE, JobRow, JobStore
from agent.telemetry import job_span
from agent.usage import usage_by_stage
from agent.views import WAITS_FOR_STORAGE, JobView, view_of
from tools.artifacts import named_in, writing_to
from tools.errors import BackendError, Cancelled, InputError, SteadfaceError, StorageAway, Unavailable
from tools.logs import logged_as, request_id
from tools.pools import Closed, Pool

log = logging.getLogger(__name__)

_LOOK = 0.2
"""Seconds between looks at the store: for work, for a cancel asked by another process, for a change waited for."""

_RENEWAL = LEASE / 6
"""Seconds between an owner's signs of life."""

_STORAGE_LOOK = 2.0
"""Seconds between questions to a storage that is away; the client takes its own time for each."""


class JobEngine:
    """Jobs outlive the call that made them; ``close`` puts a running one back in the queue."""

    def __init__(self, settings: Settings, pool: Pool | None = None) -> None:
        self.settings = settings
        self.client: str | None = None
        home = settings.home
        with writing_to(home):
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.artifacts = settings.open_artifacts()
        self.store = JobStore(settings.database.jobs)
        self.consents = ConsentBook(settings.database)
        self._pool = pool or open_pool(settings)
        self._housekeeping = Housekeeping(settings, Limits(settings.keep_days, settings.keep_gb))
        self._device = FileLock(home / "device.lock", thread_local=False)  # every thread may ask whether it is held
        self._stopping = threading.Event()
        self._calls_end = 0.0
        self._changed = threading.Condition()
        self._looking = threading.Lock()
        self._phase: int | None = None
        self._runner = threading.Thread(target=self._run_queue, name="runner", daemon=True)

    def __enter__(self) -> JobEngine:
        telemetry.begin()
        self._runner.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def submit_once(
        self, request: JobRequest, recipe: Recipe, call: str, client: str | None = None, *, in_phases: bool = False
    ) -> tuple[str, bool]:
        """As ``submit``, but for an unfinished job of the client's that the same call made: clients call again after a
        time-out. ``call`` is of ``agent.requests.call_of``. Also whether the job was there before.

        ``in_phases``: it lets others run between its phases, as ``agent.phases`` has them.
        """
        made = self.store.unfinished_of(client or self.client, call)
        return (made, True) if made else self._submitted(request, recipe, client, call, in_phases=in_phases)

    def seen_by(self, client: str | None) -> JobEngine:
        """This engine as a client sees it: the jobs of others are not there, and new ones are the client's.

        The owner of the installation, ``None``, sees all.
        """
        if client is None:
            return self
        seen = copy(self)
        seen.client, seen.store = client, self.store.seen_by(client)
        return seen

    def submit(self, request: JobRequest, recipe: Recipe, client: str | None = None) -> str:
        """Queue a job and return its id, which is not guessable. Raises ``Busy`` where there are too many already.

        ``client`` is whose it shall be, where that is not who asks.
        """
        return self._submitted(request, recipe, client, None)[0]

    def _submitted(
        self, request: JobRequest, recipe: Recipe, client: str | None, call: str | None, *, in_phases: bool = False
    ) -> tuple[str, bool]:
        """The id of the job, and whether the same call had made it meanwhile."""
        client = client or self.client
        if request.stop_after == "first_frame" and recipe.first_frame is None:
            raise InputError(
                f"The preset {recipe.preset} paints no first frame, so a job cannot stop after it; choose another."
            )
        self._expect_room(client)
        renew(self.artifacts, request)
        request = self.consents.admit(request, client)
        new = secrets.token_hex(12)  # not base64: a command line takes an id that begins with a dash for an option
        job_id = self.store.add(
            new,
            request.model_dump(mode="json"),
            recipe.model_dump(mode="json"),
            client=client,
            call=call,
            parent=request.kept.parent if request.kept else None,
            request_id=request_id.get() or telemetry.new_request_id(),
            phase=0 if in_phases else None,
        )
        self._announce()
        return job_id, job_id != new

    def _expect_room(self, client: str | None) -> None:
        """Raise ``Busy`` where the queue is full, or a client other than the owner has more than its share of it."""
        waiting, most = self.store.unfinished(), self.settings.most_unfinished
        if waiting >= most:
            raise Busy(f"The server is busy, {waiting} jobs are waiting; try again when some of them have ended.")
        if client is None:
            return
        own, most = self.store.unfinished_by(client), self.settings.most_unfinished_per_client
        if own >= most:
            raise Busy(f"You have {own} unfinished jobs, and {most} is the most; wait for some to end, or cancel some.")
        new, most = self.store.submitted_by(client, time.time() - 60), self.settings.most_submitted_per_minute
        if new >= most:
            raise Busy(f"You submitted {new} jobs in the last minute, and {most} is the most; wait a minute.")

    def view(self, job_id: str) -> JobView:
        row = self.row(job_id)
        siblings = [each for each in self.store.follow_ups(row.parent) if each != job_id] if row.parent else []
        if row.ended:
            return view_of(row, siblings=siblings)
        waits = row.status == "queued"
        if waits and self.store.paused():
            return view_of(row, self.store.waiting_before(row), siblings, paused=True)
        left, before = self.store.seconds_left(row), self.store.waiting_before(row) if waits else 0
        return view_of(row, before, siblings, None if left is None else round(left / 5) * 5)

    def row(self, job_id: str) -> JobRow:
        """A job as the store holds it; raises ``UnknownJob`` where there is none."""
        row = self.store.get(job_id)
        if row is None:
            raise UnknownJob(job_id)
        return row

    def views(self, limit: int, status: Status | None = None, words: str | None = None) -> list[JobView]:
        """The newest first; with ``words`` those whose prompt has them."""
        return [view_of(row) for row in self.store.list(limit, status, words)]

    def wait(
        self, job_id: str, seconds: float | None = None, watch: Callable[[JobView], None] | None = None
    ) -> JobView:
        """Wait for a job to end, for ``seconds`` at the most; ``watch`` is shown each change."""
        deadline = None if seconds is None else time.monotonic() + seconds
        shown: JobView | None = None
        while True:
            view = self.view(job_id)
            if watch and view != shown:
                watch(view)
                shown = view
            left = _LOOK if deadline is None else deadline - time.monotonic()
            if view.ended or left <= 0:
                return view
            with self._changed:
                self._changed.wait(min(_LOOK, left))

    def cancel(self, job_id: str) -> JobView:
        """Cancel a job; one that has ended stays as it is."""
        self.view(job_id)
        self.store.ask_cancel(job_id)
        self._announce()
        cancelled = self.wait(job_id, seconds=2)
        if cancelled.ended:
            self._drop(job_id)  # one that waits for a phase has some, and nobody who runs it
        return cancelled

    def refine(self, job_id: str, instruction: str) -> Refined:
        """Make a follow-up of a job in any state: a new job, an earlier one, or a question back."""
        return refine(self, job_id, instruction)

    def animate(self, job_id: str, candidate: int, temporal_prompt: str | None = None) -> str:
        """Make a video of one of a job's first frames; the new job's id."""
        return animate(self, job_id, candidate, temporal_prompt)

    def state_of(self, job_id: str) -> State:
        """What a job has found out so far; empty where it has not begun."""
        with reader_of(self.settings.database.checkpoints) as saver:
            if saver is None:
                return State()
            return cast(State, build_graph(saver).get_state({"configurable": {"thread_id": job_id}}).values)

    @property
    def queue(self) -> JobQueue:
        return JobQueue(self.store, self.client)

    def ask(self, purpose: str) -> Caller:
        """Runs one operation at a time in the workers, for no job."""
        return caller(self._pool, purpose)

    def planner_for(self, recipe: Recipe) -> Planner:
        """The planner of a recipe, outside of any job; the rules, where another process has the GPU for the model."""
        desk = Desk(recipe, self.settings.planner_key, self.ask("planning"), threading.Event())
        elsewhere = recipe.planner == "qwen-local" and not self._device.is_locked
        return planner_at(desk, "rules" if elsewhere else recipe.planner)

    def device_busy(self) -> bool:
        """Whether a worker of this process is still on a call, a cancelled one included."""
        return self._pool.busy()

    def device_here(self) -> bool:
        """Whether this process is the one that drives the device."""
        return self._device.is_locked

    def readiness(self, *presets: str) -> dict[str, list[str]]:
        """What each preset is missing here; all of them, where none is given."""
        return readiness(self._pool, presets)

    def drain(self, seconds: float) -> None:
        """Begin no further node, of any job; a call that runs gets so many seconds to end before ``close`` ends it."""
        self._calls_end = time.monotonic() + seconds
        self._stopping.set()
        self._announce()

    def close(self) -> None:
        """End the runner and its workers, at once if it was not drained. A running job goes back to its place."""
        if not self._stopping.is_set():
            self.drain(0)
        if self._runner.is_alive():
            self._runner.join(timeout=max(0.0, self._calls_end - time.monotonic()) + 10)
        self._pool.close()
        telemetry.flush()
        self.store.close()
        self.consents.close()

    def _announce(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _run_queue(self) -> None:
        """Take the device when it is free, then run one job after another, or several at once."""
        while not self._stopping.is_set():
            try:
                with self._device.acquire(timeout=_LOOK):
                    self._drive()
            except Timeout:
                continue
            except DatabaseAway as error:
                log.warning("the runner waits: %s", error)
                self._stopping.wait(1)
            except Exception:
                log.exception("the runner failed and goes on")
                self._stopping.wait(1)

    def _drive(self) -> None:
        owner = f"{socket.gethostname()}:{self.settings.home}"  # one process of these at a time has the device
        self.store.requeue_orphans(owner)
        self._drop_leftovers()
        with saver_at(self.settings.database.checkpoints) as saver:
            graph = build_graph(saver)
            with self._others_beside(owner, graph) as failed:
                while not self._stopping.is_set() and not failed.is_set():
                    self._housekeeping.when_due()
                    self._run_next(owner, graph)

    @contextmanager
    def _others_beside(self, owner: str, graph: Any) -> Iterator[threading.Event]:  # noqa: ANN401 - langgraph's graph
        """Further runners until the end of the block, where the pool can serve more than one job at once.

        Gives what tells that one of them failed, whose job is orphaned then.
        """
        ended, failed = threading.Event(), threading.Event()

        def run() -> None:
            try:
                while not self._stopping.is_set() and not ended.is_set():
                    self._run_next(owner, graph)
            except Exception:
                log.exception("a runner failed, and all begin anew")
                failed.set()

        names = [f"runner {number}" for number in range(2, self.settings.jobs_at_once + 1)]
        others = [threading.Thread(target=run, name=name, daemon=True) for name in names]
        for other in others:
            other.start()
        try:
            yield failed
        finally:
            ended.set()
            for other in others:
                other.join()

    def _run_next(self, owner: str, graph: Any) -> None:  # noqa: ANN401 - langgraph's compiled graph
        """Run the next job, or wait a moment for one; one runner looks for all that are idle."""
        with self._looking:
            if self._stopping.is_set():
                return
            row = self.store.claim(owner, self._phase)
            if row is None:
                with self._changed:
                    self._changed.wait(_LOOK)
                return
            self._phase = self._phase if row.phase is None else row.phase
        with suppress(LeaseLost), logged_as(row.request_id, row.id):
            try:
                _Run(self, row, graph).run()
            except StorageAway as error:
                self._announce()
                self._wait_for_storage(row, error)
        self._announce()

    def _wait_for_storage(self, row: JobRow, error: StorageAway) -> None:
        """Until it answers whether it has what the job needs first, or says why it never will."""
        log.warning("a runner waits: %s", error)
        while not self._stopping.wait(_STORAGE_LOOK):
            try:
                self.artifacts.exists(row.request["photo"])
            except StorageAway:
                continue
            except Unavailable as error:
                log.warning("a runner goes on: %s", error)
            return

    def _drop_leftovers(self) -> None:
        """Delete what ended jobs left: a cancelled call may have written after its job was tidied up."""
        try:
            for job_id in self.artifacts.jobs():
                row = self.store.get(job_id)
                if row is None or row.ended:
                    self.artifacts.drop_job(job_id)
        except (Unavailable, StorageAway) as error:  # jobs say so themselves
            log.warning("what ended jobs left stays for now: %s", error)

    def _drop(self, job_id: str) -> None:
        """Delete what an ended job left."""
        with suppress(Unavailable, StorageAway):  # the next start does
            self.artifacts.drop_job(job_id)


class _Run:
    """One job from its claim to its end, on the runner's thread; another thread listens for a cancel meanwhile."""

    def __init__(self, engine: JobEngine, row: JobRow, graph: Any) -> None:  # noqa: ANN401 - langgraph's compiled graph
        self.engine, self.row, self.graph = engine, row, graph
        self.cancelled = threading.Event()
        self.over = threading.Event()
        self.stage, self.message, self.shown = "", "", 0.0
        self.stages_begun: int = (row.progress or {}).get("stages_begun", 0)
        self.candidates: list[dict[str, Any]] = []
        self.timings: list[Timing] = []

    @cached_property
    def request(self) -> JobRequest:
        return JobRequest.model_validate(self.row.request)

    @cached_property
    def recipe(self) -> Recipe:
        return Recipe.model_validate(self.row.recipe)

    def run(self) -> None:
        listener = threading.Thread(target=self._listen, name="cancel", daemon=True)
        listener.start()
        try:
            with job_span(self.row) as tell:
                ended = self._outcome()
                tell(ended)
        except StorageAway:
            self._put_back()
            raise
        finally:
            self.over.set()
            listener.join()
        self.engine.store.write(self.row, **ended)  # first: what a killed process left is dropped by the next one
        if ended["status"] != "queued":
            self.engine._drop(self.row.id)

    def _outcome(self) -> dict[str, Any]:
        try:
            self.engine.consents.expect_standing(self.request)
            reached = self._invoke()
            if isinstance(reached, int):
                return self._set_aside(reached)
            return self._end("completed", result=reached["delivered"])
        except Cancelled:
            if self.engine._stopping.is_set() and not self._cancel_asked():
                return {"status": "queued"}
            return self._end("cancelled")
        except Closed:
            return {"status": "queued"}
        except GateError as error:
            return self._end("failed", error=self._told(error, {"best_first_frame": error.best}))
        except InputError as error:
            return self._end("failed", error=self._told(error, error.attachments))
        except (LeaseLost, DatabaseAway, StorageAway):
            raise
        except SteadfaceError as error:
            return self._end("failed", error=self._told(error, {}))
        except Exception as error:
            log.exception("job %s failed", self.row.id)
            return self._end("failed", error=self._told(self._plainly(error), {}))

    def _invoke(self) -> State | int:
        """Run the graph from its last checkpoint; a job begun before goes on after its last finished node.

        Gives the number of the phase that is to begin, where a job in phases has come to the end of one.
        """
        context = Context(
            job_id=self.row.id,
            created=datetime.fromtimestamp(self.row.created).astimezone(),
            request=self.request,
            recipe=self.recipe,
            videos=self.engine.settings.videos,
            planner_key=self.engine.settings.planner_key,
            artifacts=self.engine.artifacts,
            pool=self.engine._pool,
            cancelled=self.cancelled,
            enter=self._enter,
            leave=self._leave,
            take_folder=self._take_folder,
            observe=self._observe,
            show_candidates=self._show_candidates,
        )
        thread: RunnableConfig = {"configurable": {"thread_id": self.row.id}, "recursion_limit": RECURSION_LIMIT}
        config, begun = thread, self.graph.get_state(thread)
        if "delivered" in begun.values:
            self.timings = begun.values["timings"]
            return cast(State, begun.values)
        kept = self.request.kept
        if not begun.values and kept and kept.node:
            self.graph.update_state(config, {**kept.state, "events": []}, as_node=kept.node)
            begun = self.graph.get_state(config)
        if not self._whole(begun):
            begun = next(filter(self._whole, self.graph.get_state_history(config)), begun)
            config = {**config, **begun.config}
        self.timings = [*begun.values.get("timings", [])]
        start = None if begun.created_at else State(events=[])  # what next says leaves out a begin that was cut short
        if "verdict" in begun.values:
            self._show_candidates(begun.values["attempts"], begun.values["verdict"])
        now = self.row.phase
        if now is None:
            return cast(State, self.graph.invoke(start, config, context=context, durability="sync"))
        if (next_phase := phase_of(begun.next, now)) != now:
            return next_phase
        reached = self.graph.invoke(start, config, context=context, durability="sync", interrupt_before=beyond(now))
        return cast(State, reached) if "delivered" in reached else phase_of(self.graph.get_state(thread).next, now)

    def _set_aside(self, phase: int) -> dict[str, Any]:
        """Back into the queue, to wait there for a phase."""
        if self._cancel_asked():
            return self._end("cancelled")
        return {"status": "queued", "phase": phase, "ran": self._ran()}

    def _ran(self) -> float:
        return time.time() - (self.row.started or time.time())

    def _put_back(self) -> None:
        """Into its place in the queue, to wait there for the storage."""
        now = self.engine.store.held(self.row)
        if now.cancel_asked:
            self.engine.store.write(self.row, **self._end("cancelled"))
        else:
            progress = {**(now.progress or {}), "waits": WAITS_FOR_STORAGE}
            self.engine.store.write(self.row, status="queued", progress=progress, ran=self._ran())

    def _whole(self, checkpoint: StateSnapshot) -> bool:
        """Whether every file that a checkpoint names is there, and as it was made."""
        named = named_in(json.dumps(checkpoint.values))
        return all(self.engine.artifacts.exists(artifact, verify=True) for artifact in named)

    def _leave(self, timing: Timing) -> None:
        self.engine.store.held(self.row)
        self.timings.append(timing)

    def _take_folder(self, choices: Iterator[Path]) -> Path:
        taken = self.engine.store.held(self.row).folder
        return Path(taken) if taken else next(each for each in choices if self.engine.store.take_folder(self.row, each))

    def _enter(self, stage: str, message: str) -> None:
        if self.cancelled.is_set() or self.engine._stopping.is_set():
            raise Cancelled
        self.stage, self.message, self.stages_begun = stage, message, self.stages_begun + 1
        self._show(0, 0, "")

    def _observe(self, done: int, total: int, message: str) -> None:
        """Progress inside a stage, written at most five times a second."""
        if time.monotonic() - self.shown >= _LOOK or done == total:
            self._show(done, total, message)

    def _show_candidates(self, attempts: Sequence[Attempt], verdict: Verdict) -> None:
        views = candidate_views(attempts, verdict, self.engine.artifacts)
        self.candidates = [view.model_dump() for view in views]
        self._show(0, 0, "")

    def _show(self, done: int, total: int, message: str) -> None:
        self.shown = time.monotonic()
        progress = {
            "stage": self.stage,
            "doing": self.message,
            "stages_begun": self.stages_begun,
            "done": done,
            "total": total,
            "detail": message,
            "candidates": self.candidates,
        }
        with suppress(DatabaseAway):  # the call goes on; what comes of it is written once the database is back
            self.engine.store.write(self.row, progress=progress)
        self.engine._announce()

    def _listen(self) -> None:
        """Keep the lease; turn a cancel from the store, a lost lease or the engine's end into ``cancelled``."""
        renewal = time.monotonic() + _RENEWAL
        while not self.over.wait(_LOOK / 2):
            if self._out_of_time() or self._cancel_asked():
                self.cancelled.set()
            elif time.monotonic() >= renewal:
                renewal = time.monotonic() + _RENEWAL
                with suppress(LeaseLost, OperationalError, DatabaseAway):  # the next look tells, or it is so for now
                    self.engine.store.renew(self.row)

    def _out_of_time(self) -> bool:
        return self.engine._stopping.is_set() and time.monotonic() >= self.engine._calls_end

    def _cancel_asked(self) -> bool:
        try:
            return self.engine.store.held(self.row).cancel_asked
        except LeaseLost:
            return True
        except DatabaseAway:
            return False

    def _end(self, status: str, **values: Any) -> dict[str, Any]:  # noqa: ANN401 - columns
        return {"status": status, "finished": time.time(), "usage": usage_by_stage(self.timings), **values}

    def _plainly(self, error: Exception) -> SteadfaceError:
        """What no tool and no node should raise, as a sentence."""
        home = self.engine.settings.home
        if "disk is full" in str(error):
            return InputError(
                f"The disk that holds {home} is full; free some space, or set STEADFACE_HOME to another disk."
            )
        return BackendError(
            f"Steadface itself failed ({type(error).__name__}: {error}); this is a defect, please report it with "
            f"what {log_file(home)} has of request {self.row.request_id}."
        )

    def _told(self, error: SteadfaceError, attachments: dict[str, str]) -> dict[str, Any]:
        paths = {label: str(self.engine.artifacts.path(artifact)) for label, artifact in attachments.items()}
        return {"kind": type(error).__name__, "message": str(error), "attachments": paths}
