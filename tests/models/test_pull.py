"""``steadface models`` against a Hub on loopback, each run in a process of its own, as a person runs it."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from models_command import CLIP, COMMAND, RELEASES, YUNET, Run
from stub_hub import StubHub, zipped

from tools.models.catalog import catalog

PACK = f"{RELEASES}/antelopev2.zip"


def _lock(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / "models.lock.json").read_text())
    return found


def _listed(models: Run, name: str) -> str:
    """Where ``models list`` says that a model lies."""
    (line,) = [line for line in models("list").stdout.splitlines() if line.startswith(f"{name} ")]
    return line.split("  ")[-1].strip()


def _folder(hub: StubHub, name: str) -> Path:
    """Where a model lies: an archive unpacked, or the first revision in the Hub's cache."""
    model = catalog()[name]
    if model.folder:
        return Path(model.folder).expanduser()
    snapshots = Path(os.environ["HF_HOME"]) / "hub" / f"models--{model.source.replace('/', '--')}" / "snapshots"
    return snapshots / next(iter(hub.repositories[model.source]))


def _sentence(done: subprocess.CompletedProcess[str]) -> str:
    (sentence,) = re.findall(r"^steadface: (.+)$", done.stderr, re.MULTILINE)
    return str(sentence)


def test_a_pull_shows_size_and_licence_and_gets_what_is_needed_and_no_more(
    pulled: Run, models: Run, hub: StubHub
) -> None:
    done = pulled("clip")
    assert re.search(r"^clip +1\.7 GB +not pinned +MIT +not here$", done.stdout, re.MULTILINE)
    assert sorted(hub.downloads()) == ["config.json", "model.safetensors", "preprocessor_config.json"]
    folder = _folder(hub, "clip")
    assert _listed(models, "clip") == str(folder)
    assert (folder / "model.safetensors").read_bytes() == b"sees" * 50_000
    assert models("check", "clip").returncode == 0


def test_the_first_pull_locks_the_revision_and_every_file(pulled: Run, models: Run, hub: StubHub, home: Path) -> None:
    pulled("clip")
    (entry,) = _lock(home).values()
    assert [entry["revision"]] == list(hub.repositories[CLIP])
    assert {name: file["sha256"] for name, file in entry["files"].items()} == {
        name: hashlib.sha256(content).hexdigest()
        for name, content in hub.repositories[CLIP][entry["revision"]].items()
        if name != "pytorch_model.bin"
    }
    assert entry["revision"][:12] in models("list").stdout


def test_a_second_pull_asks_the_network_for_nothing(pulled: Run, hub: StubHub) -> None:
    pulled("clip", "antelopev2")
    hub.requests.clear()
    pulled("clip", "antelopev2", HF_HUB_OFFLINE="1")
    pulled("clip", "antelopev2")
    assert not hub.requests


def test_a_connection_that_breaks_is_gone_on_with(pulled: Run, models: Run, hub: StubHub) -> None:
    hub.drops["model.safetensors"] = 1
    pulled("clip")
    assert hub.ranges() == ["bytes=100000-"]
    assert (_folder(hub, "clip") / "model.safetensors").read_bytes() == b"sees" * 50_000


def test_a_pull_that_failed_goes_on_at_the_same_revision(pulled: Run, models: Run, hub: StubHub, home: Path) -> None:
    (revision,) = hub.repositories[CLIP]
    hub.drops["model.safetensors"] = 99
    hub.repositories[CLIP][revision] |= {"model.safetensors": b"1"}  # half of which is nothing, so no try brings more
    failed = models("pull", "clip", "--accept-licences")
    assert failed.returncode == 1
    assert "run the same command again and it goes on where it stopped" in _sentence(failed)
    assert _listed(models, "clip") == "not here"
    assert models("check", "clip").returncode == 1
    hub.drops.clear()
    hub.commit(CLIP, {"config.json": b"newer", "preprocessor_config.json": b"newer", "model.safetensors": b"newer"})
    hub.requests.clear()
    pulled("clip")
    assert hub.downloads() == ["model.safetensors"]
    assert _lock(home)["clip"]["revision"] == revision


