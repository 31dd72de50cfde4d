"""A PostgreSQL server of Debian's package on a port of its own, with its files in a folder that goes with it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg

PASSWORD = "p:a@s/s%word-4711"
"""With everything in it that a URL has a meaning for."""


def programs() -> Path | None:
    """The folder of the newest ``postgres`` that is installed."""
    found = [file.parent for file in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    return max(found, key=lambda folder: int(folder.parent.name), default=None)


class PostgresServer:
    def __init__(self, folder: Path) -> None:
        self._programs, self._number = folder, count(1)
        self._user = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}  # it refuses to be root
        self._home = Path(tempfile.mkdtemp(prefix="steadface-postgres-"))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        password = self._home / "password"
        password.write_text(PASSWORD)
        if self._user:
            for path in (self._home, password):
                shutil.chown(path, *self._user.values())
        self._run("initdb", "--auth=scram-sha-256", f"--pwfile={password}", "--username=owner", "--no-sync")
        self.start()

    def start(self) -> None:
        options = f"-p {self.port} -h 127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._run("pg_ctl", "start", "--wait", f"--log={self._home / 'log'}", f"--options={options}")

    def stop(self) -> None:
        """At once, as when its machine fails."""
        self._run("pg_ctl", "stop", "--wait", "--mode=immediate")

    def start_again(self) -> None:
        """Where it was stopped."""
        if not (self._home / "data" / "postmaster.pid").exists():
            self.start()

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._home)

    def new_database(self) -> str:
        """Its URL."""
        name = f"test{next(self._number)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, name: str) -> str:
        return f"postgresql://owner:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/{name}"

    def _run(self, program: str, *options: str) -> None:
        command = [self._programs / program, f"--pgdata={self._home / 'data'}", *options]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self._home, **self._user)
        assert not done.returncode, done.stdout + done.stderr
