from __future__ import annotations

import pytest

from agent.settings import load_settings
from tools.errors import InputError


def test_options_of_a_backend_are_json_or_one_variable_each(monkeypatch):
    monkeypatch.setenv("STEADFACE_VIDEO_OPTIONS", '{"steps": 25, "shift": 5}')
    monkeypatch.setenv("STEADFACE_VIDEO_OPTIONS__STEPS", "30")
    chosen = load_settings().recipe().backend("video")
    assert chosen.name == "preview"
    assert {name: int(value) for name, value in chosen.options.items()} == {"steps": 30, "shift": 5}


def test_a_preset_is_a_whole_working_set():
    recipe = load_settings(preset="paper").recipe()
    chosen = (recipe.planner, recipe.first_frame, recipe.face_detail, recipe.video, recipe.faces)
    assert chosen == ("qwen-local", "hyperlora", "sdxl", "wan-vace-14b", "arcface")
    assert not recipe.sketch


def test_the_baseline_has_no_first_frame_and_no_repair():
    recipe = load_settings(preset="r2v").recipe()
    assert (recipe.first_frame, recipe.face_detail, recipe.video) == (None, None, "wan-vace-14b-r2v")


def test_a_planner_server_that_is_named_is_asked_rather_than_loading_its_model(monkeypatch):
    monkeypatch.setenv("STEADFACE_PLANNER_URL", "http://127.0.0.1:8000/v1")
    assert load_settings(preset="paper").planner == "qwen"
    assert load_settings(preset="paper", planner="rules").planner == "rules"
    assert load_settings(preset="preview").planner == "rules"


def test_a_placeholder_that_a_client_left_as_it_was_counts_as_unset(monkeypatch):
    for name in ("HOME", "INBOX", "VIDEOS", "PRESET", "CONSENT", "PLANNER_URL", "PLANNER_KEY", "ROOTS", "WIDTH"):
        monkeypatch.delenv(f"STEADFACE_{name}", raising=False)
    unset = load_settings()
    for name in ("HOME", "INBOX", "VIDEOS", "PRESET", "CONSENT", "PLANNER_URL", "PLANNER_KEY", "ROOTS", "WIDTH"):
        monkeypatch.setenv(f"STEADFACE_{name}", f"${{user_config.{name.lower()}}}")
    assert load_settings() == unset


@pytest.mark.parametrize("name", ["home", "videos", "inbox", "roots"])
def test_the_folder_of_nobody_is_told_with_its_setting(monkeypatch, name):
    monkeypatch.setenv(variable := f"STEADFACE_{name.upper()}", "~nobody-of-that-name/x")
    with pytest.raises(InputError, match=rf"The setting {name} \({variable}\) cannot be .* no home folder here"):
        load_settings()


def test_what_is_wrong_is_told_by_its_variable_where_that_gave_it(monkeypatch):
    with pytest.raises(InputError, match=r"^The setting fps cannot be 1: it should be greater than or equal to 4\.$"):
        load_settings(fps=1)
    monkeypatch.setenv("STEADFACE_FPS", "1")
    with pytest.raises(InputError, match=r"^The setting fps \(STEADFACE_FPS\) cannot be '1': it should be greater"):
        load_settings()
