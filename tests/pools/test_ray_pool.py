"""Ray is held to what every pool promises, on a real cluster of two nodes with pretended GPUs; then to its own."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from conftest import OPERATIONS
from contract import *  # noqa: F403 - Ray is held to the whole of it
from trials import Work, Write
from watching import wait_until

ray = pytest.importorskip("ray")

from ray.cluster_utils import Cluster  # noqa: E402

from tools.actors import Actors  # noqa: E402
from tools.artifacts import Artifacts  # noqa: E402
from tools.errors import Unavailable  # noqa: E402
from tools.pools import CallKey  # noqa: E402
from tools.pools.ray_pool import RayPool  # noqa: E402

HERE = ray.util.get_node_ip_address()
"""Ray's processes speak to each other by this machine's own address."""

pytestmark = [pytest.mark.slow, pytest.mark.allow_hosts([HERE, "127.0.0.1"])]

NODE = {
    "num_cpus": 4,
    "object_store_memory": 80 << 20,
    "include_dashboard": False,
}
NOTICE_SOON = {"health_check_initial_delay_ms": 500, "health_check_period_ms": 500, "health_check_failure_threshold": 4}


@pytest.fixture(scope="module")
def cluster(s3):
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        for name, value in s3.environment.items():
            environment.setenv(name, value)
        head = {**NODE, "num_gpus": 2, "_system_config": NOTICE_SOON}
        running = Cluster(initialize_head=True, head_node_args=head)
        yield running
        running.shutdown()


@pytest.fixture(scope="module")
def make_pool(cluster):
    one = {"render": Actors(gpus=1, cpus=0, most=1), "quick": Actors(cpus=1, most=1)}
    return partial(RayPool, address=cluster.address, actors=one, operations=OPERATIONS)


def test_a_node_that_dies_under_load_loses_nothing(cluster, open_pool, tmp_path):
    node = cluster.add_node(**NODE, num_gpus=1)
    call = open_pool(actors={"render": Actors(gpus=1, cpus=0, least=2, most=3)})
    tally = tmp_path / "tally"
    with ThreadPoolExecutor(16) as callers:
        running = [
            callers.submit(
                call, Write(text=f"{number}", tally=str(tally), pause=0.5), key=CallKey("job", "task", number)
            )
            for number in range(16)
        ]
        wait_until(lambda: len(list(tmp_path.glob("logs/*"))) == 2, seconds=20.0)
        begun = sum(call.done() for call in running)
        wait_until(lambda: sum(call.done() for call in running) >= begun + 2, seconds=20.0)
        cluster.remove_node(node, allow_graceful=False)
        done = [call.result() for call in running]
    assert len({each.reply.artifact for each in done}) == 16
    assert sum("lost" in note for each in done for note in each.notes) == 1


def test_what_no_node_has_is_told(open_pool):
    call = open_pool(actors={"render": Actors(gpus=4)}, patience=0.5)
    with pytest.raises(Unavailable, match=r"render no worker in 0 s; each takes 4 GPU .*STEADFACE_RAY_RENDER__GPUS"):
        call(Work())


def test_a_node_without_the_shared_folder_is_told(open_pool, tmp_path, monkeypatch):
    monkeypatch.setattr(Artifacts, "put", lambda self, data, kind: f"{'0' * 64}.{kind}")
    with pytest.raises(Unavailable, match=r"does not see .*; share .* with every node at this path"):
        open_pool()(Work())


def test_nodes_share_no_folder_where_artifacts_are_in_a_bucket(open_pool, bucket, tmp_path):
    call = open_pool(artifacts_url=bucket.url)
    request, key = Write(text="hello", tally=str(tmp_path / "tally")), CallKey("job", "task", 1)
    kept = call(request, key=key).reply.artifact
    assert call(request, key=key).reply.artifact == kept
    assert (tmp_path / "tally").read_text() == "x"
    assert not list(tmp_path.rglob(kept))
    assert Artifacts(tmp_path, bucket.url).read(kept) == b"hello"


def test_a_node_that_does_not_see_the_bucket_is_told(open_pool, bucket, monkeypatch):
    call = open_pool(artifacts_url="s3://another-bucket")
    monkeypatch.setattr(Artifacts, "put", lambda self, data, kind: f"{'0' * 64}.{kind}")
    with pytest.raises(Unavailable, match=r"does not see .*; start Ray there with the credentials .* of s3://another"):
        call(Work())


def test_no_cluster_is_told(open_pool):
    with pytest.raises(Unavailable, match=r"no Ray cluster .* at 127\.0\.0\.1:9 .*ray start --head"):
        open_pool(address="127.0.0.1:9")(Work())
