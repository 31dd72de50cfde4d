"""The schema of files that earlier versions wrote."""

import sqlite3

import pytest

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
    open_database(path, ["CREATE TABLE one (x)", "CREATE TABLE two (x)"]).dispose()
    with pytest.raises(InputError, match="written by a newer version"):
        open_database(path, ["CREATE TABLE one (x)"])


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "some.sqlite"
    open_database(path, ["CREATE TABLE one (x)"]).dispose()
    with pytest.raises(Exception, match="syntax error"):
        open_database(path, ["CREATE TABLE one (x)", "CREATE TABLE two (x)", "CREATE nonsense"])
    open_database(path, ["CREATE TABLE one (x)", "CREATE TABLE two (x)"]).dispose()
