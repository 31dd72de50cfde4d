"""Manifests: what is read of each kind, and what is said of each bad line before anything runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from agent.batch.manifest import read_manifest
from agent.batch.own import OwnBatch, Selection
from agent.batch.run import Bounds
from tools.errors import InputError

ROW = {"custom_id": "a", "prompt": "waves", "reference": "photo.png"}


@pytest.fixture
def told(home: Path, photo: Path, tmp_path: Path) -> Callable[..., dict[int, str]]:
    """What the check says of each line of a manifest."""

    def check(*lines: object, name: str = "manifest.jsonl", consent: str | None = "synthetic") -> dict[int, str]:
        path = tmp_path / name
        path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
        said: dict[int, str] = {}
        with OwnBatch(path, tmp_path / "out", consent, None, Selection((), False)) as own:
            own.check(said.__setitem__, alone=False)
        assert not (tmp_path / "out").exists()
        return said

    return check


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"custom_id": "../a"}, "The custom_id cannot be '../a'"),
        ({"custom_id": None}, "The custom_id cannot be 'None'"),
        ({"prompt": "  "}, "The prompt is empty"),
        ({"prompt": "A nude woman poses."}, "nudity"),
        ({"promt": "waves"}, "There is no field 'promt'; a row has custom_id, prompt, reference"),
        ({"reference": "nobody.png"}, "There is no file"),
        ({"reference": []}, "The field reference cannot be"),
        ({"reference": "@alice"}, "There is nobody called @alice"),
        ({"reference": "manifest.jsonl"}, "not an image"),
        ({"consent": "perhaps"}, "Consent cannot be 'perhaps'"),
        ({"seed": -1}, "The field seed cannot be '-1'"),
        ({"overrides": {"presets": "paper"}}, "A row cannot override 'presets'; it can override candidates"),
        ({"overrides": {"home": "/"}}, "A row cannot override 'home'"),
        ({"overrides": {"candidates": 99}}, "The setting candidates"),
        ({"overrides": {"preset": "best"}}, "There is no preset 'best'"),
    ],
)
def test_a_bad_field_is_told_with_the_number_of_its_line(told: Any, change: dict[str, Any], says: str) -> None:
    (sentence,) = told("", {**ROW, **change}, {**ROW, "custom_id": "b"}).items()
    assert sentence[0] == 2
    assert says in sentence[1]


def test_every_bad_line_is_told(told: Any) -> None:
    said = told("{", "[]", ROW, {**ROW, "custom_id": "A"}, {"custom_id": "c", "prompt": "waves"})
    assert list(said) == [1, 2, 4, 5]
    assert "not JSON" in said[1]
    assert "no JSON object" in said[2]
    assert said[4] == "The custom_id A is that of line 3 already; give each row its own."
    assert said[5] == "The field reference is missing."


def test_a_row_without_any_consent_is_refused(told: Any) -> None:
    said = told(ROW, {**ROW, "custom_id": "b", "consent": "self"}, consent=None)
    assert list(said) == [1]
    assert "Consent is missing" in said[1]


def test_csv_has_the_same_fields_and_overrides_as_json(told: Any, tmp_path: Path) -> None:
    head = "custom_id,prompt,reference,seed,overrides"
    good = 'a,"She waves, slowly",photo.png,7,"{""candidates"": 3}"'
    said = told(head, good, "b,waves,photo.png,,", "c,waves,photo.png,,{", "d,wa,ves,photo.png,1,", name="manifest.csv")
    assert list(said) == [4, 5]
    assert "overrides is not JSON" in said[4]
    assert "more cells" in said[5]
    first = next(iter(read_manifest(tmp_path / "manifest.csv")))
    assert first[1] == {
        "custom_id": "a", "prompt": "She waves, slowly", "reference": "photo.png", "seed": "7",
        "overrides": {"candidates": 3},
    }  # fmt: skip


def test_the_folders_of_vip_200k_are_a_manifest(photo: Path, tmp_path: Path) -> None:
    for person, prompts in (("id001", (1, 2, 10)), ("id002", (1,))):
        (tmp_path / "raw" / person).mkdir(parents=True)
        (tmp_path / "raw" / person / "image.png").write_bytes(photo.read_bytes())
        for number in prompts:
            (tmp_path / "raw" / person / f"prompt{number}.txt").write_text(f"{person} waves {number}\n")
    rows = [fields for _, fields in read_manifest(tmp_path / "raw")]
    assert [row["custom_id"] for row in rows if isinstance(row, dict)] == [
        "id001-prompt1", "id001-prompt2", "id001-prompt10", "id002-prompt1"
    ]  # fmt: skip
    assert rows[0] == {"custom_id": "id001-prompt1", "prompt": "id001 waves 1\n", "reference": "id001/image.png"}


def test_a_datasets_folder_asks_for_the_library_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "dataset_info.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match="pip install"):
        next(read_manifest(tmp_path / "saved"))


def test_the_rows_of_a_datasets_folder_are_read_without_what_they_leave_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "dataset_info.json").write_text("{}")
    saved = {str(tmp_path / "saved"): [{**ROW, "seed": None}, {**ROW, "custom_id": "b", "seed": 3}]}
    library = SimpleNamespace(Dataset=SimpleNamespace(load_from_disk=saved.__getitem__))
    monkeypatch.setitem(sys.modules, "datasets", library)
    assert list(read_manifest(tmp_path / "saved")) == [(1, ROW), (2, {**ROW, "custom_id": "b", "seed": 3})]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("nowhere.jsonl", None, "There is no manifest"),
        ("rows.txt", b"", "no manifest by its name"),
        ("rows.jsonl", b"\xff\xfe{}", "UTF-8"),
        ("rows.csv", b'a,b\n"c', "no CSV"),
        ("rows.jsonl", b" " * 1_000_001, "more than 1,000,000 characters"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says):
        list(read_manifest(tmp_path / name))


def test_people_who_are_saved_are_references_with_their_own_consent(instant: ModuleType, told: Any) -> None:
    from agent.consents import ConsentBook
    from agent.identities import Identities
    from agent.jobless import caller
    from agent.people import save_person
    from agent.requests import Photo, checked_consent
    from agent.settings import load_settings
    from tools import media
    from tools.artifacts import Artifacts
    from tools.pools.local import LocalPool

    settings = load_settings()
    artifacts, pool = Artifacts(settings.home), LocalPool(settings.home, 2)
    image = artifacts.put(media.png_bytes(instant.picture(instant.PERSON)), "png")
    stated, consents = checked_consent("written", None, "stated by the user"), ConsentBook(settings.database)
    try:
        save_person(
            Identities(settings.home), "alice", [Photo(image=image, name="alice.png")], None, stated,
            settings.recipe(), artifacts, lambda purpose: caller(pool, purpose), consents,
        )  # fmt: skip
    finally:
        consents.close()
        pool.close()
    assert told({**ROW, "reference": "@alice"}, consent=None) == {}


def test_a_dry_run_tells_what_would_be_done_and_leaves_nothing(home: Path, manifest: Any, tmp_path: Path) -> None:
    path = manifest(a="waves", b="walks", c="runs")
    with OwnBatch(path, tmp_path / "out", "self", None, Selection(("[ab]",), False)) as own:
        assert own.check(lambda *_: None, alone=False) == (3, 0)
        plan = own.plan(Bounds())
    assert (plan.standing.rows, plan.to_do, plan.seconds) == (3, 2, None)
    assert not (tmp_path / "out").exists()
    assert not home.exists()
