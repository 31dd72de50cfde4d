"""What a Ray actor is: the owner of one worker process on its node.

The process is the one that the local pool starts, so that an operation runs the same everywhere, and what kills it
does not kill the actor. Every method may be run again by Ray when an answer was lost on the way.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from tools.artifacts import Artifacts
from tools.errors import StorageAway, Unavailable
from tools.home import home_folder
from tools.pools import wire
from tools.pools.connection import Died
from tools.pools.process import Process

_LISTEN = 0.5
"""Seconds that one look for news may take; whatever else is asked waits behind it."""


class Host:
    def __init__(self, name: str, root: str | None, operations: str, artifacts_url: str | None) -> None:
        """``name`` names the log file of the worker. ``root`` is the folder that all nodes share; without one, the
        artifacts have a URL, and a node has a home of its own.
        """
        self._name, self._operations = name, operations
        self._root = Path(root) if root else home_folder()
        self._artifacts_url = artifacts_url
        self._process: Process | None = None
        self._call = 0
        self._news: list[bytes] = []

    def start(self, mark: str) -> str | None:
        """Start the worker, unless it cannot work on this node; why not. ``mark`` is an artifact of the owner."""
        node = socket.gethostname()
        try:
            if not Artifacts(self._root, self._artifacts_url).exists(mark):
                return f"The node {node} does not see the artifacts of this machine"
        except (Unavailable, StorageAway) as error:
            return f"The node {node} cannot work: {str(error).removesuffix('.')}"
        if self._process is None:
            os.environ["STEADFACE_HOME"] = str(self._root)
            self._process = Process(self._name, self._root, self._operations, self._artifacts_url)
        return None

    def say(self, line: bytes) -> None:
        """Pass a message on to the worker, a call only once."""
        assert self._process
        message = wire.ToWorker.validate_json(line)
        if isinstance(message, wire.Call):
            if message.number == self._call:
                return
            self._call, self._news = message.number, []
        self._process.say(message)

    def hear(self, number: int, known: int) -> tuple[list[bytes], str | None]:
        """What the worker said of a call after the ``known`` first messages, and how it died if it did."""
        assert self._process
        if number != self._call:
            return [], None
        try:
            wait = _LISTEN if len(self._news) == known else 0.0
            while (message := self._process.hear(wait)) is not None:
                self._news.append(wire.line(message))
                wait = 0.0
        except Died as death:
            return self._news[known:], str(death)
        return self._news[known:], None

    def end(self) -> None:
        if self._process is not None:
            self._process.end()
