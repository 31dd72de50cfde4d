"""Servers that are killed again and again: every job ends once, none is lost, and nothing is made twice."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from chaos_server import serve

from agent.intent import prepare
from agent.jobs import JobEngine
from agent.settings import load_settings
from agent.store import JobRow, JobStore
from agent.telemetry import new_request_id
from tools import media

if TYPE_CHECKING:
    from postgres_server import PostgresServer
    from s3_server import Bucket

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SMALL = {"WIDTH": "256", "HEIGHT": "144", "FRAMES": "5", "CANDIDATES": "1"}

KINDS: list[dict[str, Any]] = [
    {"prompt": "similarity=0.9 waves"},
    {"prompt": "similarity=0.3 then similarity=0.9"},
    {"prompt": "similarity=0.9 shows", "stop_after": "first_frame"},
]

Start = Callable[..., BaseProcess]


@pytest.fixture
def small(instant: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photo for the instant backends, which make videos as small as they can be."""
    for setting, value in SMALL.items():
        monkeypatch.setenv(f"STEADFACE_{setting}", value)
    photo = tmp_path / "photo.png"
    photo.write_bytes(media.png_bytes(instant.picture(instant.PERSON)))
    return photo


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger"
    path.touch()
    return path


@pytest.fixture
def start(home: Path, ledger: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts servers, which end with the test at the latest."""
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(["pytest", "chaos_server", "instant"])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))
    running: list[BaseProcess] = []

    def started(steps: int | None = None, *, workers: bool = False) -> BaseProcess:
        process = forking.Process(target=serve, args=(dict(os.environ), ledger, steps), kwargs={"workers": workers})
        process.start()
        running.append(process)
        return process

    yield started
    for process in running:
        process.kill()
        process.join()


def submit(
    engine: JobEngine, photo: Path, prompt: str, stop_after: str | None = None, *, in_phases: bool = False
) -> str:
    asked = prepare(
        engine.settings,
        prompt=prompt,
        consent="synthetic",
        source="stated by the user",
        seed=7,
        out=None,
        face=None,
        stop_after=stop_after,
    )
    request, call = asked.with_photos(engine.artifacts, [photo]), new_request_id()
    return engine.submit_once(request, engine.settings.recipe(), call, in_phases=in_phases)[0]


def submitted(photo: Path, kinds: list[dict[str, Any]]) -> list[str]:
    """The jobs, in a store that no server runs yet."""
    with closing(JobEngine(load_settings())) as engine:
        return [submit(engine, photo, **kind) for kind in kinds]


def expect_each_once(job_ids: list[str], ledger: Path) -> None:
    """Every job was completed in its turn and delivered into one folder; nothing was paid or ended twice, or stays."""
    settings = load_settings()
    with closing(JobStore(settings.home / "jobs.sqlite")) as store:
        rows = [store.get(job_id) for job_id in job_ids]
        assert Counter(row.status for row in rows) == {"completed": len(job_ids)}, [row.error for row in rows]
    ends = [row.finished for row in rows]
    assert ends == sorted(ends)

    folders = [Path(row.result["folder"]) for row in rows]
    assert sorted(folders) == sorted(settings.videos.iterdir())
    delivered = [folder / "report.json" for folder in folders if (folder / "video.mp4").is_file()]
    videos = [row for row in rows if "video" in row.result]
    assert [json.loads(report.read_text())["job_id"] for report in delivered] == [row.id for row in videos]
    assert all((folder / "contact_sheet.jpg").stat().st_size for folder in folders)

    twice = [line for line, times in Counter(ledger.read_text().splitlines()).items() if times > 1]
    assert twice == []

    with JobEngine(settings) as engine:
        while engine.artifacts.jobs():
            time.sleep(0.05)


def calls(ledger: Path, job_id: str) -> Counter[str]:
    """What a job paid for, by operation."""
    lines = (line.split() for line in ledger.read_text().splitlines())
    return Counter(words[4] for words in lines if words[:2] == ["paid", job_id])


@pytest.mark.parametrize("in_phases", [False, True], ids=["at once", "in phases"])
def test_a_server_killed_before_any_step_of_a_job_leaves_it_to_the_next_one(
    small: Path, start: Start, ledger: Path, in_phases: bool
) -> None:
    """Server n goes on with the job of the one before, begins one of its own, and dies before the n-th step of that."""
    engine, job_ids = JobEngine(load_settings()), []
    for steps in itertools.count(1):
        job_ids.append(submit(engine, small, **KINDS[0], in_phases=in_phases))
        server = start(steps)
        while server.is_alive() and not engine.view(job_ids[-1]).ended:
            server.join(0.02)
        server.join(0.5)  # a job has ended before the last step
        if server.is_alive():
            break
    engine.close()
    assert len(job_ids) > 30
    expect_each_once(job_ids, ledger)
    assert all(set(calls(ledger, job_id).values()) <= {1} for job_id in job_ids)


def test_three_hundred_jobs_survive_two_servers_that_are_killed_at_random(
    small: Path, start: Start, ledger: Path
) -> None:
    job_ids = submitted(small, [KINDS[number % len(KINDS)] for number in range(300)])
    chance, servers = random.Random(7), [start(), start()]
    with closing(JobStore(load_settings().home / "jobs.sqlite")) as store:
        while store.unfinished():
            time.sleep(chance.uniform(0.02, 2.0))
            victim = chance.randrange(2)
            servers[victim].kill()
            servers[victim].join()
            servers[victim] = start()
    expect_each_once(job_ids, ledger)


def test_ten_previews_survive_killed_servers_with_workers(
    home: Path, start: Start, ledger: Path, monkeypatch: Any
) -> None:
    for setting, value in SMALL.items():
        monkeypatch.setenv(f"STEADFACE_{setting}", value)
    job_ids = submitted(Path("examples/astronaut.jpg"), [{"prompt": "A woman waves at the sea."}] * 10)
    chance, kills = random.Random(7), 5
    server = start(workers=True)
    with closing(JobStore(load_settings().home / "jobs.sqlite")) as store:
        while store.unfinished():
            server.join(chance.uniform(1, 5))
            if kills:
                kills -= 1
                server.kill()
                server.join()
                server = start(workers=True)
    expect_each_once(job_ids, ledger)


def test_what_a_killed_server_ran_is_ended_once_by_another_that_shares_its_database_and_bucket(
    small: Path,
    start: Start,
    ledger: Path,
    postgres: PostgresServer,
    bucket: Bucket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = postgres.new_database()
    monkeypatch.setenv("STEADFACE_DATABASE_URL", database)
    monkeypatch.setenv("STEADFACE_ARTIFACTS_URL", bucket.url)
    job_ids = submitted(small, [{"prompt": "similarity=0.9 video=2"}] * 6)
    servers = {}
    for name in ("one", "two"):
        monkeypatch.setenv("STEADFACE_HOME", str(tmp_path / name))
        servers[name] = start()

    with closing(JobStore(load_settings().database.jobs)) as store:

        def run_by(name: str) -> list[JobRow]:
            rows = [store.get(job_id) for job_id in job_ids]
            return [row for row in rows if row and (row.owner or "").endswith(f"/{name}")]

        while not (animating := [row for row in run_by("one") if row.status == "running" and in_animate(row)]) or not [
            row for row in run_by("one") if row.ended
        ]:
            time.sleep(0.05)
        servers["one"].kill()
        servers["one"].join()
        [orphan] = animating
        with psycopg.connect(database) as db:  # as when its lease is over
            assert db.execute("UPDATE jobs SET renewed = 0 WHERE id = %s AND epoch = 1", (orphan.id,)).rowcount == 1
        while store.unfinished():
            time.sleep(0.1)
        ended = {name: run_by(name) for name in servers}

    assert [row.status for rows in ended.values() for row in rows] == ["completed"] * len(job_ids)
    assert ended["one"]
    assert {row.id: row.epoch for row in ended["two"] if row.epoch > 1} == {orphan.id: 2}
    lines = ledger.read_text().splitlines()
    assert sorted(line for line in lines if line.startswith("ended")) == sorted(f"ended {each}" for each in job_ids)
    assert all(set(calls(ledger, job_id).values()) == {1} for job_id in job_ids)
    while [key for key in bucket.keys if key.startswith(("videos/scratch/", "videos/receipts/"))]:
        time.sleep(0.05)


def in_animate(row: JobRow) -> bool:
    return (row.progress or {}).get("stage") == "animate"
