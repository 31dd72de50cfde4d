import itertools
import sys
import threading
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest

IN_WORKER = Path(__file__).parent / "in_worker"
sys.path.insert(0, str(IN_WORKER))  # a worker imports what its owner can
pytest.register_assert_rewrite("contract")

from tools.pools import CallKey  # noqa: E402
from tools.pools.local import LocalPool  # noqa: E402

OPERATIONS = "trials:OPERATIONS"


class Caller:
    """A pool, and a plain way to call it."""

    def __init__(self, root, pool):
        self.root, self.pool = root, pool
        self._numbers = itertools.count()

    def __call__(self, request, report=lambda done, total, message: None, cancelled=None, key=None):
        key = key or CallKey("job", "task", next(self._numbers))
        return self.pool.call(request, key, report, cancelled or threading.Event())

    def log(self, queue):
        return "".join(log.read_text() for log in (self.root / "logs").glob(f"worker-{queue}*.log"))


@pytest.fixture(scope="module")
def make_pool():
    """How a pool is made; a module may have its own."""
    return partial(LocalPool, operations=OPERATIONS)


@pytest.fixture
def open_pool(tmp_path, make_pool):
    """Opens pools on one root; they are closed at the end of the test."""
    with ExitStack() as opened:

        def open_one(**options):
            caller = Caller(tmp_path, make_pool(tmp_path, **options))
            opened.callback(caller.pool.close)
            return caller

        yield open_one


@pytest.fixture(scope="module")
def call(tmp_path_factory, make_pool):
    """One pool for the tests that leave its workers well."""
    root = tmp_path_factory.mktemp("pool")
    with closing(make_pool(root)) as pool:
        yield Caller(root, pool)