def test_an_archive_whose_download_breaks_is_gone_on_with(pulled: Run, models: Run, hub: StubHub) -> None:
    hub.drops["antelopev2.zip"] = 1
    pulled("antelopev2")
    half = len(hub.archives[PACK]) // 2 // 1000 * 1000
    assert hub.ranges() == [f"bytes={half}-", f"bytes={half}-"]  # the second after the redirection
    folder = _folder(hub, "antelopev2")
    assert (folder / "2d106det.onnx").read_bytes() == b"2d106det" * 9000
    assert [path.name for path in folder.parent.iterdir()] == ["antelopev2"]


def test_an_archive_is_gone_on_with_by_the_next_pull(pulled: Run, environment: dict[str, str], hub: StubHub) -> None:
    hub.held["antelopev2.zip"] = threading.Event()
    part = Path(environment["HOME"]) / ".insightface" / "models"
    with _begun(environment, "antelopev2") as first:
        _wait_for(lambda: any(file.stat().st_size for file in part.glob("*.part")))
        first.send_signal(signal.SIGINT)
        assert first.wait(20) == 130
    hub.held.popitem()[1].set()
    hub.requests.clear()
    pulled("antelopev2")
    assert hub.ranges()


def test_ctrl_c_ends_a_download_from_the_hub_at_once_and_the_next_pull_completes_it(
    pulled: Run, models: Run, environment: dict[str, str], hub: StubHub
) -> None:
    hub.held["model.safetensors"] = threading.Event()
    with _begun(environment, "clip") as first:
        _wait_for(lambda: hub.downloads()[2:] == ["model.safetensors"])
        first.send_signal(signal.SIGINT)
        assert first.wait(20) == 130
    hub.held.popitem()[1].set()
    hub.requests.clear()
    pulled("clip")
    assert hub.downloads() == ["model.safetensors"]
    assert models("check", "clip").returncode == 0


