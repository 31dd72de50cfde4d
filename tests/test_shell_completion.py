"""What a shell offers for a word that was begun: asked as bash asks, of the real command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.identities import Identities, Identity, NamedPhoto
from agent.requests import Consent
from agent.store import JobStore
from tools.artifacts import Artifacts


@pytest.fixture
def offered(home: Path):
    """The words that bash is offered for the last of these."""
    artifacts = Artifacts(home)
    photo = NamedPhoto(
        image=artifacts.put(b"photo", "png"), name="me.png", face_at=(1, 1), side=9, yaw=None, similarity=1, consent="c"
    )
    consent = Consent(basis="self", source="stated by the user")
    for name in ("alice", "albert", "bob"):
        person = {"photos": [photo], "recogniser": "eyes", "consent": consent, "created": "2026-01-01T00:00Z"}
        Identities(home).save(Identity(name=name, cut_outs=[], **person), None, artifacts)
    store = JobStore(home / "jobs.sqlite")
    store.add("aJob", {"prompt": "She waves."}, {})
    store.close()

    def run(*words: str) -> list[str]:
        asked = {
            "_STEADFACE_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(["steadface", *words]),
            "COMP_CWORD": str(len(words)),
        }
        script = Path(sys.executable).with_name("steadface")
        done = subprocess.run([script], env=os.environ | asked, capture_output=True, text=True, timeout=50)
        assert not done.stderr
        return done.stdout.split()

    return run


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["generate", "--reference", "@al"], ["@albert", "@alice"]),
        (["generate", "--reference", "holi"], []),
        (["generate", "--consent", "s"], ["self", "synthetic"]),
        (["generate", "--preset", "paper"], ["paper", "paper-small"]),
        (["refine", "aJ"], ["aJob"]),
        (["identity", "forget", "@b"], ["@bob"]),
        (["identity", "show", "a"], ["albert", "alice"]),
    ],
)
def test_what_there_is_is_offered(offered, words, expected):
    assert offered(*words) == expected


def test_nothing_is_offered_where_the_settings_cannot_be_read(offered, monkeypatch):
    monkeypatch.setenv("STEADFACE_FRAMES", "many")
    assert offered("identity", "show", "a") == []
