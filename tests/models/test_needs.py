"""Which models presets need, and how doctor tells of those that are missing, without loading any."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from agent.needs import chosen, missing_models
from agent.settings import load_settings
from tools import registry
from tools.errors import InputError
from tools.models import catalog, terms
from tools.pools import calls
from tools.pools.bench import Bench
from tools.pools.work import check_backends


def _missing(preset: str) -> list[str]:
    return missing_models(preset, load_settings(preset=preset).recipe())


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: Path) -> None:
    """A machine with no model."""
    monkeypatch.setenv("HOME", str(tmp_path))


def test_a_preset_stands_for_its_models_and_each_is_listed_once() -> None:
    paper = ["realvisxl", "hyperlora", "clip", "antelopev2", "buffalo_l", "qwen3-8b", "wan-vace-14b"]
    assert [model.name for model in chosen(["paper"])] == paper
    assert [model.name for model in chosen(["r2v", "yunet", "buffalo_l", "preview"])] == [
        "buffalo_l",
        "qwen3-8b",
        "wan-vace-14b",
        "yunet",
    ]
    with pytest.raises(InputError, match='no preset or model "papers"'):
        chosen(["papers"])


def test_a_planner_that_is_served_needs_no_model_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFACE_PLANNER_URL", "http://127.0.0.1:1/v1")
    assert "qwen3-8b" not in [model.name for model in chosen(["paper"])]


def test_what_is_missing_is_one_sentence_with_sizes_and_the_command() -> None:
    (told,) = _missing("r2v")
    assert told == (
        "Models are missing, 91.7 GB in all: buffalo_l (290 MB), qwen3-8b (16.4 GB), wan-vace-14b (75 GB); get them "
        "with: steadface models pull r2v."
    )
    assert _missing("preview") == []


def test_what_a_variable_misplaces_is_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STEADFACE_WAN_VACE_14B", str(tmp_path / "nowhere"))
    many, one = _missing("r2v")
    assert "wan-vace-14b" not in many
    assert f"Wan2.1 VACE 14B is not in {tmp_path}/nowhere, where STEADFACE_WAN_VACE_14B says" in one
    (tmp_path / "nowhere").mkdir()
    assert len(_missing("r2v")) == 1


def test_doctor_makes_no_backend_that_loads_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    class Backend:
        def __init__(self, steps: int = 3) -> None:
            made.append("made")

    class Entry:
        name, value = "light", "tools.contracts:Backend"

        def load(self) -> type[Backend]:
            return Backend

    class Loading(Entry):
        name = "hyperlora"

    monkeypatch.setattr(registry, "_installed", lambda capability: (Entry(), Loading()))

    def checked(name: str, **options: int) -> list[str]:
        backends = {"first_frame": calls.Backend(name=name, options=dict(options))}
        return check_backends(calls.CheckBackends(backends=backends), Bench(artifacts=None)).missing  # type: ignore[arg-type]

    assert checked("hyperlora") == []
    assert made == []
    assert checked("light") == []
    assert made == ["made"]
    assert "has no option" in checked("hyperlora", speed=1)[0]
    assert "There is no first frame backend" in checked("nobody")[0]


def test_a_machine_with_no_model_imports_no_torch_to_say_so() -> None:
    script = """
import sys
from agent.settings import load_settings
from tools.pools import calls
from tools.pools.bench import Bench
from tools.pools.work import check_backends
recipe = load_settings(preset="paper").recipe()
backends = {name: recipe.backend(name) for name in ("faces", "first_frame", "face_detail", "video")}
print(check_backends(calls.CheckBackends(backends=backends), Bench(None)).missing, "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "[] False\n"


def test_a_licence_that_has_changed_is_asked_for_again() -> None:
    clip = catalog.catalog()["clip"]
    terms.accept([clip])
    assert terms.unaccepted([clip]) == []
    changed = clip.model_copy(update={"licence": "another"})
    assert terms.unaccepted([clip, changed]) == [changed]


@pytest.mark.parametrize("model", catalog.catalog().values(), ids=catalog.catalog())
def test_every_user_of_a_model_is_a_backend_that_there_is(model: catalog.Model) -> None:
    for user in model.used_by:
        capability, _, name = user.partition(".")
        assert name in registry.names(cast(registry.Capability, capability))
    assert model.told_at.startswith("https://")


@pytest.mark.parametrize(
    "change",
    [
        {"hub": None},
        {"archive": "https://nowhere/a.zip"},
        {"hub": None, "archive": "https://nowhere/a.zip", "page": "p"},
    ],
)
def test_a_table_that_contradicts_itself_is_refused(change: dict[str, str | None]) -> None:
    entry = catalog.catalog()["clip"].model_dump() | change
    with pytest.raises(ValueError, match="clip must come from the Hub, or from an archive"):
        catalog.Model(**entry)


def test_sizes_are_told_for_people() -> None:
    assert [catalog.told_size(size) for size in (16.4, 1, 0.36, 0.0002, 104.12)] == [
        "16.4 GB",
        "1 GB",
        "360 MB",
        "0.2 MB",
        "104 GB",
    ]