@contextmanager
def _begun(environment: dict[str, str], *words: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "models", "pull", *words, "--accept-licences"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(("name", "file"), [("clip", "config.json"), ("antelopev2", "2d106det.onnx")])
def test_a_tampered_file_is_refused_by_name_until_it_is_deleted(
    name: str, file: str, pulled: Run, models: Run, hub: StubHub
) -> None:
    pulled(name)
    place = (_folder(hub, name) / file).resolve()
    place.write_bytes(b"{'harm': 1}")
    checked, again = models("check", name), models("pull", name)
    assert (checked.returncode, again.returncode) == (1, 1)
    for told in (checked.stdout, _sentence(again)):
        assert file in told
        assert "not the file that the first pull saw" in told
        assert f"delete {place}, then" in told
    place.unlink()
    assert f"{file} of {catalog()[name].title} is missing from" in models("check", name).stdout
    pulled(name)
    assert models("check", name).returncode == 0


def test_what_the_hub_lists_and_what_it_sends_must_agree(models: Run, hub: StubHub) -> None:
    hub.wrong_hashes["model.safetensors"] = "0" * 64
    done = models("pull", "clip", "--accept-licences")
    assert done.returncode == 1
    assert "model.safetensors of CLIP ViT-L/14 is not the file" in _sentence(done)


def test_a_moved_main_still_gives_the_locked_revision(pulled: Run, models: Run, hub: StubHub, home: Path) -> None:
    pulled("clip")
    before = _lock(home)
    hub.commit(CLIP, dict.fromkeys(("config.json", "preprocessor_config.json", "model.safetensors"), b"newer"))
    place = _folder(hub, "clip") / "config.json"
    place.resolve().unlink()
    place.unlink()
    pulled("clip")
    assert _lock(home) == before
    assert place.read_bytes() == b"{}"


def test_an_archive_that_has_changed_is_refused(pulled: Run, models: Run, hub: StubHub, home: Path) -> None:
    pulled("antelopev2")
    before = _lock(home)
    (_folder(hub, "antelopev2") / "2d106det.onnx").unlink()
    hub.archives[PACK] = zipped({"2d106det.onnx": b"another"})
    done = models("pull", "antelopev2")
    assert done.returncode == 1
    assert "is not the archive that the first pull of insightface antelopev2 saw" in _sentence(done)
    assert _lock(home) == before


def test_a_file_that_the_table_asks_for_since_is_got_at_the_locked_revision(
    pulled: Run, models: Run, hub: StubHub, home: Path
) -> None:
    """As after an upgrade: the lock below is that of a table that asked for less."""
    pulled("clip")
    lock = _lock(home)
    lock["clip"]["patterns"] = ["*.json"]
    del lock["clip"]["files"]["model.safetensors"]
    (home / "models.lock.json").write_text(json.dumps(lock))
    place = _folder(hub, "clip") / "model.safetensors"
    place.unlink()
    assert _listed(models, "clip") == "not here"
    hub.commit(CLIP, {"model.safetensors": b"newer"})
    config = _folder(hub, "clip") / "config.json"
    config.write_bytes(b"[]")
    assert "config.json of CLIP ViT-L/14 is not the file" in _sentence(models("pull", "clip"))
    config.write_bytes(b"{}")
    pulled("clip")
    assert place.read_bytes() == b"sees" * 50_000
    assert _lock(home)["clip"]["revision"] == lock["clip"]["revision"]


def test_without_a_terminal_licences_are_accepted_by_the_option_alone(models: Run, hub: StubHub, home: Path) -> None:
    done = models("pull", "clip", "antelopev2")
    assert done.returncode == 2
    assert "--accept-licences" in _sentence(done)
    assert "CLIP ViT-L/14: MIT (https://huggingface.co/openai/clip-vit-large-patch14)" in _sentence(done)
    assert "for research, not for commercial use" in _sentence(done)
    assert not hub.requests
    assert not home.exists()


def test_a_licence_is_asked_for_once(pulled: Run, models: Run) -> None:
    pulled("yunet")
    assert models("pull", "yunet").returncode == 0
    assert models("pull", "yunet", "clip").returncode == 2


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 2)])
def test_at_a_terminal_licences_are_asked_for(
    answer: str, code: int, environment: dict[str, str], hub: StubHub, home: Path
) -> None:
    person, terminal = pty.openpty()
    os.write(person, f"{answer}\n".encode())
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "models", "pull", "yunet"],
        env=environment,
        stdin=terminal,
        capture_output=True,
        text=True,
        timeout=50,
    )
    os.close(person)
    os.close(terminal)
    assert done.returncode == code, done.stderr
    assert "YuNet: MIT (https://huggingface.co/opencv/face_detection_yunet)" in done.stderr
    assert "Do you accept them?" in done.stderr
    assert bool(hub.requests) == home.exists() == (answer == "y")


@pytest.mark.parametrize(
    ("name", "file"), [("clip", "model.safetensors"), ("antelopev2", "antelopev2.zip")], ids=["hub", "archive"]
)
def test_what_no_disk_holds_is_refused_before_anything_is_downloaded(
    name: str, file: str, models: Run, hub: StubHub, home: Path
) -> None:
    hub.wrong_sizes[file] = 10**18
    done = models("pull", "yunet", name, "--accept-licences")
    assert done.returncode == 2
    assert re.search(r"The download takes \S+ GB, and the disk that holds .* has \S+ [GM]B free", _sentence(done))
    assert not hub.downloads()
    assert not (home / "models.lock.json").exists()


@pytest.mark.parametrize("command", ["pull", "list", "check"])
def test_an_unknown_name_is_refused_with_those_that_there_are(command: str, models: Run) -> None:
    done = models(command, "nobody")
    assert done.returncode == 2
    assert 'There is no preset or model "nobody"; presets are ' in _sentence(done)
    assert "preview" in _sentence(done)
    assert "realvisxl" in _sentence(done)


