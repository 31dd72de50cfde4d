from __future__ import annotations

import importlib
import os
import runpy
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from postgres_server import PostgresServer
    from s3_server import Bucket, S3Server

    from agent.database import Place
    from agent.jobs import JobEngine
    from tools.pools.local import LocalPool

INSTANT = Path(__file__).parent / "instant"

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def pytest_configure(config: pytest.Config) -> None:
    """No test reaches a hub, or a setting or a folder of the person who runs it; ``home`` gives a test its own."""
    for name in [name for name in os.environ if name.startswith("STEADFACE_")]:
        del os.environ[name]
    ours = tempfile.TemporaryDirectory(prefix="steadface-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(ours.cleanup)
    os.environ.update(
        HF_HUB_OFFLINE="1",
        STEADFACE_HOME=str(Path(ours.name) / "home"),
        STEADFACE_VIDEOS=str(Path(ours.name) / "videos"),
        STEADFACE_INBOX=str(Path(ours.name) / "inbox"),
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return _no_skip_in_ci((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _no_skip_in_ci((yield))


def _no_skip_in_ci(report: Report) -> Report:
    """Where CI=true a skipped test fails: a test that nobody runs proves nothing."""
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: not allowed in CI: {reason}"
    return report


def _live_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STEADFACE_HOME", str(folder / "home"))
    monkeypatch.setenv("STEADFACE_VIDEOS", str(folder / "videos"))
    monkeypatch.setenv("STEADFACE_INBOX", str(folder / "inbox"))
    return folder / "home"


def _choose_instant(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(INSTANT))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(INSTANT), os.environ.get("PYTHONPATH")))))
    for capability in ("PLANNER", "FACES", "MATTING", "FIRST_FRAME", "FACE_DETAIL", "VIDEO"):
        monkeypatch.setenv(f"STEADFACE_{capability}", "instant")
    chosen = {"WIDTH": "256", "HEIGHT": "144", "FRAMES": "41", "CANCEL_GRACE": "2", "DETAIL_STRENGTH": "0"}
    for setting, value in chosen.items():
        monkeypatch.setenv(f"STEADFACE_{setting}", value)
    memory = folder / "memory"
    memory.mkdir(exist_ok=True)
    monkeypatch.setenv("INSTANT_MEMORY", str(memory))
    return sys.modules.get("instant") or importlib.import_module("instant")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ``STEADFACE_HOME`` of the test's own."""
    return _live_in(tmp_path, monkeypatch)


@pytest.fixture
def instant(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The backends of ``tests/instant``, installed and chosen, here and in processes started from here."""
    return _choose_instant(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture
def shared_instant(shared_folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """As ``instant``, in a home that tests of a module share: those to which the jobs of others do not matter."""
    _live_in(shared_folder, monkeypatch)
    return _choose_instant(shared_folder, monkeypatch)


@pytest.fixture(scope="module")
def shared_runner(shared_folder: Path) -> Iterator[JobEngine]:
    from agent.jobs import JobEngine
    from agent.settings import load_settings

    with pytest.MonkeyPatch.context() as patched:
        _live_in(shared_folder, patched)
        _choose_instant(shared_folder, patched)
        settings = load_settings()
    with JobEngine(settings) as engine:
        yield engine


@pytest.fixture
def shared_engine(shared_instant: ModuleType, shared_runner: JobEngine) -> JobEngine:
    """The engine that runs the queue of the shared home, so that few workers are started: it outlives a test."""
    return shared_runner


@pytest.fixture(scope="module")
def _kept_pool(shared_folder: Path) -> Iterator[LocalPool]:
    from tools.pools.local import LocalPool

    pool = LocalPool(shared_folder / "home", cancel_grace=2)
    yield pool
    pool.close()


@pytest.fixture
def kept_pool(_kept_pool: LocalPool, monkeypatch: pytest.MonkeyPatch) -> LocalPool:
    """Workers of ``emptied_home`` that outlive a test: an engine that closes does not end them."""
    monkeypatch.setattr(_kept_pool, "close", lambda: None)
    return _kept_pool


@pytest.fixture
def emptied_home(shared_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that is not there yet, as ``home`` is, at the one place for which workers can be kept."""
    home = _live_in(shared_folder, monkeypatch)
    for folder in (home, shared_folder / "videos"):
        shutil.rmtree(folder, ignore_errors=True)
    return home


@pytest.fixture
def kept_workers(kept_pool: LocalPool, emptied_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever opens an engine within this process, such as a command, has the workers that outlive a test."""
    for where in ("agent.jobs.open_pool", "agent.pools.open_pool", "agent.pools.open_local_pool"):
        monkeypatch.setattr(where, lambda settings: kept_pool)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for all tests; each takes a ``new_database`` of it."""
    from postgres_server import PostgresServer, programs

    installed = programs()
    if installed is None:
        pytest.skip("PostgreSQL is not installed (Debian package postgresql)")
    server = PostgresServer(installed)
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return tmp_path / "jobs.sqlite"
    from pydantic import SecretStr

    return SecretStr(request.getfixturevalue("postgres").new_database())


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """A server for all tests; each takes a ``bucket`` of it."""
    from s3_server import S3Server

    server = S3Server()
    yield server
    server.stop()


@pytest.fixture
def bucket(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """An empty bucket, and its credentials in the environment."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return s3.new_bucket()


@pytest.fixture(scope="session")
def tiny_qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Qwen3 with random weights; tests change copies of it only."""
    build = runpy.run_path(str(Path(__file__).parent / "language" / "tiny_qwen.py"))["build"]
    built: Path = build(tmp_path_factory.mktemp("tiny-qwen3"))
    return built
