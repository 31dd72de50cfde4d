"""What is cleared away in object storage, by the same rules as in a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.housekeeping import Limits, clear, clearance
from agent.settings import Settings, load_settings
from agent.store import JobStore

if TYPE_CHECKING:
    from pathlib import Path

    from s3_server import Bucket


@pytest.fixture
def settings(home: Path, bucket: Bucket) -> Settings:
    home.mkdir(mode=0o700)
    made = load_settings(artifacts_url=bucket.url)
    JobStore(made.database.jobs).close()
    return made


def test_what_nobody_needs_goes_from_the_bucket_once_it_is_an_hour_old(settings: Settings, bucket: Bucket) -> None:
    artifacts = settings.open_artifacts()
    artifacts.put(b"old", "png")
    artifacts.write_receipt("ended", "call", b"done")
    bucket.age(7200)
    young = artifacts.put(b"young", "png")
    told = clearance(settings, Limits())
    assert len(bucket.keys) == 3
    assert clear(settings, Limits()) == told
    assert [key.rpartition("/")[2] for key in bucket.keys] == [young]
    assert told.freed == len(b"old") + len(b"done")