@pytest.mark.parametrize("command", ["pull", "list", "check"])
def test_the_preview_needs_nothing_and_that_is_said(command: str, models: Run, hub: StubHub) -> None:
    done = models(command, "preview")
    assert done.returncode == 0
    assert "preview" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert not hub.requests


def test_offline_a_pull_says_what_is_missing(pulled: Run, models: Run, hub: StubHub) -> None:
    pulled("yunet")
    hub.requests.clear()
    done = models("pull", "yunet", "clip", "antelopev2", "--accept-licences", HF_HUB_OFFLINE="1")
    assert done.returncode == 1
    assert "HF_HUB_OFFLINE is set" in _sentence(done)
    assert "missing here: clip, antelopev2;" in _sentence(done)
    assert not hub.requests


def test_a_hub_that_cannot_be_reached_is_told(models: Run, hub: StubHub) -> None:
    hub.close()
    for name in ("clip", "antelopev2"):
        done = models("pull", name, "--accept-licences")
        assert done.returncode == 1
        assert "The connection to where" in _sentence(done)


def test_a_repository_that_is_gated_or_gone_is_told(models: Run, hub: StubHub) -> None:
    hub.gated.add(CLIP)
    told = _sentence(models("pull", "clip", "--accept-licences"))
    assert "accepted its terms at huggingface.co/openai/clip-vit-large-patch14" in told
    assert "HF_TOKEN" in told
    told = _sentence(models("pull", "sface", "--accept-licences"))
    assert "SFace cannot be had from opencv/face_recognition_sface (HTTP status 404)" in told
    hub.archives.clear()
    assert "(HTTP status 404)" in _sentence(models("pull", "antelopev2", "--accept-licences"))


def test_a_token_is_told_to_the_hub_and_to_nobody_else(pulled: Run, hub: StubHub) -> None:
    pulled("yunet", "antelopev2", HF_TOKEN="hf_secret")
    told = {path for path, token in hub.tokens.items() if token == "Bearer hf_secret"}
    assert {path for path in hub.tokens if YUNET in path} == told
    assert any("antelopev2" in path for path in hub.tokens)


def test_a_model_that_a_variable_names_is_left_alone_and_that_is_said(
    pulled: Run, models: Run, hub: StubHub, tmp_path: Path
) -> None:
    done = models("pull", "clip", STEADFACE_CLIP=str(tmp_path))
    assert done.returncode == 0
    assert "CLIP ViT-L/14 is not pulled, since STEADFACE_CLIP names another place for it" in _sentence(done)
    assert not hub.requests
    assert "CLIP ViT-L/14 is not checked" in _sentence(models("check", "clip", STEADFACE_CLIP=str(tmp_path)))
    pulled("clip", STEADFACE_CLIP=CLIP)
    assert hub.requests
    assert f"{tmp_path} (STEADFACE_CLIP)" in models("list", STEADFACE_CLIP=str(tmp_path)).stdout


def test_what_was_never_pulled_fails_the_check(models: Run) -> None:
    done = models("check", "yunet")
    assert done.returncode == 1
    assert "YuNet was never pulled here; pull it with: steadface models pull yunet" in done.stdout


def test_a_damaged_lock_is_told(pulled: Run, models: Run, home: Path) -> None:
    pulled("yunet")
    (home / "models.lock.json").write_text("{")
    done = models("list")
    assert done.returncode == 2
    assert "models.lock.json is damaged" in _sentence(done)


def test_the_list_reads_one_preset_or_all(models: Run) -> None:
    listed = models("list").stdout.splitlines()
    assert listed[0].split() == ["model", "size", "revision", "licence", "lies"]
    assert {line.split()[0] for line in listed[1:]} >= {"realvisxl", "buffalo_l", "wan-vace-14b"}
    assert "CC BY-NC 4.0, not for commercial use" in "".join(listed)
    named = {line.split()[0] for line in models("list", "r2v").stdout.splitlines()[1:]}
    assert named == {"buffalo_l", "qwen3-8b", "wan-vace-14b"}
