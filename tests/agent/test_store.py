"""Job rows: the queue's order, and the lease that keeps two processes off one job."""

import pytest

from agent.errors import LeaseLost
from agent.store import JobStore


@pytest.fixture
def store(tmp_path):
    store = JobStore(tmp_path / "jobs.sqlite")
    yield store
    store.close()


def add(store, *names):
    for name in names:
        store.add(name, {"prompt": name}, {})


def test_jobs_are_claimed_in_the_order_they_came(store):
    add(store, "a", "b", "c")
    assert [store.claim("me").id for _ in range(3)] == ["a", "b", "c"]
    assert store.claim("me") is None


def test_a_second_process_sees_the_same_queue(store, tmp_path):
    add(store, "a")
    other = JobStore(tmp_path / "jobs.sqlite")
    assert other.claim("it").id == "a"
    assert store.claim("me") is None
    assert store.get("a").owner == "it"
    other.close()


def test_an_owner_that_was_replaced_can_write_no_more(store):
    add(store, "a")
    slept = store.claim("slept")
    assert store.requeue_orphans() == 1
    woken = store.claim("new")
    with pytest.raises(LeaseLost):
        store.write(slept, status="completed")
    with pytest.raises(LeaseLost):
        store.held(slept)
    store.write(woken, status="completed")
    assert store.get("a").status == "completed"


def test_an_orphan_goes_back_to_its_own_place_in_the_queue(store):
    add(store, "first", "second")
    store.claim("dead")
    store.requeue_orphans()
    assert store.claim("me").id == "first"


def test_a_queued_job_is_cancelled_at_once_and_a_running_one_is_told(store):
    add(store, "runs", "waits")
    running = store.claim("me")
    store.ask_cancel("runs")
    store.ask_cancel("waits")
    assert store.held(running).cancel_asked
    assert store.get("waits").status == "cancelled"
    assert store.claim("me") is None


def test_a_finished_job_stays_finished_when_it_is_cancelled(store):
    add(store, "a")
    store.write(store.claim("me"), status="completed")
    store.ask_cancel("a")
    assert store.get("a").status == "completed"


def test_waiting_before_counts_unfinished_jobs_that_came_earlier(store):
    add(store, "a", "b", "c")
    store.write(store.claim("me"), status="failed")
    store.claim("me")
    assert store.waiting_before(store.get("c")) == 1
    assert store.unfinished() == 2


def test_the_newest_jobs_are_listed_first(store):
    add(store, "a", "b", "c")
    assert [row.id for row in store.list(limit=2)] == ["c", "b"]


def test_jobs_that_use_a_photo_are_found_wherever_their_request_names_it(store):
    photo, other = f"{'a' * 64}.png", f"{'b' * 64}.png"
    store.add("first", {"photo": photo, "more_photos": []}, {})
    store.add("other", {"photo": other}, {})
    store.add("further", {"photo": other, "more_photos": [{"image": photo, "name": "me.jpg"}]}, {})
    assert [row.id for row in store.using(photo)] == ["further", "first"]


def test_a_client_finds_its_own_jobs_alone_and_the_owner_all(store):
    for name, client in {"ada's": "ada", "bob's": "bob", "owner's": None}.items():
        store.add(name, {"prompt": "waves", "photo": "abc.png"}, {}, client=client, parent="parent")
    ada = store.seen_by("ada")
    assert [row.id for row in ada.list(9)] == [row.id for row in ada.using("abc.png")] == ada.follow_ups("parent")
    assert [row.id for row in ada.list(9)] == ["ada's"]
    assert ada.get("ada's") is not None
    assert ada.get("bob's") is None
    assert ada.get("owner's") is None
    assert {row.id for row in store.list(9)} == {"ada's", "bob's", "owner's"}
    assert ada.unfinished() == store.unfinished() == 3


def test_jobs_are_found_by_words_of_their_prompt_whatever_the_case(store):
    add(store, "A woman Surfs", "50% off")
    assert [row.id for row in store.list(9, words="surfs")] == ["A woman Surfs"]
    assert [row.id for row in store.list(9, words="%")] == ["50% off"]
    assert [row.id for row in store.list(9, "running", "surfs")] == []
