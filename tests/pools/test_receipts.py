from trials import Write

from tools.artifacts import Artifacts
from tools.pools import CallKey
from tools.pools.usage import Usage


def test_a_finished_call_is_not_run_again_after_a_restart(open_pool, tmp_path):
    request, key = Write(text="hello", tally=str(tmp_path / "tally")), CallKey("job", "task", 1)
    first = open_pool()
    done = first(request, key=key)
    first.pool.close()
    again = open_pool()(request, key=key)
    assert again.reply == done.reply
    assert again.notes == done.notes == ("Written.",)
    assert again.usage == done.usage != Usage()
    assert (tmp_path / "tally").read_text() == "x"


def test_another_call_or_other_inputs_are_run(open_pool, tmp_path):
    call, tally = open_pool(), tmp_path / "tally"
    for text, key in [
        ("hello", CallKey("job", "task", 1)),
        ("hello", CallKey("job", "task", 2)),
        ("hello", CallKey("job", "another", 1)),
        ("hello", CallKey("another", "task", 1)),
        ("goodbye", CallKey("job", "task", 1)),
    ]:
        call(Write(text=text, tally=str(tally)), key=key)
    assert tally.read_text() == "xxxxx"


def test_a_call_whose_artifact_is_torn_is_run_again(open_pool, tmp_path):
    call, artifacts = open_pool(), Artifacts(tmp_path)
    request, key = Write(text="hello", tally=str(tmp_path / "tally")), CallKey("job", "task", 1)
    kept = call(request, key=key).reply.artifact
    artifacts.path(kept).write_text("hel")
    assert call(request, key=key).reply.artifact == kept
    assert (tmp_path / "tally").read_text() == "xx"
    assert artifacts.read(kept) == b"hello"


def test_receipts_go_with_their_job(open_pool, tmp_path):
    call, artifacts = open_pool(), Artifacts(tmp_path)
    request = Write(text="hello", tally=str(tmp_path / "tally"))
    for job in ("one", "two"):
        call(request, key=CallKey(job, "task", 1))
    artifacts.drop_job("one")
    for job in ("one", "two"):
        call(request, key=CallKey(job, "task", 1))
    assert (tmp_path / "tally").read_text() == "xxx"
