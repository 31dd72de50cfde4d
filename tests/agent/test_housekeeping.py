"""What is cleared away, and what never is: whole jobs on the instant backends, grown old by the test."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from agent import housekeeping
from agent.consents import ConsentBook
from agent.housekeeping import Clearance, Housekeeping, Limits, clear, clearance
from agent.intent import prepare
from agent.jobs import JobEngine
from agent.requests import JobRequest
from agent.settings import Settings, load_settings
from agent.views import JobView
from tools import media
from tools.artifacts import Artifacts
from tools.errors import InputError
from tools.pools.local import LocalPool

GIGABYTE = 10**9
DAY = 24 * 3600


class Home:
    """Jobs of photos of their own, and a hand on the clock."""

    def __init__(self, engine: JobEngine, instant: ModuleType, folder: Path) -> None:
        self.engine, self.path, self.instant, self.folder = engine, engine.settings.home, instant, folder

    def make(self, name: str, prompt: str = "similarity=0.9", days: float = 0) -> JobView:
        """A job that ended so many days ago."""
        view = self.engine.wait(self.queue(name, prompt), 60)
        assert view.status == "completed", view.error
        self.age(view.job_id, days)
        return view

    def queue(self, name: str, prompt: str) -> str:
        photo = self.folder / f"{name}.png"
        photo.write_bytes(
            media.png_bytes(self.instant.picture(self.instant.PERSON, shade=len(list(self.folder.iterdir()))))
        )
        asked = prepare(
            self.engine.settings,
            prompt=prompt,
            consent="synthetic",
            source="stated by the user",
            seed=7,
            out=None,
            face=None,
        )
        return self.engine.submit(asked.with_photos(self.engine.artifacts, [photo]), self.engine.settings.recipe())

    def age(self, job_id: str, days: float) -> None:
        """Have the job, and every file that there is now, be so many days old."""
        with closing(sqlite3.connect(self.path / "jobs.sqlite")) as db, db:
            db.execute("UPDATE jobs SET finished = finished - ? WHERE id = ?", (days * DAY, job_id))
        then = time.time() - max(days * DAY, 2 * 3600)
        for file in self.path.rglob("*.*"):
            if file.is_file() and file.suffix in (".png", ".jpg", ".mp4", ".mkv", ".json"):
                os.utime(file, (then, then))

    def clear(self, days: float | None = None, gigabytes: float | None = None) -> Clearance:
        return clear(self.engine.settings, Limits(days, gigabytes))

    def photo_of(self, view: JobView) -> str:
        return str(self.engine.row(view.job_id).request["photo"])

    def kept(self, view: JobView) -> bool:
        return self.engine.artifacts.exists(self.photo_of(view)) and bool(self.engine.state_of(view.job_id))


@pytest.fixture
def home(emptied_home: Path) -> Path:
    return emptied_home


@pytest.fixture
def house(instant: ModuleType, kept_pool: LocalPool, tmp_path: Path):
    photos = tmp_path / "photos"
    photos.mkdir()
    with JobEngine(load_settings(), kept_pool) as engine:
        yield Home(engine, instant, photos)


def test_without_limits_goes_only_what_no_job_names_and_every_job_can_still_be_changed(house: Home) -> None:
    view = house.make("old", days=400)
    stray = house.engine.artifacts.put(b"shown once", "jpg")
    house.age(view.job_id, 1)
    house.clear()
    assert not house.engine.artifacts.exists(stray)
    changed = house.engine.refine(view.job_id, "motion damage=0-1")
    assert changed.job_id
    assert house.engine.wait(changed.job_id, 60).status == "completed"


def test_a_job_older_than_the_limit_is_let_go_and_its_results_stay(house: Home) -> None:
    old, new = house.make("old", days=31), house.make("new", days=1)
    before = {file: file.read_bytes() for file in Path(old.result.folder).iterdir()}
    found = house.clear(days=30)
    assert found.closed == [old.job_id]
    assert not house.kept(old)
    assert house.kept(new)
    assert {file: file.read_bytes() for file in Path(old.result.folder).iterdir()} == before
    assert house.engine.view(old.job_id).status == "completed"


def test_a_job_that_was_let_go_says_so_when_it_is_to_be_changed(house: Home) -> None:
    old = house.make("old", days=31)
    house.clear(days=30)
    with pytest.raises(InputError, match="no longer kept"):
        house.engine.refine(old.job_id, "motion damage=0-1")


def test_with_a_limit_on_space_the_newest_jobs_stay_as_far_as_they_fit(house: Home) -> None:
    oldest, middle, newest = house.make("a", days=9), house.make("b", days=5), house.make("c", days=1)
    kept = house.clear().kept
    found = house.clear(gigabytes=(kept - 1) / GIGABYTE)
    assert found.closed == [oldest.job_id]
    assert found.kept < kept
    assert found.over == 0
    assert [house.kept(job) for job in (oldest, middle, newest)] == [False, True, True]


def test_a_pinned_job_stays_whatever_the_limits_and_that_they_do_not_hold_is_told(house: Home) -> None:
    pinned = house.make("pinned", days=400)
    house.engine.store.pin(pinned.job_id, True)
    found = house.clear(days=0, gigabytes=0)
    assert house.kept(pinned)
    assert found.over == found.kept > 0
    house.engine.store.pin(pinned.job_id, False)
    house.clear(days=0)
    assert not house.kept(pinned)


def test_a_running_job_loses_nothing_however_long_it_runs(house: Home) -> None:
    job_id = house.queue("running", "similarity=0.9 video=2")
    while (view := house.engine.view(job_id)).stage != "animate":
        assert not view.ended, view.error
        time.sleep(0.02)
    house.age(job_id, 2)
    house.clear(days=0, gigabytes=0)
    view = house.engine.wait(job_id, 60)
    assert view.status == "completed", view.error


def test_a_follow_up_outlives_the_job_that_it_was_made_from(house: Home) -> None:
    parent = house.make("parent", days=90)
    child = house.engine.wait(house.engine.refine(parent.job_id, "motion damage=0-1").job_id, 60)
    house.age(child.job_id, 1)
    assert house.clear(days=30).closed == [parent.job_id]
    assert house.kept(child)
    again = house.engine.animate(child.job_id, 1)
    assert house.engine.wait(again, 60).status == "completed"


def test_the_photo_of_a_consent_for_any_video_stays_until_it_is_withdrawn(house: Home) -> None:
    job = house.make("remembered", days=90)
    with closing(ConsentBook(house.engine.settings.database)) as book:
        record = book.record(
            subject="Ada",
            basis="self",
            source="stated by the user",
            scope="any video",
            reference=house.photo_of(job),
        )
        house.clear(days=30)
        assert house.engine.artifacts.exists(house.photo_of(job))
        book.revoke(record.id)
    house.clear(days=30)
    assert not house.engine.artifacts.exists(house.photo_of(job))


def test_what_was_written_within_the_hour_stays(house: Home) -> None:
    young = house.engine.artifacts.put(b"a photo whose job is not queued yet", "png")
    house.clear(days=0, gigabytes=0)
    assert house.engine.artifacts.exists(young)


def test_a_job_that_is_queued_while_others_are_let_go_keeps_what_it_is_made_from(
    house: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = house.make("old", days=90)

    def found_before_the_job_was_queued(settings: Settings, limits: Limits) -> Clearance:
        found = clearance(settings, limits)
        request = JobRequest.model_validate(house.engine.row(old.job_id).request)
        house.engine.submit(request, house.engine.settings.recipe())
        return found

    monkeypatch.setattr(housekeeping, "clearance", found_before_the_job_was_queued)
    assert house.clear(days=30).closed == [old.job_id]
    assert house.engine.artifacts.exists(house.photo_of(old))


def test_a_dry_run_tells_the_same_and_deletes_nothing(house: Home) -> None:
    house.make("old", days=90)
    house.engine.artifacts.put(b"shown once", "jpg")
    house.age("", 1)
    before = sorted(house.path.rglob("*"))
    told = clearance(house.engine.settings, Limits(days=30))
    assert sorted(house.path.rglob("*")) == before
    assert told.freed > 0
    assert house.clear(days=30) == told
    assert clearance(house.engine.settings, Limits(days=30)).freed == 0


def test_what_an_ended_job_left_goes_once_it_is_at_rest(house: Home) -> None:
    job = house.make("ended", days=2)
    left = house.path / "scratch" / job.job_id
    left.mkdir(parents=True)
    (left / f"{'a' * 64}.mkv").write_bytes(b"late")
    house.clear()
    assert left.exists()
    for path in (left, *left.iterdir()):
        os.utime(path, (time.time() - 2 * 3600,) * 2)
    house.clear()
    assert not left.exists()


def test_a_home_with_limits_is_held_to_them_without_being_asked(house: Home) -> None:
    old = house.make("old", days=31)
    Housekeeping(house.engine.settings, Limits(days=30)).when_due()
    assert not house.kept(old)


def test_a_home_without_limits_is_left_alone(house: Home) -> None:
    stray = Artifacts(house.path).put(b"shown once", "jpg")
    house.age("", 2)
    Housekeeping(house.engine.settings, Limits()).when_due()
    assert house.engine.artifacts.exists(stray)


def test_a_photo_given_on_a_page_goes_after_its_day_without_being_asked(house: Home) -> None:
    uploads = house.path / "uploads" / "owner"
    uploads.mkdir(parents=True)
    for name, hours in (("yesterdays", 25), ("todays", 2)):
        (uploads / f"{name}.png").write_bytes(b"a face")
        os.utime(uploads / f"{name}.png", (time.time() - hours * 3600,) * 2)
    assert [kept.name for kept in clearance(house.engine.settings, Limits()).passing] == ["yesterdays.png"]
    Housekeeping(house.engine.settings, Limits()).when_due()
    assert [file.name for file in uploads.iterdir()] == ["todays.png"]
