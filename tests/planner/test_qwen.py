"""The planner that asks a model: what it makes of good answers, and that no answer and no outage ever breaks it."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from stub_server import (
    ANSWERS,
    TEMPORAL,
    Reply,
    Stub,
    answer_to,
    fails,
    hangs_up,
    raw,
    refusing,
    say,
    serving,
    stalls,
    trickles,
    wrapped,
)

from agent.planner.chat import Completion, CutOff
from agent.planner.checks import Context
from agent.planner.desk import Desk, planner_at
from agent.planner.language import NOT_ENGLISH, read
from agent.planner.options import PlannerOptions
from agent.planner.protocol import Cause, Diagnosis, Plan, Tried
from agent.planner.qwen import QwenPlanner
from agent.planner.rules import RulePlanner
from agent.planner.validators import check_spatial, check_temporal
from prompts import templates
from tools.contracts import ChatMessage
from tools.errors import BackendError, Cancelled, InputError, StorageAway, Unavailable
from tools.pools.calls import ChatReply, CompleteChat

PROMPT = "A woman in an orange flight suit walks across the launch pad at dawn."
SPATIAL = "a woman, gentle smile, orange flight suit, launch pad at dawn, close-up"
BROKEN = '{"reading": "a woman walks", "temporal_prompt": "A woman walks'
POLISHED = json.dumps(ANSWERS["temporal_prompt"])
NOT_READ = "the server's reply could not be read"
INVALID = "its answer was not valid"
KEY = "sk-not-for-anyone"


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serving() as stub:
        yield stub
        assert stub.refused == [], "vLLM would refuse this"


def no_worker(request: object, reply: object) -> Any:
    raise AssertionError("a served planner calls no worker")


def desk(url: str | None, timeout: float = 20.0, key: str | None = None, **options: Any) -> Desk:
    chosen = PlannerOptions(planner_url=url, planner_timeout=timeout, **options)
    return Desk(chosen, SecretStr(key) if key else None, no_worker, threading.Event())


def planner(stub: Stub, *script: Reply, **given: Any) -> QwenPlanner:
    stub.script.extend(script)
    made = planner_at(desk(stub.url, **given), "qwen")
    assert isinstance(made, QwenPlanner)
    return made


def decoupled(stub: Stub, *script: Reply, prompt: str = PROMPT, **given: Any) -> Plan:
    return planner(stub, *script, **given).decouple(prompt, "woman", 1)


def by_rules(prompt: str = PROMPT) -> Plan:
    return RulePlanner().decouple(prompt, "woman", 1)


def test_a_good_answer_becomes_the_plan(stub: Stub) -> None:
    plan = decoupled(stub)
    assert (plan.planner, plan.temporal_prompt, plan.spatial_prompt) == ("qwen", TEMPORAL, SPATIAL)
    assert (plan.framing, plan.asked, plan.notes) == ("close-up", by_rules().asked, ())
    assert plan.templates == {"temporal_polisher": 1, "spatial_parser": 1}


def test_the_temporal_prompt_comes_first_and_the_spatial_is_read_off_it_and_the_users_words(stub: Stub) -> None:
    decoupled(stub)
    first, second = ([turn["content"] for turn in body["messages"]] for body in stub.bodies)
    assert PROMPT in first[1]
    assert PROMPT in second[1]
    assert TEMPORAL in second[1]


def test_a_request_holds_what_qwen_without_thinking_needs(stub: Stub) -> None:
    decoupled(stub)
    body = stub.bodies[0]
    assert {name: body[name] for name in ("temperature", "top_p", "top_k", "min_p")} == {
        "temperature": 0.7,
        "top_p": 0.8,
        "top_k": 20,
        "min_p": 0,
    }
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["reading", "temporal_prompt"]
    assert body["seed"] == 1


def test_the_system_part_is_the_same_bytes_in_every_call(stub: Stub) -> None:
    asked = planner(stub)
    for prompt, presentation, seed in ((PROMPT, "woman", 1), ("I sing in Rome at night", "man", 2)):
        asked.decouple(prompt, presentation, seed)
    systems = {body["messages"][0]["content"] for body in stub.bodies}
    assert systems == {templates(None)[name].system for name in ("temporal_polisher", "spatial_parser")}


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(wrapped("Here it is:\n```json\n", "\n```\nHope that helps {smile}!"), id="fences and prose"),
        pytest.param(wrapped('<think>They want {"temporal_prompt": "x"}. Hm.</think>\n\n'), id="thoughts"),
        pytest.param(wrapped('Draft: {"temporal_prompt": "", "face": [], "clothing": []}\n'), id="a draft"),
        pytest.param(say(POLISHED.replace(" walks", "\n\twalks")), id="control characters"),
        pytest.param(say(POLISHED.replace("A woman in", "\\ud800 A woman in")), id="half a surrogate"),
    ],
)  # fmt: skip
def test_what_stands_round_an_answer_or_slips_into_it_is_no_fault(stub: Stub, reply: Reply) -> None:
    plan = decoupled(stub, reply)
    assert (plan.planner, plan.temporal_prompt) == ("qwen", TEMPORAL)


def test_broken_json_is_mended_by_a_second_ask(stub: Stub) -> None:
    plan = decoupled(stub, say(BROKEN))
    assert (plan.planner, plan.temporal_prompt) == ("qwen+repair", TEMPORAL)
    assert plan.templates["repair_json"] == 1
    repair = stub.bodies[1]["messages"][1]["content"]
    assert BROKEN in repair
    assert PROMPT in repair


def test_a_violation_goes_back_to_the_model_in_the_same_conversation(stub: Stub) -> None:
    wrong = {"reading": "", "temporal_prompt": "A man stands there, smiling."}
    plan = decoupled(stub, say(json.dumps(wrong)))
    assert (plan.planner, plan.temporal_prompt) == ("qwen+repair", TEMPORAL)
    assert "repair_json" not in plan.templates
    *before, own, again = stub.bodies[1]["messages"]
    assert before == stub.bodies[0]["messages"]
    assert own["role"] == "assistant"
    assert "Start with the subject as told" in again["content"]
    assert "lost: " in again["content"]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        pytest.param([say(BROKEN), say("sorry")], "its answer holds no JSON object", id="broken twice"),
        pytest.param([say(None), say("")], "its answer holds no JSON object", id="nothing said"),
        pytest.param([say('{"temporal_prompt": 3}')] * 2, "its answer does not fit at temp", id="wrong type"),
        pytest.param([say('{"temporal_prompt": "A dog barks."}')] * 2, INVALID, id="violations twice"),
        pytest.param([say(BROKEN, "length")] * 2, "its answer was cut off", id="never ends"),
        pytest.param([say(None, "length", "Well, let me think.")] * 2, "its answer was cut off", id="thinks only"),
        pytest.param([fails(400)] * 2, "the server refused the request (400)", id="400"),
        pytest.param([fails(401)], "the server refused the key (401)", id="401"),
        pytest.param([fails(404)], "the server does not know the model or the path (404)", id="404"),
        pytest.param([fails(500)], "the server refused the request (500)", id="500"),
        pytest.param([hangs_up], "the connection to the server broke", id="hangs up"),
        pytest.param([raw(b"<html>proxy</html>", Content_Type="text/html")], NOT_READ, id="a page"),
        pytest.param([raw(b'{"choices"')], NOT_READ, id="a torn body"),
        pytest.param([raw(b'{"choices": []}')], NOT_READ, id="no choice"),
        pytest.param([raw(b"\xff\xfe\x00")], NOT_READ, id="bytes"),
    ],
)  # fmt: skip
def test_what_brings_no_plan_is_told_in_one_line_and_the_rules_plan(stub: Stub, script: list[Reply], why: str) -> None:
    plan = decoupled(stub, *script)
    assert plan.planner.startswith(f"rules ({why}")
    assert len(plan.notes) == 1
    assert why in plan.notes[0]
    assert replace(plan, planner="rules", notes=()) == by_rules()


def test_an_answer_that_was_cut_off_is_asked_for_again(stub: Stub) -> None:
    assert decoupled(stub, say(BROKEN, "length")).planner == "qwen+repair"


def test_a_huge_answer_is_looked_through_at_its_end_only(stub: Stub) -> None:
    noise = '{"a": [' * 400_000
    assert decoupled(stub, wrapped(noise)).planner == "qwen"
    assert decoupled(stub, say(noise), say(noise)).planner.startswith("rules (its answer holds no JSON")


@pytest.mark.parametrize(
    "server",
    [
        pytest.param(refusing(422, "top_k", "min_p"), id="transformers serve: 422 for top_k"),
        pytest.param(refusing(400, "chat_template_kwargs"), id="400 for chat_template_kwargs"),
        pytest.param(refusing(400, "response_format"), id="400 for the schema"),
    ],
)
def test_a_server_that_refuses_extra_fields_gets_plain_requests_from_then_on(stub: Stub, server: Reply) -> None:
    stub.always = server
    assert decoupled(stub).planner == "qwen"
    assert ["top_k" in body for body in stub.bodies] == [True, False, False]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again(stub: Stub, status: int) -> None:
    assert decoupled(stub, fails(status)).planner == "qwen"


def test_a_server_that_stays_busy_is_given_up_in_time(stub: Stub) -> None:
    stub.always = fails(503)
    began = time.monotonic()
    assert decoupled(stub, timeout=1.5).planner == "rules (the server is overloaded (503))"
    assert time.monotonic() - began < 5
    assert len(stub.bodies) > 1


@pytest.mark.parametrize("reply", [stalls, trickles])
def test_a_server_that_never_finishes_is_given_up_in_time(stub: Stub, reply: Reply) -> None:
    began = time.monotonic()
    assert decoupled(stub, reply, timeout=1).planner == "rules (no answer in 1 s)"
    assert time.monotonic() - began < 5
    assert _soon(lambda: not [thread for thread in threading.enumerate() if thread.name == "chat"]), "it reads on"


def test_the_time_is_for_the_plan_as_a_whole(stub: Stub) -> None:
    def slowly(talk: Any, body: Any) -> None:
        time.sleep(0.7)
        say(BROKEN)(talk, body)

    stub.always = slowly
    began = time.monotonic()
    assert decoupled(stub, timeout=1).planner.startswith("rules (no answer in 0.")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("reply", [stalls, trickles, fails(503)])
def test_a_cancel_ends_the_wait_within_a_second(stub: Stub, reply: Reply) -> None:
    stub.always = reply
    asked = desk(stub.url)
    threading.Timer(0.3, asked.cancelled.set).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        planner_at(asked, "qwen").decouple(PROMPT, "woman", 1)
    assert time.monotonic() - began < 2


def _soon(true: Any) -> bool:
    patience = time.monotonic() + 10
    while not true() and time.monotonic() < patience:
        time.sleep(0.02)
    return bool(true())


def dead_url() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1"


def test_a_refused_connection_is_told_soon_and_the_rules_plan() -> None:
    plan = planner_at(desk(dead_url()), "qwen").decouple(PROMPT, "woman", 1)
    assert plan.planner == "rules (the server refused the connection)"


def test_the_key_goes_to_the_server_and_nowhere_else(
    stub: Stub, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-service")
    caplog.set_level(logging.DEBUG)
    plan = decoupled(stub, fails(401, f"Invalid key {KEY}"), key=KEY)
    assert stub.keys == [f"Bearer {KEY}"]
    assert KEY not in repr(plan)
    assert KEY not in caplog.text
    decoupled(stub)
    assert not any("another" in key for key in stub.keys)


def test_a_prompt_in_another_language_is_translated_and_may_be_framed(stub: Stub) -> None:
    spatial = {"face": ["calm face"], "clothing": [], "environment": ["plage", "crowded café"], "framing": "wide shot"}
    spatial["environment"] = ["beach", "small café"]
    temporal = {"reading": "", "temporal_prompt": "A woman walks along the beach. She smiles slowly."}
    script = [say(json.dumps(answer, ensure_ascii=False)) for answer in (temporal, spatial)]
    plan = decoupled(stub, *script, prompt="一个女人在海边散步，远景")
    assert plan.planner == "qwen"
    assert plan.spatial_prompt == "a woman, calm face, beach, small cafe, wide shot"
    assert (plan.framing, plan.asked) == ("wide shot", {"framing"})
    assert NOT_ENGLISH not in plan.notes


def test_static_appearance_can_be_left_to_the_first_frame(stub: Stub) -> None:
    dropped = {"reading": "", "temporal_prompt": "A woman walks across the launch pad at dawn, and a smile grows."}
    prompt = "A woman with freckles in an orange flight suit and a silver helmet walks across the launch pad at dawn."
    suit = {**ANSWERS["environment"], "clothing": ["orange flight suit", "silver helmet"]}
    script = [say(json.dumps(dropped)), say(json.dumps(suit))]
    assert decoupled(stub, *script, prompt=prompt, static_appearance="drop").planner == "qwen"
    assert "Static appearance: drop." in stub.bodies[0]["messages"][1]["content"]
    kept = decoupled(stub, *[say(json.dumps(dropped))] * 2, prompt=prompt)
    assert kept.planner.startswith("rules (its answer was not valid: Keep everything")


def history(plan: Plan, cause: str, message: str = "…") -> list[Tried]:
    return [Tried(plan.spatial_prompt, 0.31, Diagnosis(cause, message))]  # type: ignore[arg-type]


def test_a_revision_answers_the_diagnosis_and_names_its_move(stub: Stub) -> None:
    asked = planner(stub)
    plan = asked.decouple(PROMPT, "woman", 1)
    revision = asked.revise(PROMPT, plan, history(plan, "turned_away", "The face is turned 40° away."), "woman", 2)
    assert (revision.planner, revision.move, revision.framing) == ("qwen", "face_camera", "close-up")
    assert revision.spatial_prompt == ANSWERS["spatial_prompt"]["spatial_prompt"]
    assert revision.loosened is None
    assert revision.templates == {"revise_spatial": 1}
    told = stub.bodies[-1]["messages"][1]["content"]
    assert f'1. "{SPATIAL}", similarity 0.31: The face is turned 40° away.' in told


WIDE = "A wide shot of a woman in a black hat and a red coat, tiny in a vast desert at noon."


def revised(stub: Stub, cause: str, *prompts: str) -> Any:
    """What comes of these answers to a first frame of the wide shot."""
    plan = replace(by_rules(WIDE), planner="qwen")
    said = [say(json.dumps({"reading": "", "move": "reworded", "spatial_prompt": prompt})) for prompt in prompts]
    return planner(stub, *said).revise(WIDE, plan, history(plan, cause), "woman", 2)


def test_a_small_face_has_to_come_closer_and_the_user_is_told(stub: Stub) -> None:
    near = "a woman, natural expression, black hat, red coat, vast desert at noon, bright sky, full shot"
    revision = revised(stub, "small_face", near.replace("full shot", "wide shot"), near)
    assert (revision.planner, revision.framing) == ("qwen+repair", "full shot")
    assert revision.loosened is not None
    assert "the framing was loosened from 'wide shot' to 'full shot'" in revision.loosened.lower()
    assert "because the face was too small" in revision.loosened


def test_what_the_user_asked_for_is_kept_unless_it_may_be_the_cause(stub: Stub) -> None:
    bare = "a woman, clear face, red coat, vast desert at noon, soft even light, wide shot"
    assert revised(stub, "turned_away", bare, bare).planner.startswith("rules (its answer was not valid: Keep what")
    unlike = revised(stub, "unlike", bare)
    assert unlike.planner == "qwen"
    assert (
        unlike.loosened
        == "'black hat' was left out of the first frame, because the face was not like enough to the photo."
    )


def test_a_revision_that_was_tried_already_is_none(stub: Stub) -> None:
    tried = by_rules(WIDE).spatial_prompt
    assert revised(stub, "turned_away", tried, tried).planner.startswith(
        "rules (its answer was not valid: This is nearly"
    )


def test_a_plan_that_the_rules_had_to_make_is_revised_without_asking_again(stub: Stub) -> None:
    asked = planner(stub, fails(500))
    plan = asked.decouple(PROMPT, "woman", 1)
    revision = asked.revise(PROMPT, plan, history(plan, "turned_away"), "woman", 2)
    assert len(stub.bodies) == 1
    assert revision.planner == plan.planner


def refined(stub: Stub, instruction: str, *answers: dict[str, Any]) -> Any:
    asked = planner(stub)
    plan = asked.decouple(PROMPT, "woman", 1)
    stub.script.extend(say(json.dumps({**ANSWERS["changes"], **answer})) for answer in answers)
    return plan, asked.refine(instruction, PROMPT, plan, "woman", 3)


def test_a_change_of_motion_alone_keeps_the_spatial_prompt(stub: Stub) -> None:
    plan, refinement = refined(stub, "slower", {})
    assert refinement.changes == {"motion"}
    assert refinement.prompt == ANSWERS["changes"]["prompt"]
    assert refinement.spatial_prompt == plan.spatial_prompt
    assert (refinement.planner, refinement.question) == ("qwen", None)
    assert refinement.templates == {"refine": 1, "temporal_polisher": 1}


def test_a_change_of_the_look_brings_a_new_first_frame(stub: Stub) -> None:
    prompt = PROMPT.replace("dawn", "night")
    change = {"changes": ["look"], "prompt": prompt, "told": "It is night now; the rest stays."}
    temporal = {"temporal_prompt": TEMPORAL.replace("dawn", "night")}
    spatial = {**ANSWERS["environment"], "environment": ["launch pad at night"]}
    asked = planner(stub)
    plan = asked.decouple(PROMPT, "woman", 1)
    stub.script.extend(say(json.dumps(answer)) for answer in ({**ANSWERS["changes"], **change}, temporal, spatial))
    refinement = asked.refine("make it night", PROMPT, plan, "woman", 3)
    assert refinement.spatial_prompt == SPATIAL.replace("dawn", "night")
    assert refinement.temporal_prompt == TEMPORAL.replace("dawn", "night")


def test_motion_that_changes_what_is_seen_is_the_look(stub: Stub) -> None:
    motion = {"prompt": PROMPT.replace("at dawn", "at dawn, wide shot")}
    _, refinement = refined(stub, "further away", motion, motion)
    why = "This changes what the first frame shows: name the change 'look'"
    assert refinement.planner == f"rules ({INVALID}: {why})"


def test_settings_come_typed_and_within_their_bounds(stub: Stub) -> None:
    def chosen(name: str, value: str) -> dict[str, Any]:
        return {"changes": ["settings"], "settings": [{"name": name, "value": value}]}

    plan, refinement = refined(stub, "6 candidates", chosen("candidates", "6"))
    assert refinement.settings == {"candidates": 6}
    assert (refinement.prompt, refinement.temporal_prompt) == (PROMPT, plan.temporal_prompt)
    _, again = refined(stub, "60 candidates", chosen("candidates", "60"), chosen("candidates", "8"))
    assert (again.settings, again.planner) == ({"candidates": 8}, "qwen+repair")


def test_a_question_goes_back_to_the_user_and_changes_nothing(stub: Stub) -> None:
    asks = {"changes": ["question"], "question": "What should change, the light or the motion?"}
    plan, refinement = refined(stub, "hm", asks)
    assert refinement.question == asks["question"]
    assert (refinement.prompt, refinement.spatial_prompt) == (PROMPT, plan.spatial_prompt)


def test_a_follow_up_that_no_model_understood_goes_to_the_rules(stub: Stub) -> None:
    plan, refinement = refined(stub, "slower", {"changes": []}, {"changes": ["undo", "motion"]})
    assert (
        refinement.planner
        == "rules (its answer was not valid: Name at least one change; undo and question stand alone)"
    )
    assert refinement.changes == {"motion"}
    assert refinement.spatial_prompt == plan.spatial_prompt


@pytest.mark.parametrize(
    ("url", "error", "told"),
    [
        (None, Unavailable, "steadface planner serve"),
        ("localhost:8000", InputError, "STEADFACE_PLANNER_URL"),
        ("ftp://somewhere/v1", InputError, "STEADFACE_PLANNER_URL"),
    ],
)
def test_a_planner_without_a_usable_server_says_what_to_set(url: str | None, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        planner_at(desk(url), "qwen")


def test_a_bad_template_is_refused_when_the_planner_is_made(tmp_path: Path) -> None:
    (tmp_path / "refine.md").write_text("no front matter")
    for name in ("qwen", "qwen-local"):
        with pytest.raises(InputError, match=r"refine\.md cannot be used: line 1: "):
            planner_at(desk("http://127.0.0.1:1/v1", planner_prompts=str(tmp_path)), name)


def test_the_users_own_template_is_used_and_its_version_told(stub: Stub, tmp_path: Path) -> None:
    shipped = Path("prompts/temporal_polisher.md").read_text()
    (tmp_path / "temporal_polisher.md").write_text(
        shipped.replace("version = 1", "version = 7").replace("one real person", "one star")
    )
    plan = decoupled(stub, planner_prompts=str(tmp_path))
    assert plan.templates == {"temporal_polisher": 7, "spatial_parser": 1}
    assert "one star" in stub.bodies[0]["messages"][0]["content"]


class Worker:
    """A worker that answers as the desk hands calls on."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers, self.requests = list(answers), list[CompleteChat]()

    def __call__(self, request: Any, reply: Any) -> Any:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return ChatReply(text=answer, seconds=5.0)


