import itertools
import sys
import threading
from pathlib import Path

import pytest

IN_WORKER = Path(__file__).parent / "in_worker"
sys.path.insert(0, str(IN_WORKER))  # a worker imports what its owner can

from tools.pools import CallKey  # noqa: E402
from tools.pools.local import LocalPool  # noqa: E402

OPERATIONS = "trials:OPERATIONS"


class Caller:
    """A pool, and a plain way to call it."""

    def __init__(self, root, cancel_grace=60.0):
        self.root = root
        self.pool = LocalPool(root, cancel_grace, OPERATIONS)
        self._numbers = itertools.count()

    def __call__(self, request, report=lambda done, total, message: None, cancelled=None, key=None):
        key = key or CallKey("job", "task", next(self._numbers))
        return self.pool.call(request, key, report, cancelled or threading.Event())

    def log(self, queue):
        return (self.root / "logs" / f"worker-{queue}.log").read_text()


@pytest.fixture
def open_pool(tmp_path):
    """Opens pools on one root; they are closed at the end of the test."""
    opened = []

    def open_one(**options):
        opened.append(Caller(tmp_path, **options))
        return opened[-1]

    yield open_one
    for caller in opened:
        caller.pool.close()


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    """One pool for the tests that leave its workers well."""
    caller = Caller(tmp_path_factory.mktemp("pool"))
    yield caller
    caller.pool.close()
