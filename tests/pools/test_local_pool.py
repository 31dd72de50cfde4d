import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from contract import *  # noqa: F403 - the local pool is held to the whole of it
from trials import Babble, Compute, Work
from watching import is_gone, wait_until

from tools.artifacts import Artifacts
from tools.pools import CallKey, wire


def test_a_worker_killed_from_outside_is_noticed_at_once(open_pool):
    call = open_pool()
    killed = []

    def kill(done, total, message):
        if not killed:
            killed.append(time.monotonic())
            os.kill(int(message), signal.SIGKILL)

    done = call(Compute(pause=1.0), kill)
    assert len(done.notes) == 1
    assert time.monotonic() - killed[0] < 8


def test_a_worker_that_died_while_idle_is_replaced(open_pool):
    call = open_pool()
    pid = call(Work()).reply.pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: is_gone(pid))
    assert call(Work()).reply.pid != pid


def test_what_killed_workers_left_half_written_goes_after_a_day(open_pool, tmp_path):
    with Artifacts(tmp_path).new_file("png") as fresh, Artifacts(tmp_path).new_file("png") as old:
        os.utime(old, (0, 0))
        open_pool()(Work())
        assert fresh.exists()
        assert not old.exists()


def test_a_long_log_is_begun_anew(open_pool, tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "worker-render.log").write_bytes(b"old " * 2_000_000)
    call = open_pool()
    call(Babble())
    assert call.log("render").startswith("{")


OWNER = """
    import sys, threading
    sys.path[:0] = {path!r}
    from pathlib import Path
    from tools.pools import CallKey
    from tools.pools.local import LocalPool
    from trials import Compute

    def tell(done, total, message):
        print(message, flush=True)

    pool = LocalPool(Path({root!r}), operations="trials:OPERATIONS")
    pool.call(Compute(pause=60, in_c={in_c}), CallKey("job", "task", 1), tell, threading.Event())
"""


@pytest.mark.parametrize(
    "in_c",
    [False, pytest.param(True, marks=pytest.mark.skipif(sys.platform != "linux", reason="needs the kernel's help"))],
)
def test_a_worker_ends_with_its_owner_whatever_it_is_doing(tmp_path, in_c):
    script = textwrap.dedent(OWNER).format(path=sys.path, root=str(tmp_path), in_c=in_c)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as owner:
        worker = int(owner.stdout.readline())
        time.sleep(0.2)
        assert not is_gone(worker)
        owner.kill()
    wait_until(lambda: is_gone(worker), seconds=2.0)


def test_a_worker_ends_with_its_pipe_where_the_kernel_does_not_help(tmp_path):
    command = [sys.executable, "-P", "-m", "tools.pools.worker", "--root", str(tmp_path), "--name", "render"]
    with subprocess.Popen(
        [*command, "--operations", "trials:OPERATIONS"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as worker:
        request = Compute(pause=60).model_dump_json()
        call = wire.Call(number=1, key=CallKey("job", "task", 1), operation="compute", request=request)
        worker.stdin.write(wire.line(call))
        worker.stdin.flush()
        assert worker.stdout.readline()
        worker.stdin.close()
        assert worker.wait(2.0) == 0


def test_a_package_called_tools_in_the_current_folder_is_not_taken_for_ours(open_pool, tmp_path, monkeypatch):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "__init__.py").write_text("raise RuntimeError('not ours')\n")
    monkeypatch.chdir(tmp_path)
    assert open_pool()(Work()).notes == ()
