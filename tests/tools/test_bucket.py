"""Artifacts in object storage: what one machine kept another reads. A home stands for a machine."""

import hashlib
import importlib
import os
import stat
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agent.settings import load_settings
from tools.artifacts import Artifacts
from tools.errors import BackendError, InputError, StorageAway, Unavailable

DATA = b"some bytes of a picture"
HASH = hashlib.sha256(DATA).hexdigest()
KEY = f"videos/artifacts/{HASH[:2]}/{HASH}.png"


@pytest.fixture
def machines(tmp_path, bucket):
    return [Artifacts(tmp_path / name, bucket.url) for name in ("one", "other")]


def scratch(artifacts, job, data):
    with artifacts.new_file("mkv") as path:
        path.write_bytes(data)
        return artifacts.put_file(path, "mkv", job)


def copies(artifacts):
    return [path for path in artifacts.root.rglob("*") if path.is_file()]


def test_what_one_machine_kept_another_reads(machines):
    one, other = machines
    kept, clip = one.put(DATA, "png"), scratch(one, "job", b"a clip")
    one.write_receipt("job", "call", b"done")
    assert other.exists(kept, verify=True)
    assert other.read(kept) == DATA
    assert other.path(clip).read_bytes() == b"a clip"
    assert other.receipt("job", "call") == b"done"
    assert set(other.jobs()) == {"job"}


def test_it_is_in_the_bucket_when_the_call_returns(machines, bucket):
    kept = machines[0].put(DATA, "png")
    assert bucket.keys == [KEY]
    assert bucket.read(KEY) == DATA
    machines[0].drop(kept)
    assert bucket.keys == []


def test_what_a_machine_has_it_does_not_fetch_again(machines, bucket):
    one, other = machines
    kept = one.put(DATA, "png")
    other.path(kept)
    bucket.drop(KEY)
    for each in machines:
        assert each.path(kept).read_bytes() == DATA


def test_only_their_owner_may_read_the_copies(machines):
    one, other = machines
    other.path(one.put(DATA, "png"))
    for path in other.root.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("torn", [b"", DATA[:-1], DATA[:-1] + b"!"])
def test_a_torn_object_is_given_to_nobody_and_made_again(machines, bucket, torn):
    one, other = machines
    kept = one.put(DATA, "png")
    bucket.write(KEY, torn)
    assert not other.exists(kept, verify=True)
    with pytest.raises(BackendError, match="no longer kept; run the job again"):
        other.read(kept)
    assert copies(other) == []
    other.put(DATA, "png")
    assert other.exists(kept, verify=True)
    assert bucket.read(KEY) == DATA


def test_an_object_that_was_cut_short_is_noticed_by_who_has_a_copy(machines, bucket):
    kept = machines[0].put(DATA, "png")
    bucket.write(KEY, DATA[:-1])
    assert not machines[0].exists(kept, verify=True)
    bucket.drop(KEY)
    assert not machines[0].exists(kept, verify=True)


def test_a_damaged_copy_is_fetched_again(machines):
    one, other = machines
    kept = one.put(DATA, "png")
    for look in (lambda: other.exists(kept, verify=True), lambda: other.read(kept) == DATA):
        other.path(kept).write_bytes(DATA[:-1])
        assert look()
        assert other.path(kept).read_bytes() == DATA


def test_a_damaged_copy_of_what_is_nowhere_else_is_never_given_out(machines, bucket):
    kept = machines[0].put(DATA, "png")
    machines[0].path(kept).write_bytes(DATA[:-1])
    bucket.drop(KEY)
    with pytest.raises(BackendError, match="damaged"):
        machines[0].read(kept)
    assert copies(machines[0]) == []


def test_renewing_makes_it_young_on_every_machine(machines, bucket):
    one, other = machines
    kept = one.put(DATA, "png")
    bucket.age(7200)
    [old] = other.kept()
    assert old.modified < time.time() - 7000
    assert other.renew(kept)
    assert next(one.kept()).modified > time.time() - 60
    bucket.drop(KEY)
    assert not other.renew(kept)


def test_a_damaged_copy_does_not_reach_the_bucket(machines, bucket):
    kept = machines[0].put(DATA, "png")
    machines[0].path(kept).write_bytes(b"damaged")
    assert machines[0].renew(kept)
    assert bucket.read(KEY) == DATA


