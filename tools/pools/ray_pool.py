"""Workers on the nodes of a Ray cluster, one pool of actors a queue. Ray is imported here alone.

Artifacts and receipts lie in object storage, or in one folder that all nodes see at the same path. A worker has
written them before its answer comes, so nothing that is finished goes with a node.
"""

from __future__ import annotations

import logging
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from tools.actors import Actors
from tools.artifacts import Artifacts
from tools.errors import Unavailable
from tools.pools import Closed, wire
from tools.pools.calls import Message, Queue
from tools.pools.connection import Died, Lost
from tools.pools.crew import Crew, Overdue
from tools.pools.queued import QueuedPool
from tools.pools.ray_host import Host
from tools.pools.worker import log_path

log = logging.getLogger(__name__)

_RETRY_FOR = 3600.0
"""Seconds from its begin in which a call whose node is lost is run again."""

_SILENCE = 300.0
"""Seconds without a word after which an actor counts as lost, whatever Ray believes."""

_ANSWER = 5.0
"""Seconds that the cluster has to take a connection, and an actor to end its worker."""

_IDLE = 600.0
"""Seconds after which an idle actor beyond the least gives its GPU back."""

_UPKEEP = 30.0
"""Seconds between two looks for idle actors."""


class RayPool(QueuedPool):
    """Connects to the cluster at the first call."""

    def __init__(
        self,
        root: Path,
        address: str,
        actors: Mapping[Queue, Actors],
        cancel_grace: float = 60.0,
        patience: float = 300.0,
        operations: str = "tools.pools.work:OPERATIONS",
        artifacts_url: str | None = None,
    ) -> None:
        """``root`` is the folder that all nodes share, unless ``artifacts_url`` names what they share instead;
        ``address`` as ``ray.init`` takes it.

        ``patience``: seconds that a call waits while the cluster gives its queue no actor at all.
        """
        self._root, self._address, self._operations = root, address, operations
        self._artifacts_url = artifacts_url
        self._artifacts = Artifacts(root, artifacts_url)
        self._secret = secrets.token_bytes(16)
        self._connecting = threading.Lock()
        self._connected = False
        self._ours = False  # a process has one connection to Ray
        self._ended = threading.Event()
        crews = {queue: self._crew(queue, size, patience) for queue, size in actors.items()}
        super().__init__(crews, cancel_grace, _RETRY_FOR)

    def close(self) -> None:
        super().close()
        with self._connecting:
            self._ended.set()
            if self._ours:
                ray.shutdown()

    def _crew(self, queue: Queue, size: Actors, patience: float) -> Crew:
        def start(place: int) -> RayWorker:
            self._connect()
            mark = self._artifacts.put(self._secret, "bin")
            return RayWorker(f"{queue}-{place}", self._root, self._operations, size, mark, self._artifacts_url)

        variable = f"STEADFACE_RAY_{queue.upper()}"
        lack = (
            f"The Ray cluster has given the queue {queue} no worker in {patience:.0f} s; each takes {size.gpus:g} GPU "
            f"and {size.cpus:g} CPU. Add such a node, or ask for less with {variable}__GPUS and {variable}__CPUS."
        )
        return Crew(start, size.most, size.least, Overdue(patience, lack))

    def _connect(self) -> None:
        with self._connecting:
            if self._ended.is_set():
                raise Closed("The pool was closed.")
            if self._connected:
                return
            try:
                _expect_answer(self._address)
                if not ray.is_initialized():
                    ray.init(self._address, namespace="steadface", log_to_driver=False, logging_level=logging.ERROR)
                    self._ours = True
            except (OSError, RuntimeError, ValueError, RayError) as error:
                why = " ".join(str(error).split())
                raise Unavailable(
                    f"There is no Ray cluster to work with at {self._address} ({why}); start one with "
                    "ray start --head, and name it with STEADFACE_RAY_ADDRESS."
                ) from error
            self._connected = True
            threading.Thread(target=self._keep_up, name="ray upkeep", daemon=True).start()

    def _keep_up(self) -> None:
        while not self._ended.is_set():
            for crew in self._crews.values():
                crew.fill()
                crew.trim(_IDLE)
            self._ended.wait(_UPKEEP)


def _expect_answer(address: str) -> None:
    """Raise ``OSError`` where nobody listens, which ``ray.init`` takes minutes to say."""
    host, _, port = address.rpartition(":")
    if port.isdecimal():
        socket.create_connection((host, int(port)), _ANSWER).close()


def _remedy(root: Path, artifacts_url: str | None) -> str:
    if artifacts_url:
        return f"start Ray there with the credentials and the end point of {artifacts_url} in its environment"
    return f"share {root} with every node at this path"


class RayWorker:
    """Implements ``Connection`` through the actor that owns the process.

    Ray repeats a lost word to the actor as often as it must, since every method of ``Host`` can bear that; a lost
    actor it does not replace, since the call then goes to whichever worker is free first.
    """

    def __init__(
        self, name: str, root: Path, operations: str, size: Actors, mark: str, artifacts_url: str | None
    ) -> None:
        self.log = log_path(root, name)
        self.alive = True
        self._remedy = _remedy(root, artifacts_url)
        placed: Any = ray.remote(num_gpus=size.gpus, num_cpus=size.cpus, max_restarts=0, max_task_retries=-1)
        self._actor = placed(Host).remote(name, None if artifacts_url else str(root), operations, artifacts_url)
        self._started = self._actor.start.remote(mark)
        self._running = False
        self._number = 0
        self._known = 0
        self._news: deque[Message] = deque()
        self._hearing: Any = None
        self._death: str | None = None
        self._heard = time.monotonic()

    def ready(self) -> bool:
        if not self._running and ray.wait([self._started], timeout=0)[0]:
            try:
                wrong = ray.get(self._started)
            except RayActorError as error:
                log.warning("an actor was lost while it started: %s", error)
                self.alive = False
            except RayTaskError as error:
                why = " ".join(str(error.cause).split())
                raise Unavailable(
                    f"No worker can start on the Ray cluster ({why}); install the same Steadface on every node."
                ) from error
            else:
                if wrong:
                    raise Unavailable(f"{wrong}; {self._remedy}.")
                self._running = True
        return self._running

    def say(self, message: Message) -> None:
        if isinstance(message, wire.Call):
            self._number, self._known, self._hearing = message.number, 0, None
            self._heard = time.monotonic()
        self._actor.say.remote(wire.line(message))

    def hear(self, seconds: float) -> Message | None:
        if self._news:
            return self._news.popleft()
        if self._death is not None:
            raise Died(self._death)
        if self._hearing is None:
            self._hearing = self._actor.hear.remote(self._number, self._known)
        if not ray.wait([self._hearing], timeout=seconds)[0]:
            if time.monotonic() - self._heard > _SILENCE:
                raise self._loss(f"silent for {_SILENCE:.0f} s")
            return None
        hearing, self._hearing = self._hearing, None
        try:
            lines, self._death = ray.get(hearing)
        except RayActorError as error:
            log.warning("an actor was lost: %s", error)
            raise self._loss("its node or its actor ended") from None
        self._heard = time.monotonic()
        self._known += len(lines)
        self._news.extend(wire.FromWorker.validate_json(line) for line in lines)
        return self._news.popleft() if self._news else None

    def end(self) -> None:
        with suppress(RayError):
            if self._running and self.alive:
                ray.get(self._actor.end.remote(), timeout=_ANSWER)
        with suppress(RayError):
            ray.kill(self._actor)

    def kill(self) -> None:
        self.end()

    def _loss(self, how: str) -> Lost:
        self.alive = False
        return Lost(how)
