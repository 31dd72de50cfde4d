"""Qwen3 in process, on a model of random weights: its words mean nothing, so whatever holds is the code's doing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import torch
from conversation import MESSAGES, SCHEMA

from prompts import shipped
from tools.errors import BackendError, Cancelled, InputError, Unavailable
from tools.language.qwen import Qwen
from tools.residency import Residency


def silent(done: int, total: int, message: str) -> None:
    pass


@pytest.fixture(scope="module")
def qwen() -> Qwen:
    return Qwen()


@pytest.fixture
def changed(tiny_qwen: Path, tmp_path: Path) -> Callable[..., str]:
    """A copy of the tiny model in which values of some JSON file are others."""

    def copy(file: str, **values: object) -> str:
        folder = shutil.copytree(tiny_qwen, tmp_path / "changed")
        settings = json.loads((folder / file).read_text())
        (folder / file).write_text(json.dumps(settings | values))
        return str(folder)

    return copy


@pytest.mark.parametrize("seed", range(16))
def test_every_answer_is_strict_json_that_the_schema_admits(qwen: Qwen, tiny_qwen: Path, seed: int) -> None:
    text = qwen.complete(str(tiny_qwen), MESSAGES, SCHEMA, seed, silent)
    jsonschema.validate(json.loads(text), SCHEMA)
    assert "\n" not in text
    assert "<think>" not in text
    assert "<|" not in text


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("template", [name for name, each in shipped().items() if each.output])
def test_the_answers_that_planners_ask_for_are_what_their_templates_say(
    qwen: Qwen, tiny_qwen: Path, template: str, seed: int
) -> None:
    asked = shipped()[template]
    messages = asked.messages(dict.fromkeys(asked.inputs, "A woman walks along the beach."))
    assert asked.output is not None
    text = qwen.complete(str(tiny_qwen), messages, asked.output, seed, silent)
    jsonschema.validate(json.loads(text), asked.output)


def test_the_same_seed_gives_the_same_text_and_another_seed_another(qwen: Qwen, tiny_qwen: Path) -> None:
    first = qwen.complete(str(tiny_qwen), MESSAGES, SCHEMA, 7, silent)
    other = qwen.complete(str(tiny_qwen), MESSAGES, SCHEMA, 8, silent)
    again = Qwen().complete(str(tiny_qwen), MESSAGES, SCHEMA, 7, silent)
    assert first == again != other


def test_the_random_state_of_the_process_is_left_alone(qwen: Qwen, tiny_qwen: Path) -> None:
    before = torch.random.get_rng_state()
    qwen.complete(str(tiny_qwen), MESSAGES, SCHEMA, 7, silent)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_model_is_loaded_once_and_makes_room_for_another(tiny_qwen: Path, tmp_path: Path) -> None:
    qwen, loaded = Qwen(), []
    other = shutil.copytree(tiny_qwen, tmp_path / "other")

    def report(done: int, total: int, message: str) -> None:
        if message.startswith("loading"):
            loaded.append(message.removeprefix("loading "))

    for folder in (tiny_qwen, tiny_qwen, other, tiny_qwen):
        qwen.complete(str(folder), MESSAGES, SCHEMA, 1, report)
    assert loaded == [str(tiny_qwen), str(other), str(tiny_qwen)]


def test_every_token_is_reported(qwen: Qwen, tiny_qwen: Path) -> None:
    news: list[tuple[int, int, str]] = []
    text = qwen.complete(str(tiny_qwen), MESSAGES, SCHEMA, 3, lambda *told: news.append(told))
    written = [done for done, _, message in news if message == "writing"]
    assert written == list(range(1, len(written) + 1))
    assert len(written) > len(text) / 20
    assert all(done <= total for done, total, _ in news)


def test_a_cancelled_call_ends_at_the_next_token_and_the_model_stays_usable(qwen: Qwen, tiny_qwen: Path) -> None:
    written = 0

    def report(done: int, total: int, message: str) -> None:
        nonlocal written
        written = done
        if done == 5:
            raise Cancelled("The job was cancelled.")

    with pytest.raises(Cancelled):
        qwen.complete(str(tiny_qwen), MESSAGES, SCHEMA, 3, report)
    assert written == 5
    assert json.loads(qwen.complete(str(tiny_qwen), MESSAGES, SCHEMA, 3, silent))


def test_the_model_is_asked_to_answer_and_not_to_think(changed: Callable[..., str]) -> None:
    """The template of this copy refuses everything else."""
    folder = Path(changed("config.json"))
    template = (folder / "chat_template.jinja").read_text()
    refuse = (
        "{%- if not add_generation_prompt or enable_thinking is not defined or enable_thinking -%}"
        "{{ raise_exception('thinks') }}{%- endif -%}"
    )
    (folder / "chat_template.jinja").write_text(refuse + template)
    assert json.loads(Qwen().complete(str(folder), MESSAGES, SCHEMA, 1, silent))


def test_an_answer_that_does_not_end_is_told_and_never_handed_on(changed: Callable[..., str]) -> None:
    with pytest.raises(BackendError, match=r"did not end its answer within \d+ tokens"):
        Qwen().complete(changed("config.json", max_position_embeddings=150), MESSAGES, SCHEMA, 1, silent)


def test_a_prompt_without_room_for_an_answer_is_refused(changed: Callable[..., str]) -> None:
    with pytest.raises(InputError, match=r"too long .* \d+ tokens"):
        Qwen().complete(changed("config.json", max_position_embeddings=20), MESSAGES, SCHEMA, 1, silent)


def test_a_schema_that_no_grammar_can_hold_is_refused(qwen: Qwen, tiny_qwen: Path) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^[a-z]{1,400}$"}}}
    with pytest.raises(InputError, match="nested patterns"):
        qwen.complete(str(tiny_qwen), MESSAGES, schema, 1, silent)


def test_too_little_gpu_memory_is_told_with_what_to_do(
    qwen: Qwen, tiny_qwen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import Qwen3ForCausalLM

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Qwen3ForCausalLM, "forward", full)
    with pytest.raises(BackendError, match=r"too little GPU memory .* Qwen/Qwen3-4B"):
        qwen.complete(str(tiny_qwen), MESSAGES, SCHEMA, 1, silent)


def test_a_model_that_the_gpu_cannot_hold_is_refused_before_it_is_loaded(
    tiny_qwen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.language.qwen.on_gpu", lambda: Residency(free=lambda: 2**30))
    monkeypatch.setattr("tools.language.qwen.AutoModelForCausalLM", None)  # loading would show as another error
    with pytest.raises(
        Unavailable, match=r"takes 2\.0 GiB of the GPU, and 1\.0 can be had; set STEADFACE_PLANNER_MODEL"
    ):
        Qwen().complete(str(tiny_qwen), MESSAGES, SCHEMA, 1, silent)


def test_a_model_without_a_chat_template_is_refused(changed: Callable[..., str]) -> None:
    folder = Path(changed("config.json"))
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(InputError, match="no chat template"):
        Qwen().complete(str(folder), MESSAGES, SCHEMA, 1, silent)


def test_code_that_comes_with_weights_is_not_run(changed: Callable[..., str]) -> None:
    folder = Path(changed("config.json", model_type="mine", auto_map={"AutoModelForCausalLM": "mine.Model"}))
    (folder / "mine.py").write_text("raise SystemExit('ran')")
    with pytest.raises(Unavailable, match="cannot be loaded"):
        Qwen().complete(str(folder), MESSAGES, SCHEMA, 1, silent)


def test_a_damaged_file_of_weights_is_told(changed: Callable[..., str]) -> None:
    folder = Path(changed("config.json"))
    shard = sorted(folder.glob("*.safetensors"))[0]
    shard.write_bytes(shard.read_bytes()[:1000])
    with pytest.raises(Unavailable, match="cannot be loaded"):
        Qwen().complete(str(folder), MESSAGES, SCHEMA, 1, silent)


def test_weights_in_the_hub_cache_are_found_by_their_id(cached: str) -> None:
    assert json.loads(Qwen().complete(cached, MESSAGES, SCHEMA, 1, silent))
