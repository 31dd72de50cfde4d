from pathlib import Path

import pytest

SCHEMA = {
    "type": "object",
    "properties": {
        "who": {"enum": ["woman", "man", "person"]},
        "phrases": {
            "type": "array",
            "items": {"type": "string", "pattern": "^[a-z][A-Za-z ,'.-]{1,40}$"},
            "minItems": 1,
            "maxItems": 3,
        },
        "prompt": {"type": "string", "pattern": r"^([ -!#-\[\]-~]{50}){0,3}[ -!#-\[\]-~]{1,50}$"},
        "loosened": {"anyOf": [{"type": "null"}, {"enum": ["framing", "place"]}]},
    },
    "required": ["who", "phrases", "prompt", "loosened"],
    "additionalProperties": False,
}
"""Like a planner's: bounded by patterns, nested above what one repetition may count."""

MESSAGES = [
    {"role": "system", "content": "You split prompts. Answer in JSON."},
    {"role": "user", "content": "A woman walks along the beach."},
]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arithmetic this small only gets slower when it is parted."""
    import torch

    torch.set_num_threads(1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def cached(tiny_qwen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The tiny model in a Hub cache of the test's own, by its id."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    model = tmp_path / "hub" / "models--Qwen--Qwen3-tiny"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text("0" * 40)
    (model / "snapshots").mkdir()
    (model / "snapshots" / ("0" * 40)).symlink_to(tiny_qwen)
    return "Qwen/Qwen3-tiny"
