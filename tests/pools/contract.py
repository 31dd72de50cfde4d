"""What every pool promises. The fixtures ``call`` and ``open_pool`` say which pool is held to it."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from trials import Babble, Compute, Die, Fail, QuickWork, Work
from watching import is_gone, wait_until

from tools.errors import BackendError, Cancelled, InputError, StorageAway, Unavailable
from tools.pools import Closed


def test_progress_arrives_in_order_on_the_callers_thread(call):
    heard = []
    call(Work(steps=50), lambda *news: heard.append((*news, threading.get_ident())))
    assert heard == [(step, 50, f"step {step}", threading.get_ident()) for step in range(1, 51)]


def test_a_call_says_how_long_it_took(call):
    assert 0.2 <= call(Work(steps=2, pause=0.1)).seconds < 5


def test_a_call_says_what_its_worker_took(call):
    done = call(Work(pause=0.2))
    assert 0.2 <= done.usage.worker_seconds <= done.seconds
    assert (done.usage.gpu_seconds, done.usage.peak_gpu_memory) == (None, None)


def test_one_worker_serves_every_call_of_a_queue(call):
    assert call(Work()).reply.pid == call(Work()).reply.pid != os.getpid()


def test_what_a_tool_notes_comes_once_and_with_its_own_call(call):
    assert call(Work(steps=3, sentence="Half as large.")).notes == ("Half as large.",)
    assert call(Work()).notes == ()


def test_what_a_library_prints_goes_to_the_log(call):
    call(Babble(steps=3))
    assert "noise from C" in call.log("render")
    assert "more noise" in call.log("render")
    assert "nonsense" in call.log("render")


@pytest.mark.parametrize("kind", [InputError, Unavailable, StorageAway, BackendError])
def test_an_error_keeps_its_type_and_text(call, kind):
    with pytest.raises(kind, match=r"^(There is no face|There is no GPU|Nobody answers|The model broke)\.$") as caught:
        call(Fail(error=kind.__name__))
    assert type(caught.value) is kind


def test_an_input_error_keeps_its_attachments(call):
    with pytest.raises(InputError) as caught:
        call(Fail(error="InputError"))
    assert caught.value.attachments == {"picture": "0" * 64 + ".png"}


def test_any_other_error_is_one_sentence_and_its_traceback_is_in_the_log(call):
    with pytest.raises(BackendError, match=r"^fail failed: ValueError: two lines; the details are in .*render.*\.log$"):
        call(Fail(error="ValueError"))
    assert "Traceback" in call.log("render")


def test_too_little_memory_is_said_in_a_sentence(call):
    with pytest.raises(BackendError, match=r"^There is too little memory for fail; "):
        call(Fail(error="MemoryError"))


def test_a_full_disk_is_said_in_a_sentence(call):
    with pytest.raises(InputError, match=r"^The disk that holds .* is full; free some space"):
        call(Fail(error="disk full"))


def test_the_two_queues_run_side_by_side(call):
    call(Work())
    call(QuickWork())
    with ThreadPoolExecutor() as callers:
        render = callers.submit(call, Work(steps=10, pause=0.1))
        quick = callers.submit(call, QuickWork(steps=10, pause=0.1))
    render, quick = render.result().reply, quick.result().reply
    assert render.pid != quick.pid
    assert max(render.begun, quick.begun) < min(render.ended, quick.ended)


def test_calls_on_one_queue_run_in_the_order_in_which_they_came(call):
    ended = []

    def caller(number):
        call(Work(steps=3, pause=0.05))
        ended.append(number)

    with ThreadPoolExecutor(max_workers=6) as callers:
        for number in range(6):
            callers.submit(caller, number)
            time.sleep(0.05)
    assert ended == list(range(6))


def test_a_cancelled_call_returns_at_once_and_its_worker_is_used_again(open_pool):
    call = open_pool()
    before = call(Work()).reply.pid
    cancelled = threading.Event()
    asked = []

    def cancel(done, total, message):
        cancelled.set()
        asked.append(time.monotonic())

    with pytest.raises(Cancelled):
        call(Work(steps=30, pause=1.0), cancel, cancelled)
    assert time.monotonic() - asked[0] < 0.9
    assert call.pool.busy()
    assert call(Work()).reply.pid == before
    assert time.monotonic() - asked[0] < 15  # it stopped at its next report, not at its end
    assert not call.pool.busy()


def test_the_next_call_waits_until_the_worker_is_off_a_cancelled_one(open_pool):
    call = open_pool()
    cancelled = threading.Event()
    with pytest.raises(Cancelled):
        call(Compute(pause=1.5), lambda *news: cancelled.set(), cancelled)
    left = time.time()
    assert call(Work()).reply.begun > left + 1.0


def test_a_waiting_call_can_be_cancelled(open_pool):
    call = open_pool()
    with ThreadPoolExecutor() as callers:
        first = callers.submit(call, Work(steps=10, pause=0.1))
        wait_until(call.pool.busy)
        cancelled = threading.Event()
        threading.Timer(0.2, cancelled.set).start()
        with pytest.raises(Cancelled):
            call(Work(), cancelled=cancelled)
        assert not first.done()
        first.result()
    assert call(Work()).notes == ()


def test_a_worker_that_does_not_stop_is_killed_after_the_grace(open_pool):
    call = open_pool(cancel_grace=0.3)
    cancelled = threading.Event()
    pids = []

    def cancel(done, total, message):
        pids.append(int(message))
        cancelled.set()

    with pytest.raises(Cancelled):
        call(Compute(pause=50), cancel, cancelled)
    done = call(Work())
    assert done.reply.pid != pids[0]
    assert done.notes == ()
    assert is_gone(pids[0])


def test_a_report_that_raises_ends_the_call(call):
    def refuse(done, total, message):
        raise LookupError(message)

    with pytest.raises(LookupError, match="step 1"):
        call(Work(steps=100, pause=0.05), refuse)
    assert call(Work()).notes == ()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_that_dies_is_replaced_and_its_call_run_again(open_pool, tmp_path, how):
    call = open_pool()
    done = call(Die(tally=str(tmp_path / "tally"), times=1, how=how))
    assert done.notes == (
        f"The render worker died (signal {int(how)}) during die and was replaced; the call was run again.",
    )
    assert done.retries == 1
    assert (call(Work()).notes, call(Work()).retries) == ((), 0)


def test_a_call_whose_worker_dies_twice_fails(open_pool, tmp_path):
    call = open_pool()
    with pytest.raises(BackendError, match=r"^The render worker died twice during die \(signal 9\); .*log$"):
        call(Die(tally=str(tmp_path / "tally"), times=2))
    assert call(Work()).notes == ()


def test_closing_ends_the_workers_and_the_calls(open_pool):
    call = open_pool()
    pid = call(Work()).reply.pid
    with ThreadPoolExecutor() as callers:
        running = callers.submit(call, Work(steps=100, pause=0.1))
        waiting = callers.submit(call, Work())
        wait_until(call.pool.busy)
        call.pool.close()
        with pytest.raises(Closed):
            running.result()
        with pytest.raises(Closed):
            waiting.result()
    assert is_gone(pid)
