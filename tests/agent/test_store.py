"""Job rows: the queue's order, and the lease that keeps two processes off one job."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.errors import LeaseLost
from agent.store import LEASE, JobStore


@pytest.fixture
def store(place):
    store = JobStore(place)
    yield store
    store.close()


def add(store, *names):
    for name in names:
        store.add(name, {"prompt": name}, {})


def test_jobs_are_claimed_in_the_order_they_came(store):
    add(store, "a", "b", "c")
    assert [store.claim("me").id for _ in range(3)] == ["a", "b", "c"]
    assert store.claim("me") is None


def test_a_second_process_sees_the_same_queue(store, place):
    add(store, "a")
    other = JobStore(place)
    assert other.claim("it").id == "a"
    assert store.claim("me") is None
    assert store.get("a").owner == "it"
    other.close()


def test_an_owner_that_was_replaced_can_write_no_more(store):
    add(store, "a")
    slept = store.claim("slept")
    assert store.requeue_orphans("slept") == 1
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
    store.requeue_orphans("dead")
    assert store.claim("me").id == "first"


def fall_silent(store, *rows):
    """Have it look as if their owner had given no sign of life for long."""
    for row in rows:
        store.write(row, renewed=row.renewed - 2 * LEASE)


def test_a_job_whose_owner_fell_silent_is_taken_over_first_and_others_are_not(store):
    add(store, "asleep", "at work", "next")
    asleep, at_work = store.claim("elsewhere"), store.claim("here")
    fall_silent(store, asleep, at_work)
    store.renew(at_work)
    assert store.requeue_orphans("another") == 0
    assert [store.claim("me").id, store.claim("me").id] == ["asleep", "next"]
    assert store.claim("me") is None
    with pytest.raises(LeaseLost):
        store.renew(asleep)


def test_a_paused_queue_begins_nothing_and_says_so_to_every_process(store, place):
    add(store, "runs", "waits")
    running = store.claim("me")
    store.pause()
    store.pause()
    other = JobStore(place)
    assert other.paused()
    assert other.claim("me") is None
    store.write(running, status="completed")
    other.resume()
    other.close()
    assert not store.paused()
    assert store.claim("me").id == "waits"


def test_a_paused_queue_still_takes_over_what_a_silent_owner_had_begun(store):
    add(store, "begun")
    fall_silent(store, store.claim("elsewhere"))
    store.pause()
    assert store.claim("me").id == "begun"


def ids(store):
    return [row.id for row in store.queue()]


def test_jobs_run_by_priority_and_then_in_the_order_they_came(store):
    add(store, "a", "b", "c", "d")
    assert store.set_priority("c", 5)
    assert store.set_priority("a", -5)
    assert store.set_priority("d", 5)
    assert ids(store) == ["c", "d", "b", "a"]
    assert [store.waiting_before(store.get(name)) for name in ids(store)] == [0, 1, 2, 3]
    assert [store.claim("me").id for _ in range(4)] == ["c", "d", "b", "a"]


def test_a_job_put_first_comes_before_all_others_and_they_keep_their_order(store):
    add(store, "a", "b", "c", "d")
    store.set_priority("b", 3)
    assert store.put_first("d")
    assert ids(store) == ["d", "b", "a", "c"]
    assert store.put_first("c")
    add(store, "new")
    assert ids(store) == ["c", "d", "b", "a", "new"]
    assert store.put_first("c")
    assert ids(store) == ["c", "d", "b", "a", "new"]


def test_a_client_that_puts_a_job_first_moves_its_own_jobs_alone(store):
    for name in ("hers 1", "his", "hers 2", "hers 3"):
        store.add(name, {"prompt": name}, {}, client=name.split()[0])
    hers = store.seen_by("hers")
    assert hers.put_first("hers 3")
    assert ids(store) == ["hers 3", "his", "hers 1", "hers 2"]
    assert ids(hers) == ["hers 3", "hers 1", "hers 2"]
    assert not hers.put_first("his")
    assert not hers.set_priority("his", -1)


def test_a_job_that_runs_or_ended_is_not_moved(store):
    add(store, "a", "b")
    running = store.claim("me")
    assert not store.put_first("a")
    store.write(running, status="completed")
    assert not store.set_priority("a", 1)
    assert not store.put_first("unknown")


def test_a_moved_job_keeps_its_turn_when_its_owner_dies(store):
    add(store, "a", "b", "c")
    store.put_first("c")
    store.claim("dead")
    store.requeue_orphans("dead")
    assert ids(store) == ["c", "a", "b"]


def test_no_two_jobs_take_the_same_folder(store):
    add(store, "a", "b")
    first, second = store.claim("me"), store.claim("me")
    assert store.take_folder(first, Path("/videos/waves"))
    assert not store.take_folder(second, Path("/videos/waves"))
    assert store.take_folder(first, Path("/videos/waves"))
    assert store.get("a").folder == "/videos/waves"


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


def test_a_job_that_was_begun_just_now_does_not_wait_for_itself(store):
    add(store, "a")
    seen = store.get("a")
    store.claim("me")
    assert store.waiting_before(seen) == 0


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


def test_jobs_that_many_claim_at_once_are_taken_once_each_and_all(store, place):
    names = [f"job {number}" for number in range(60)]
    add(store, *names)
    others = [JobStore(place) for _ in range(4)]

    def take_all(other):
        rows = iter(lambda: other.claim("it"), None)
        return [row.id for row in rows]

    with ThreadPoolExecutor(len(others)) as threads:
        taken = [name for names in threads.map(take_all, others) for name in names]
    for other in others:
        other.close()
    assert sorted(taken) == sorted(names)


def test_the_same_call_from_many_processes_at_once_makes_one_job(store, place):
    others = [JobStore(place) for _ in range(6)]

    def submit(number):
        return others[number].add(f"made {number}", {}, {}, client="hers", call="the same")

    with ThreadPoolExecutor(len(others)) as threads:
        made = {*threads.map(submit, range(len(others)))}
    for other in others:
        other.close()
    assert made == {row.id for row in store.list(9)}
    assert len(made) == 1
    store.write(store.claim("me"), status="completed")
    assert store.add("later", {}, {}, client="hers", call="the same") == "later"
    assert store.add("his", {}, {}, client="his", call="the same") == "his"


def test_jobs_put_first_from_many_processes_at_once_all_keep_a_turn_of_their_own(store, place):
    names = [f"job {number}" for number in range(12)]
    add(store, *names)
    others = [JobStore(place) for _ in range(4)]
    with ThreadPoolExecutor(len(others)) as threads:
        moved = threads.map(lambda number: others[number % 4].put_first(names[number]), range(12))
    for other in others:
        other.close()
    assert all(moved)
    assert sorted(row.turn or row.place for row in store.queue()) == list(range(1, 13))


def test_every_job_is_told_the_unfinished_first_and_then_the_last_that_ended(store):
    add(store, "first", "second", "waits")
    for at in (20.0, 10.0):
        store.write(store.claim("me"), status="completed", finished=at, result={"at": at})
    assert [row.id for row in store.all()] == ["waits", "first", "second"]
    assert [row.result for row in store.all()] == [None, {"at": 20.0}, {"at": 10.0}]
    assert [row.id for row in store.ended_since(15)] == ["first"]


def test_how_long_a_job_will_take_is_told_by_the_last_of_its_kind(store):
    store.add("done", {}, {"preset": "preview"})
    store.write(store.claim("me"), status="completed", started=100.0, finished=140.0)
    store.add("waits", {}, {"preset": "preview"})
    store.add("other", {"stop_after": "first_frame"}, {"preset": "preview"})
    assert store.typical_seconds("preview") == 40
    assert store.seconds_left(store.get("waits")) == 40
    assert store.seconds_left(store.get("other")) is None
