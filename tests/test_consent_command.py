"""Consent on the command line: asked once at a terminal, remembered, looked at, and withdrawn."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner

from agent.cli import app
from agent.commands.consent import stated_consent
from agent.settings import load_settings
from tools.errors import InputError

PHOTO = "examples/astronaut.jpg"

Run = Callable[..., Any]


@pytest.fixture
def home(emptied_home: Path) -> Path:
    return emptied_home


@pytest.fixture
def steadface(home: Path, kept_workers: None) -> Run:
    def run(*words: str) -> Any:
        return CliRunner().invoke(app, words)

    return run


class Terminal(io.StringIO):
    """Standard input at which somebody answers."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def answers(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda typed: monkeypatch.setattr("sys.stdin", Terminal(typed))


def test_at_a_terminal_the_basis_is_asked_for_and_kept_for_this_video(
    answers: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    answers("sure\nwritten\n\n")
    consent = stated_consent(load_settings(), PHOTO, None, remember=False)
    assert consent
    assert (consent.basis, consent.source, consent.scope) == ("written", "stated by the user", "this video")
    shown = capsys.readouterr()
    assert shown.out.strip() == ""
    assert "a licence or the public domain allows it" in shown.err
    assert "Remember for this photo? [y/N]" in shown.err


def test_an_answer_can_be_remembered_for_the_photo(answers: Callable[[str], None]) -> None:
    answers("self\ny\n")
    consent = stated_consent(load_settings(), PHOTO, None, remember=False)
    assert consent
    assert consent.scope == "any video"


def test_nobody_is_asked_where_a_standing_basis_is_set(
    answers: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADFACE_CONSENT", "synthetic")
    answers("")
    assert stated_consent(load_settings(), PHOTO, None, remember=False) is None


def test_away_from_a_terminal_nothing_is_asked(home: Path) -> None:
    assert stated_consent(load_settings(), PHOTO, None, remember=False) is None


def test_what_was_remembered_is_not_asked_for_again(instant: ModuleType, steadface: Run, tmp_path: Path) -> None:
    made = ("generate", "--reference", PHOTO, "--prompt", "similarity=0.9", "--json")
    assert "Consent is missing" in steadface(*made).stderr
    assert steadface(*made, "--consent", "licensed", "--remember").exit_code == 0
    assert steadface(*made).exit_code == 0
    (line,) = steadface("consent", "list").stdout.splitlines()
    assert re.fullmatch(
        r"[0-9a-f]{12}  stands     licensed   any video   \d{4}-\d\d-\d\d to open end    astronaut.jpg", line
    )


def test_consent_is_recorded_shown_ended_and_missed(steadface: Run, home: Path) -> None:
    record = steadface("consent", "add", PHOTO, "--consent", "written", "--until", "2999-12-31").stdout.strip()
    shown = steadface("consent", "show", record).stdout
    for line in ("state       stands", "basis       written", "scope       any video", "expires     2999-12-31"):
        assert line in shown
    assert re.search(r"^reference   [0-9a-f]{64}$", shown, re.MULTILINE)
    remembered = stated_consent(load_settings(), PHOTO, None, remember=False)
    assert remembered
    assert remembered.record == record
    steadface("consent", "expire", record, "--on", "2020-02-01")
    with pytest.raises(InputError, match="ended on 01 February 2020"):
        stated_consent(load_settings(), PHOTO, None, remember=False)


def test_withdrawing_blocks_the_photo_and_names_what_was_made(instant: ModuleType, steadface: Run) -> None:
    made = ("generate", "--reference", PHOTO, "--prompt", "similarity=0.9", "--consent", "licensed")
    job = re.search(r"^job +(\S+),", steadface(*made).stdout, re.MULTILINE)
    assert job
    record = steadface("consent", "list").stdout.split()[0]
    withdrawn = steadface("consent", "revoke", record)
    assert "These files were made with it" in withdrawn.stderr
    files = [line.split("  ")[-1] for line in withdrawn.stdout.splitlines()]
    assert {"video.mp4", "report.json"} <= {Path(file).name for file in files if Path(file).is_file()}
    assert steadface("consent", "outputs", record).stdout == withdrawn.stdout
    for words in (made, ("refine", job[1], "motion waves")):
        refused = steadface(*words)
        assert refused.exit_code == 2
        assert "was withdrawn on" in refused.stderr
    assert steadface("consent", "add", PHOTO, "--consent", "licensed").exit_code == 0
    assert steadface(*made).exit_code == 0


def test_a_record_that_is_not_there_is_told(steadface: Run) -> None:
    for command in ("show", "revoke", "outputs", "expire"):
        refused = steadface("consent", command, "nobody")
        assert refused.exit_code == 2
        assert "There is no consent 'nobody'; steadface consent list" in refused.stderr