def local(worker: Worker, **options: Any) -> Plan:
    made = Desk(PlannerOptions(**options), None, worker, threading.Event())
    return planner_at(made, "qwen-local").decouple(PROMPT, "woman", 1)


def test_a_model_in_a_worker_is_asked_the_same(stub: Stub) -> None:
    worker = Worker(*(json.dumps(ANSWERS[key]) for key in ("temporal_prompt", "environment")))
    plan = local(worker, planner_model="/models/qwen")
    decoupled(stub)
    assert (plan.planner, plan.spatial_prompt) == ("qwen", SPATIAL)
    assert [request.messages for request in worker.requests] == [body["messages"] for body in stub.bodies]
    assert {(request.model, request.backend.name) for request in worker.requests} == {("/models/qwen", "qwen")}
    assert [request.seconds for request in worker.requests] == [60, 55]


@pytest.mark.parametrize("error", [Unavailable("The weights are not here."), BackendError("The model failed.")])
def test_a_model_that_is_not_there_or_fails_is_an_outage(error: Exception) -> None:
    plan = local(Worker(error))
    assert plan.planner == f"rules ({str(error).rstrip('.')})"


def test_for_a_storage_that_is_away_the_job_waits_and_the_rules_do_not_plan() -> None:
    with pytest.raises(StorageAway):
        local(Worker(StorageAway("Nobody answers.")))


