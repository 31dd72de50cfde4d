import errno
import hashlib
import os
import stat
import time

import pytest

from tools.artifacts import Artifacts
from tools.errors import BackendError, InputError

DATA = b"some bytes of a picture"
HASH = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(params=["folder", "s3"])
def artifacts(request, tmp_path):
    url = request.getfixturevalue("bucket").url if request.param == "s3" else None
    return Artifacts(tmp_path / "home", url)


@pytest.fixture
def folder(tmp_path):
    return Artifacts(tmp_path / "home")


def files_under(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_id_is_the_hash_of_the_bytes_and_their_kind(artifacts):
    assert artifacts.put(DATA, "png") == f"{HASH}.png"
    assert artifacts.read(f"{HASH}.png") == DATA
    assert artifacts.path(f"{HASH}.png") == artifacts.root / "artifacts" / HASH[:2] / f"{HASH}.png"


def test_the_same_bytes_are_kept_once(artifacts):
    artifacts.put(DATA, "png")
    artifacts.put(DATA, "png")
    assert len(files_under(artifacts.root)) == 1


def test_a_new_file_is_moved_in_under_its_hash(artifacts):
    with artifacts.new_file("mp4") as path:
        path.write_bytes(DATA)
        artifact = artifacts.put_file(path, "mp4")
    assert artifact == f"{HASH}.mp4"
    assert files_under(artifacts.root) == [artifacts.path(artifact)]


def test_a_new_file_that_is_not_kept_goes(artifacts):
    with artifacts.new_file("mp4") as path:
        path.write_bytes(DATA)
    assert files_under(artifacts.root) == []


def test_scratch_goes_with_its_job_and_with_no_other(artifacts):
    kept = artifacts.put(DATA, "mkv")
    scratch = {}
    for job in ("job-1", "job-10"):
        with artifacts.new_file("mkv") as path:
            path.write_bytes(DATA)
            scratch[job] = artifacts.put_file(path, "mkv", job)
    assert scratch["job-1"] == f"job-1/{HASH}.mkv"
    assert set(artifacts.jobs()) == {"job-1", "job-10"}
    artifacts.drop_job("job-1")
    artifacts.drop_job("job-1")
    assert set(artifacts.jobs()) == {"job-10"}
    assert [artifacts.exists(each) for each in (kept, scratch["job-1"], scratch["job-10"])] == [True, False, True]


def test_only_their_owner_may_read_what_is_kept(artifacts):
    artifacts.put(DATA, "png")
    with artifacts.new_file("mkv") as path:
        path.unlink()
        path.write_bytes(DATA)  # as a library does that makes its file anew
        artifacts.put_file(path, "mkv", "job")
    for path in artifacts.root.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_what_is_dropped_is_kept_no_more(artifacts):
    kept = artifacts.put(DATA, "png")
    for _ in range(2):
        artifacts.drop(kept)
    assert not files_under(artifacts.root)


def test_a_missing_artifact_is_said_in_a_sentence(artifacts):
    for ask in (artifacts.path, artifacts.read):
        with pytest.raises(BackendError, match="is no longer kept; run the job again"):
            ask(f"{HASH}.png")
    assert not artifacts.exists(f"{HASH}.png")


def test_a_damaged_artifact_is_never_given_out(folder):
    artifact = folder.put(DATA, "png")
    folder.path(artifact).write_bytes(DATA[:-1])
    assert not folder.exists(artifact, verify=True)
    with pytest.raises(BackendError, match="damaged"):
        folder.read(artifact)
    assert not folder.exists(artifact)


def test_what_is_on_the_shelf_is_told_with_its_size_and_its_age(artifacts):
    before = time.time()
    kept = artifacts.put(DATA, "png")
    [found] = artifacts.kept()
    assert (found.name, found.stem, found.bytes) == (kept, HASH, len(DATA))
    assert before - 1 <= found.modified <= time.time() + 1
    assert artifacts.fact(found) == found
    artifacts.drop(kept)
    assert artifacts.fact(found) is None
    assert list(artifacts.kept()) == []


def test_a_receipt_is_read_as_it_was_written_last_and_goes_with_its_job(artifacts):
    assert artifacts.receipt("job", "call") is None
    for data in (b"first", b"second"):
        artifacts.write_receipt("job", "call", data)
    assert artifacts.receipt("job", "call") == b"second"
    assert list(artifacts.receipts("job")) == [b"second"]
    artifacts.drop_job("job")
    assert artifacts.receipt("job", "call") is None


def test_a_file_url_is_a_folder_of_its_own(tmp_path):
    shared = tmp_path / "on a share"
    one, other = (Artifacts(tmp_path / home, shared.as_uri()) for home in ("one", "other"))
    kept = one.put(DATA, "png")
    assert other.read(kept) == DATA
    assert other.path(kept).is_relative_to(shared)
    assert not (tmp_path / "one").exists()


def test_keeping_the_bytes_again_mends_a_damaged_artifact(artifacts):
    artifact = artifacts.put(DATA, "png")
    artifacts.path(artifact).write_bytes(b"")
    artifacts.put(DATA, "png")
    assert artifacts.read(artifact) == DATA


@pytest.mark.parametrize(
    "artifact",
    [
        "",
        "photo.png",
        f"../{HASH}.png",
        f"a/../../{HASH}.png",
        f"..{os.sep}x/{HASH}.png",
        f"{HASH}.png\n",
        f"{HASH}/.png",
    ],
)
def test_nothing_but_an_artifact_id_names_a_file(artifacts, artifact):
    with pytest.raises(ValueError, match="not an artifact id"):
        artifacts.path(artifact)


@pytest.mark.parametrize("job", ["", ".", "..", "a/b", "a\n"])
def test_nothing_but_a_job_id_names_a_folder(artifacts, job):
    with pytest.raises(ValueError, match="not a job id"):
        artifacts.drop_job(job)


def test_a_full_disk_is_said_in_a_sentence_and_leaves_nothing(artifacts, monkeypatch):
    def refuse(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(InputError, match=r"^The disk that holds .* is full; free some space, or set STEADFACE_HOME"):
        artifacts.put(DATA, "png")
    assert files_under(artifacts.root) == []


def test_a_home_that_cannot_be_a_folder_is_said_in_a_sentence(tmp_path):
    (tmp_path / "home").write_text("a file")
    with pytest.raises(InputError, match=r"may not write to .*home"):
        Artifacts(tmp_path / "home").put(DATA, "png")
