"""The schema of files that earlier versions wrote."""

import sqlite3

import pytest
from sqlalchemy import event, text

from agent.schema import open_database
from agent.store import JobStore
from tools.errors import InputError

FIRST = """
CREATE TABLE jobs (
    place INTEGER NOT NULL, id VARCHAR NOT NULL, status VARCHAR NOT NULL, request JSON NOT NULL, recipe JSON NOT NULL,
    created FLOAT NOT NULL, started FLOAT, finished FLOAT, progress JSON, result JSON, error JSON,
    cancel_asked BOOLEAN NOT NULL, owner VARCHAR, epoch INTEGER NOT NULL, PRIMARY KEY (place), UNIQUE (id)
)
"""


@pytest.fixture
def first_file(tmp_path):
    """Jobs as the first version kept them: an original and a follow-up."""
    path = tmp_path / "jobs.sqlite"
    with sqlite3.connect(path) as db:
        db.execute(FIRST)
        db.execute("CREATE INDEX ix_jobs_status ON jobs (status)")
        for name, kept in (("old", "null"), ("later", '{"parent": "old", "told": "Slower."}')):
            request = f'{{"prompt": "{name}", "kept": {kept}}}'
            columns = "(id, status, request, recipe, created, cancel_asked, epoch)"
            db.execute(f"INSERT INTO jobs {columns} VALUES (?, 'queued', ?, '{{}}', 1.0, 0, 0)", (name, request))
    db.close()
    return path


def test_jobs_of_the_first_version_are_found_and_run(first_file):
    store = JobStore(first_file)
    assert store.get("old").client is None
    assert store.follow_ups("old") == ["later"]
    assert [store.claim("me").id, store.claim("me").id] == ["old", "later"]
    store.close()


def test_a_file_is_brought_up_once(first_file):
    JobStore(first_file).close()
    store = JobStore(first_file)
    store.add("new", {"prompt": "new"}, {}, client="her", parent="old")
    assert store.follow_ups("old") == ["later", "new"]
    store.close()


def test_a_file_of_a_newer_version_is_left_alone(tmp_path):
    path = tmp_path / "some.sqlite"
    open_database(path, "some", ["CREATE TABLE one (x)", "CREATE TABLE two (x)"]).dispose()
    with pytest.raises(InputError, match="written by a newer version"):
        open_database(path, "some", ["CREATE TABLE one (x)"])


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "some.sqlite"
    open_database(path, "some", ["CREATE TABLE one (x)"]).dispose()
    with pytest.raises(Exception, match="syntax error"):
        open_database(path, "some", ["CREATE TABLE one (x)", "CREATE TABLE two (x)", "CREATE nonsense"])
    open_database(path, "some", ["CREATE TABLE one (x)", "CREATE TABLE two (x)"]).dispose()


def test_a_full_disk_is_said_in_a_sentence_and_what_was_written_before_stays(tmp_path):
    engine = open_database(tmp_path / "full.sqlite", "some", ["CREATE TABLE notes (text VARCHAR)"])
    add = text("INSERT INTO notes VALUES (:text)")
    with engine.begin() as db:
        db.execute(add, {"text": "before"})
    event.listen(engine, "connect", lambda db, _: db.execute("PRAGMA max_page_count = 3"))
    engine.dispose()
    with (
        pytest.raises(InputError, match=f"^The disk that holds {tmp_path} is full; free some space"),
        engine.begin() as db,
    ):
        db.execute(add, {"text": "x" * 20_000})
    with engine.connect() as db:
        assert db.execute(text("SELECT text FROM notes")).scalars().all() == ["before"]
    engine.dispose()


def test_a_file_that_may_not_be_written_to_is_said_in_a_sentence(tmp_path):
    engine = open_database(tmp_path / "read.sqlite", "some", ["CREATE TABLE notes (text VARCHAR)"])
    event.listen(engine, "connect", lambda db, _: db.execute("PRAGMA query_only = true"))
    engine.dispose()
    with (
        pytest.raises(InputError, match=f"^Steadface may not write to {tmp_path}; make it writable"),
        engine.begin() as db,
    ):
        db.execute(text("INSERT INTO notes VALUES ('new')"))
    engine.dispose()


def test_a_folder_in_which_no_file_can_be_opened_is_said_in_a_sentence(tmp_path):
    (tmp_path / "jobs.sqlite").mkdir()
    with pytest.raises(InputError, match=f"^Steadface may not write to {tmp_path}; make it writable"):
        open_database(tmp_path / "jobs.sqlite", "jobs", [])