class Scripted:
    """A chat that says what it is told, whatever is asked; fields instead of a text change the good answer."""

    def __init__(self, *texts: str | Exception | dict[str, Any]) -> None:
        self._texts = texts
        self._asked = 0

    def complete(
        self, messages: Sequence[ChatMessage], schema: Mapping[str, Any], seed: int, seconds: float
    ) -> Completion:
        text = self._texts[self._asked % len(self._texts)]
        self._asked += 1
        if isinstance(text, Exception):
            raise text
        if isinstance(text, dict):
            body = {"messages": messages, "response_format": {"json_schema": {"schema": schema}}}
            text = json.dumps({**answer_to(body), **text})
        return Completion(text, 0.01)


words = st.sampled_from(
    ["A woman", "a woman", "A man", "walks", "smiles", "in an orange flight suit", "launch pad", "at dawn", "close-up",
     "wide shot", "shoes", "crowd", "Emma", "她走", "<b>", "then cut to", "naked", "facing the camera", ",", ".", '"',
     "7", "face", "fcsks", "\x00", "\ud800", "x" * 400, "her", "his"]
)  # fmt: skip
phrases = st.lists(words, max_size=14).map(" ".join)
values = st.one_of(phrases, st.lists(phrases, max_size=4), st.none(), st.integers())
objects = st.fixed_dictionaries(
    {},
    optional={
        "temporal_prompt": values,
        "spatial_prompt": values,
        "face": values,
        "clothing": values,
        "environment": values,
        "framing": st.one_of(values, st.sampled_from(["close-up", "wide shot"])),
        "move": st.one_of(values, st.just("reworded")),
        "changes": st.lists(
            st.sampled_from(["motion", "look", "settings", "seed", "undo", "question", "?"]), max_size=2
        ),
        "prompt": values,
        "settings": st.lists(st.fixed_dictionaries({"name": st.just("candidates"), "value": phrases}), max_size=2),
        "told": values,
        "question": st.one_of(values, st.just("")),
    },
)
texts = st.one_of(
    objects.map(json.dumps),
    st.text(),
    st.just('{"a":' * 3000),
    objects.map(lambda found: f"<think>{found}</think>{json.dumps(found)}"),
)
causes = st.sampled_from(get_args(Cause))
good = st.just(dict[str, Any]())
scripts = st.lists(st.one_of(good, objects, texts, good, st.just(CutOff("was cut off"))), min_size=1, max_size=4)


