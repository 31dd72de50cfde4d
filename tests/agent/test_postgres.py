"""A PostgreSQL database: brought up by whoever comes first, lost and found again, and its password told to nobody."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from postgres_server import PASSWORD, PostgresServer
from pydantic import SecretStr

from agent.checkpoints import checkpoints_in, reader_of, saver_at
from agent.consents import ConsentBook
from agent.database import Database, DatabaseAway
from agent.graph import build_graph
from agent.schema import open_database
from agent.settings import load_settings
from agent.store import JobStore
from tools.errors import InputError, SteadfaceError


@pytest.fixture
def url(postgres: PostgresServer) -> SecretStr:
    return SecretStr(postgres.new_database())


def at_once(number: int, place: SecretStr) -> None:
    with closing(JobStore(place)), closing(ConsentBook(Database(place, place, place))), saver_at(place):
        pass


def test_processes_that_start_at_once_bring_an_empty_database_up_together(url: SecretStr) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(at_once, range(4), [url] * 4))
    with psycopg.connect(url.get_secret_value()) as db:
        assert [name for (name,) in db.execute("SELECT name FROM schemas ORDER BY name")] == ["consents", "jobs"]
        assert db.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone() == (0,)


def test_a_database_of_an_earlier_version_is_brought_up_and_one_of_a_newer_is_left_alone(url: SecretStr) -> None:
    steps = ["CREATE TABLE notes (text VARCHAR)", "ALTER TABLE notes ADD COLUMN author VARCHAR"]
    open_database(url, "notes", steps[:1]).dispose()
    with psycopg.connect(url.get_secret_value()) as db:
        db.execute("INSERT INTO notes VALUES ('kept')")
    open_database(url, "notes", steps).dispose()
    with psycopg.connect(url.get_secret_value()) as db:
        assert db.execute("SELECT text, author FROM notes").fetchall() == [("kept", None)]
    with pytest.raises(InputError, match="written by a newer version"):
        open_database(url, "notes", steps[:1])


def test_a_step_that_fails_leaves_the_database_as_it_was(url: SecretStr) -> None:
    good = ["CREATE TABLE one (x INTEGER)", "CREATE TABLE two (x INTEGER)"]
    open_database(url, "some", good[:1]).dispose()
    with pytest.raises(Exception, match="syntax error"):
        open_database(url, "some", [*good, "CREATE nonsense"])
    open_database(url, "some", good).dispose()


def test_what_no_text_can_hold_is_refused_in_a_sentence(url: SecretStr) -> None:
    with closing(JobStore(url)) as store, pytest.raises(InputError, match=r"^PostgreSQL cannot take what was given"):
        store.get("zero \0")


def test_checkpoints_are_read_and_forgotten_beside_the_graph(place: Path | SecretStr) -> None:
    file = f"{'a' * 64}.png"
    with checkpoints_in(place) as none_yet:
        assert none_yet.jobs() == set()
    with saver_at(place) as saver:
        graph = build_graph(saver)
        for job in ("kept", "gone"):
            graph.update_state({"configurable": {"thread_id": job}}, {"painted": [{"image": file}]})
        with checkpoints_in(place) as checkpoints:
            assert checkpoints.jobs() == {"kept", "gone"}
            assert any(file.encode() in each for each in checkpoints.last("kept"))
            checkpoints.forget("gone")
        with reader_of(place) as reader:
            look = build_graph(reader).get_state
            values = {job: look({"configurable": {"thread_id": job}}).values for job in ("kept", "gone")}
    assert values["kept"]["painted"] == [{"image": file}]
    assert values["gone"] == {}


@pytest.fixture
def server(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """One that a test may stop."""
    yield postgres
    postgres.start_again()


def test_a_database_that_went_away_is_told_in_a_sentence_and_used_again_when_it_is_back(
    server: PostgresServer, url: SecretStr
) -> None:
    with closing(JobStore(url)) as store, saver_at(url) as saver:
        store.add("before", {}, {})
        look = build_graph(saver).get_state
        server.stop()
        for _ in range(2):
            with pytest.raises(DatabaseAway, match=r"^The PostgreSQL database cannot be used now .* jobs go on when"):
                store.get("before")
            with pytest.raises(DatabaseAway):
                look({"configurable": {"thread_id": "before"}})
        with pytest.raises(DatabaseAway, match=r"\(Connection refused\)"):
            JobStore(url)
        server.start()
        assert store.get("before") is not None


WRONG = {
    "password": "postgresql://owner:s3cret-wrong@127.0.0.1:{port}/postgres",
    "database": "postgresql://owner:{quoted}@127.0.0.1:{port}/nowhere",
    "nobody there": "postgresql://owner:s3cret-wrong@127.0.0.1:1/postgres",
    "at sign": "postgresql://owner:s3cret@wrong@127.0.0.1:1/postgres",
    "slash": "postgresql://owner:s3cret/wrong@127.0.0.1:1/postgres",
    "question mark": "postgresql://owner:s3cret?wrong@127.0.0.1:1/postgres",
    "percent": "postgresql://owner:s3cret%wrong@127.0.0.1:1/postgres",
    "option": "postgresql://owner:s3cret-wrong@127.0.0.1:1/postgres?nonsense=1",
}


@pytest.mark.parametrize("given", WRONG.values(), ids=WRONG)
def test_no_part_of_a_password_is_told_when_something_is_wrong(
    postgres: PostgresServer, home: Path, given: str, caplog: pytest.LogCaptureFixture
) -> None:
    quoted = postgres.url("x").split("owner:")[1].split("@")[0]
    settings = load_settings(database_url=given.format(port=postgres.port, quoted=quoted))
    with caplog.at_level(logging.DEBUG), pytest.raises(SteadfaceError) as failed:
        JobStore(settings.database.jobs)
    logging.getLogger("steadface").error("it failed", exc_info=failed.value)
    told = "".join(traceback.format_exception(failed.value)) + caplog.text + repr(settings) + str(settings.database)
    for secret in ("s3cret", "wrong@", "wrong-", PASSWORD, quoted):
        assert secret not in told.replace("WRONG", ""), told


@pytest.mark.parametrize("url", ["mysql://me:s3cret@host/name", "s3cret", "sqlite:///", "postgresql:s3cret"])
def test_a_url_of_another_kind_is_refused_without_being_repeated(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFACE_DATABASE_URL", url)
    with pytest.raises(InputError, match=r"STEADFACE_DATABASE_URL\) is wrong: write postgresql://") as refused:
        load_settings()
    assert "s3cret" not in "".join(traceback.format_exception(refused.value))


def test_an_sqlite_url_names_the_file_of_the_jobs_and_the_others_lie_beside_it(home: Path, tmp_path: Path) -> None:
    assert load_settings().database == Database.of(home)
    database = load_settings(database_url=f"sqlite:///{tmp_path}/elsewhere/queue.db").database
    assert (database.jobs, database.checkpoints, database.consents) == (
        tmp_path / "elsewhere" / "queue.db",
        tmp_path / "elsewhere" / "checkpoints.sqlite",
        tmp_path / "elsewhere" / "consents.sqlite",
    )
    assert not database.begun
    JobStore(database.jobs).close()
    assert database.begun
