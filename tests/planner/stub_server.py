"""An OpenAI-compatible server on loopback that mimics vLLM 0.33 and misbehaves as it is told.

Each request is answered by the next reply of the script; when it is used up, by the model, which answers every
template well. A body that vLLM would refuse gets its 400, and is kept in ``refused``, which a test expects empty.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
Reply = Callable[["Talk", Body], None]

MODEL = "Qwen/Qwen3-8B"
TEMPORAL = (
    "A woman in an orange flight suit walks across the launch pad at dawn. "
    "Her eyes brighten, and a smile slowly spreads over her face."
)
ANSWERS: dict[str, Body] = {
    "temporal_prompt": {"reading": "a woman walks", "temporal_prompt": re.split(r"(?<=\.) ", TEMPORAL)},
    "environment": {
        "face": ["gentle smile"],
        "clothing": ["orange flight suit"],
        "environment": ["launch pad at dawn"],
        "framing": "close-up",
    },
    "spatial_prompt": {
        "reading": "nothing covers the face",
        "move": "face_camera",
        "spatial_prompt": "a woman, gentle smile, facing the camera, orange flight suit, launch pad at dawn, close-up",
    },
    "changes": {
        "reading": "slower",
        "changes": ["motion"],
        "prompt": "A woman in an orange flight suit walks slowly across the launch pad at dawn.",
        "settings": [],
        "told": "The walk is slower; the first frame is kept.",
        "question": "",
    },
}

_FIELDS = {
    "model": str, "messages": list, "temperature": (int, float), "top_p": (int, float), "top_k": int,
    "min_p": (int, float), "seed": int, "max_completion_tokens": int, "response_format": dict,
    "chat_template_kwargs": dict, "stream": bool, "n": int,
}  # fmt: skip


class Talk(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Stub

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)
        self.server.keys.append(self.headers.get("Authorization", ""))
        if self.path != "/v1/chat/completions":
            return self.send(404, {"detail": "Not Found"})
        fault = fault_of(body)
        if fault:
            self.server.refused.append(fault)
            return self.send(400, _error(400, fault, "BadRequestError"))
        with self.server.turn:
            reply = self.server.script.pop(0) if self.server.script else self.server.always
        reply(self, body)
        return None

    def send(self, status: int, content: Body | bytes, **headers: str) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.head(status, len(data), **headers)
        self.wfile.write(data)

    def head(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(length), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the overridden method
        """Nothing on standard error."""


class Stub(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.script: list[Reply] = []
        self.always: Reply = well
        self.bodies: list[Body] = []
        self.keys: list[str] = []
        self.refused: list[str] = []
        self.turn = threading.Lock()
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what some tests are about."""


@contextmanager
def serving() -> Iterator[Stub]:
    stub = Stub()
    threading.Thread(target=stub.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield stub
    finally:
        stub.over.set()
        stub.shutdown()
        stub.server_close()


def fault_of(body: Body) -> str | None:
    """Why vLLM would refuse a body, or ignore what it asks for; ``None`` where it takes all of it."""
    for name, value in body.items():
        if name not in _FIELDS:
            return f"unknown field {name}"
        if not isinstance(value, _FIELDS[name]):
            return f"{name} is no {_FIELDS[name]}"
    if body["model"] != MODEL:
        return f"The model `{body['model']}` does not exist."
    roles = [message["role"] for message in body["messages"]]
    if roles[0] != "system" or roles[-1] != "user" or "system" in roles[1:]:
        return f"roles {roles}"
    if not all(isinstance(message["content"], str) and message["content"] for message in body["messages"]):
        return "a message without content"
    if "response_format" in body:
        asked = body["response_format"]
        if asked["type"] != "json_schema" or not {"name", "schema"} <= set(asked["json_schema"]):
            return "response_format"
        text = json.dumps(asked["json_schema"]["schema"])
        if re.search(r"maxLength|minLength|uniqueItems|multipleOf|allOf", text):
            return "a keyword that leaves xgrammar"
        if any(int(most) > 128 for most in re.findall(r"\{\d+,(\d+)\}", text)):
            return "per_rule_fsm_hashes"
    return None


def _error(status: int, message: str, kind: str) -> Body:
    return {"error": {"message": message, "type": kind, "param": None, "code": status}}


def completion(text: str | None, finish: str = "stop", reasoning: str | None = None) -> Body:
    """A chat completion, field by field as vLLM sends it."""
    message = {
        "role": "assistant", "content": text, "refusal": None, "annotations": None, "audio": None,
        "function_call": None, "tool_calls": [], "reasoning": reasoning,
    }  # fmt: skip
    choice = {
        "index": 0, "message": message, "logprobs": None, "finish_reason": finish, "stop_reason": None,
        "token_ids": None, "routed_experts": None,
    }  # fmt: skip
    usage = {"prompt_tokens": 900, "total_tokens": 960, "completion_tokens": 60, "prompt_tokens_details": None}
    return {
        "id": "chatcmpl-0", "object": "chat.completion", "created": int(time.time()), "model": MODEL,
        "choices": [choice], "service_tier": None, "system_fingerprint": None, "usage": usage,
        "prompt_logprobs": None, "prompt_token_ids": None, "kv_transfer_params": None,
    }  # fmt: skip


def answer_to(body: Body) -> Body:
    """What a good model answers, found by the fields that the conversation or the schema names."""
    asked = json.dumps([body.get("response_format"), body["messages"][0], body["messages"][1]])
    schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema", {}).get("properties")
    named = (
        schema if schema else [name for name in ("changes", "environment", "move", "temporal_prompt") if name in asked]
    )
    return next(
        answer for key, answer in ANSWERS.items() if key in named or ("move" in named and key == "spatial_prompt")
    )


def well(talk: Talk, body: Body) -> None:
    talk.send(200, completion(json.dumps(answer_to(body))))


def say(text: str | None, finish: str = "stop", reasoning: str | None = None) -> Reply:
    return lambda talk, body: talk.send(200, completion(text, finish, reasoning))


def wrapped(before: str, after: str = "") -> Reply:
    """The good answer with other text round it."""
    return lambda talk, body: talk.send(200, completion(before + json.dumps(answer_to(body)) + after))


def fails(status: int, message: str = "no", **headers: str) -> Reply:
    return lambda talk, body: talk.send(status, _error(status, message, "Error"), **headers)


def refusing(status: int, *fields: str) -> Reply:
    """A server that knows only some of vLLM's fields, as ``transformers serve`` does."""

    def reply(talk: Talk, body: Body) -> None:
        unknown = [name for name in fields if name in body]
        talk.send(status, {"detail": f"Unexpected fields: {unknown}"}) if unknown else well(talk, body)

    return reply


def raw(data: bytes, **headers: str) -> Reply:
    return lambda talk, body: talk.send(200, data, **headers)


def stalls(talk: Talk, body: Body) -> None:
    """Takes the request and never answers."""
    talk.server.over.wait(30)
    talk.close_connection = True


def trickles(talk: Talk, body: Body) -> None:
    """A byte now and then, for ever: no single read waits long."""
    talk.head(200, 10**6)
    while not talk.server.over.wait(0.02):
        talk.wfile.write(b" ")
        talk.wfile.flush()


def hangs_up(talk: Talk, body: Body) -> None:
    talk.close_connection = True
    talk.connection.close()
