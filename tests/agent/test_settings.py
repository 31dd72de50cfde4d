from __future__ import annotations

from agent.settings import load_settings


def test_options_of_a_backend_are_json_or_one_variable_each(monkeypatch):
    monkeypatch.setenv("STEADFACE_VIDEO_OPTIONS", '{"steps": 25, "shift": 5}')
    monkeypatch.setenv("STEADFACE_VIDEO_OPTIONS__STEPS", "30")
    chosen = load_settings().recipe().backend("video")
    assert chosen.name == "preview"
    assert {name: int(value) for name, value in chosen.options.items()} == {"steps": 30, "shift": 5}