def test_what_ends_with_a_job_goes_from_the_bucket_and_from_no_other_job(machines, bucket):
    one, other = machines
    for job in ("job-1", "job-10"):
        scratch(one, job, b"a clip")
        one.write_receipt(job, "call", b"done")
    for _ in range(2):
        other.drop_job("job-1")
    assert {key.split("/")[2] for key in bucket.keys} == {"job-10"}
    assert set(one.jobs()) == {"job-10"}


def test_copies_that_nobody_used_for_a_day_go_and_come_again(machines):
    one, _ = machines
    kept, used = one.put(DATA, "png"), one.put(b"used today", "png")
    yesterday = time.time() - 25 * 3600
    for path in copies(one):
        os.utime(path, (yesterday, yesterday))
    one.path(used)
    assert [each.name for each in one.abandoned()] == [kept]
    one.drop_abandoned()
    assert [path.name for path in copies(one)] == [used]
    assert one.read(kept) == DATA


def test_a_draft_of_a_large_file_goes_in_parts_and_comes_whole(machines, bucket):
    one, other = machines
    data = os.urandom(1 << 20) * 110
    kept = scratch(one, "job", data)
    assert other.exists(kept, verify=True)
    assert other.path(kept).stat().st_size == len(data)


def test_a_bucket_that_is_not_there_is_told(tmp_path, bucket):
    with pytest.raises(Unavailable, match=r"^There is no s3://nowhere/x; make its bucket, or correct STEADFACE_ART"):
        Artifacts(tmp_path, "s3://nowhere/x").put(DATA, "png")


def test_a_server_that_is_not_there_is_told(tmp_path, bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    with pytest.raises(StorageAway, match=r"^The storage at s3://\S+ cannot be used now \(EndpointConnec"):
        Artifacts(tmp_path, bucket.url).put(DATA, "png")
    assert copies(Artifacts(tmp_path)) == []


@pytest.fixture
def answers(monkeypatch):
    """Has every request of the storage answered with a status and a code."""
    said = []

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self):
            status, code = said[0]
            body = f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode()
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        yield said
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "code", "kind", "sentence"),
    [
        (503, "SlowDown", StorageAway, r"cannot be used now \(SlowDown\); jobs go on when it is back"),
        (500, "InternalError", StorageAway, r"cannot be used now \(InternalError\); jobs go on when it is back"),
        (507, "XMinioStorageFull", InputError, "is full; free some space there"),
        (400, "SomethingElse", Unavailable, r"does not answer as it should \(SomethingElse\)"),
    ],
)
def test_only_what_may_pass_by_itself_is_waited_for(tmp_path, bucket, answers, status, code, kind, sentence):
    answers.append((status, code))
    with pytest.raises(kind, match=rf"^The storage at s3://\S+ {sentence}"):
        Artifacts(tmp_path, bucket.url).put(DATA, "png")


def test_missing_credentials_are_told(tmp_path, bucket, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    with pytest.raises(Unavailable, match="does not let Steadface in; check the credentials in the environment"):
        Artifacts(tmp_path, bucket.url).put(DATA, "png")


def test_a_missing_extra_is_told_with_what_gets_it(tmp_path, bucket, monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(importlib.import_module("fsspec.registry")._registry, "s3", raising=False)
    with pytest.raises(Unavailable, match=r"s3:// is not installed; get it with: pip install 'steadface\[s3\]'\.$"):
        Artifacts(tmp_path, bucket.url).put(DATA, "png")


def test_a_storage_that_nobody_knows_is_told(tmp_path):
    with pytest.raises(Unavailable, match="Nothing speaks to nope://x/y"):
        Artifacts(tmp_path, "nope://x/y").put(DATA, "png")


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:hidden-4711@bucket/videos",
        "s3://hidden-4711@bucket",
        "s3://bucket/videos?secret=hidden-4711",
        "s3://bucket#hidden-4711",
        "memory://hidden-4711",
        "simplecache::s3://hidden-4711",
        "https://hidden-4711.example/videos",
        "/srv/hidden-4711",
        "s3:///hidden-4711",
    ],
)
def test_a_url_that_cannot_be_is_refused_and_not_repeated(home, monkeypatch, url):
    monkeypatch.setenv("STEADFACE_ARTIFACTS_URL", url)
    with pytest.raises(InputError, match=r"STEADFACE_ARTIFACTS_URL\) is wrong: .*\.$") as refused:
        load_settings()
    assert "hidden-4711" not in str(refused.value)