@settings(max_examples=200, deadline=None)
@given(scripts, st.sampled_from([PROMPT, "dance", "她在海边走"]), st.sampled_from(["woman", "man", "person"]), causes)
def test_whatever_comes_back_every_prompt_is_one_that_the_validators_take(
    script: list[Any], prompt: str, presentation: Any, cause: Cause
) -> None:
    asked = QwenPlanner("qwen", Scripted(*script), templates(None), 60, "keep")
    plan = asked.decouple(prompt, presentation, 1)
    by_model = not plan.planner.startswith("rules")
    english = read(prompt).english or by_model
    context = Context(
        prompt, presentation, english=english, loosened=frozenset({"framing"} if not read(prompt).english else ())
    )
    assert check_temporal(plan.temporal_prompt, context) == []
    assert check_spatial(plan.spatial_prompt, context) == []

    tried = [Tried(plan.spatial_prompt, 0.2, Diagnosis(cause, "…"))]
    revision = asked.revise(prompt, replace(plan, planner="qwen"), tried, presentation, 2)
    groups = frozenset({"framing", "clothes", "place"})
    again = replace(context, previous=(plan.spatial_prompt,), loosened=groups)
    assert check_spatial(revision.spatial_prompt, again) == []

    refinement = asked.refine("slower, and at night", prompt, plan, presentation, 3)
    assert refinement.changes
    assert refinement.told
    if refinement.planner.startswith("qwen") and refinement.changes & {"motion", "look"}:
        assert check_temporal(refinement.temporal_prompt, Context(refinement.prompt, presentation)) == []
    if refinement.planner.startswith("qwen") and "look" in refinement.changes:
        assert check_spatial(refinement.spatial_prompt, Context(refinement.prompt, presentation)) == []
