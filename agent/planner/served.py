"""A language model behind a server, through LangChain's chat models; by default any OpenAI-compatible server."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agent.planner.chat import Chat, Completion, CutOff, Outage, awaited, no_answer_in
from agent.planner.desk import Desk
from tools.contracts import ChatMessage
from tools.errors import Cancelled, InputError, Unavailable

if TYPE_CHECKING:
    import threading

    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

ANSWER_TOKENS = 2048
"""Room for the longest prompt that a user may write, told again."""

_PAUSES = (0.5, 8.0)
"""Seconds before the first and, doubling, the longest before a later try."""

_TRIES_REFUSED = 3
"""A server that takes no connections is not there; one that is busy will be."""

_BUSY = {429: "the server is busy (429)", 502: "the server's gateway failed (502)",
         503: "the server is overloaded (503)", 504: "the server's gateway timed out (504)"}  # fmt: skip
_REFUSED = {401: "the server refused the key (401)", 403: "the server refused the key (403)",
            404: "the server does not know the model or the path (404)"}  # fmt: skip
_TOO_MUCH = {400, 422}
"""What servers say to a field that they do not know, or to a schema that they cannot hold to."""

_CUT_OFF = "was cut off before its end: write less"

Connect = Callable[[], AbstractContextManager["BaseChatModel"]]
"""Opens a chat model; leaving it closes its connections, which ends a call that was given up."""


class Served:
    """Implements ``Chat``. A server that refuses what a plain request does not hold gets plain requests from then on.

    ``extras`` are the fields that go beyond a plain request, given the schema and the seed.
    """

    def __init__(
        self,
        connect: Connect,
        extras: Callable[[Mapping[str, Any], int], Mapping[str, Any]],
        cancelled: threading.Event,
    ) -> None:
        self._connect, self._extras, self._cancelled = connect, extras, cancelled
        self._plain = False

    def complete(
        self, messages: Sequence[ChatMessage], schema: Mapping[str, Any], seed: int, seconds: float
    ) -> Completion:
        begun = monotonic()
        said = self._patiently(messages, self._extras(schema, seed), seconds)
        if said.response_metadata.get("finish_reason") == "length":
            raise CutOff(_CUT_OFF)
        usage = getattr(said, "usage_metadata", None) or {}
        return Completion(str(said.text), monotonic() - begun, usage.get("input_tokens"), usage.get("output_tokens"))

    def _patiently(self, messages: Sequence[ChatMessage], extras: Mapping[str, Any], seconds: float) -> BaseMessage:
        """One reply; what may pass, such as a busy server, is tried again until the time is over."""
        until = monotonic() + seconds
        pause, longest = _PAUSES
        refused = 0
        while True:
            try:
                return self._once(messages, {} if self._plain else extras, until - monotonic())
            except Cancelled:
                raise
            except TimeoutError:
                raise no_answer_in(seconds) from None
            except Exception as error:
                status = getattr(error, "status_code", None)
                if status in _TOO_MUCH and not self._plain:
                    self._plain = True
                    continue
                refused += _is_refused(error)
                may_pass = status in _BUSY or 0 < refused < _TRIES_REFUSED
                if not may_pass or monotonic() + pause > until:
                    raise _failure(error, seconds) from None
            if self._cancelled.wait(pause * random.uniform(0.75, 1)):
                raise Cancelled("The job was cancelled.")
            pause = min(2 * pause, longest)

    def _once(self, messages: Sequence[ChatMessage], given: Mapping[str, Any], seconds: float) -> BaseMessage:
        turns = [dict(message) for message in messages]
        with self._connect() as model:

            def ask() -> BaseMessage:
                return model.invoke(turns, **given)

            return awaited(ask, seconds, self._cancelled)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_refused(error: Exception) -> bool:
    return any(isinstance(cause, ConnectionRefusedError) for cause in _causes(error))


def _failure(error: Exception, seconds: float) -> Outage | CutOff:
    """Why a call failed, in a few words that hold nothing of what the server or the address said."""
    if "Length" in type(error).__name__:
        return CutOff(_CUT_OFF)
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return Outage({**_BUSY, **_REFUSED}.get(status, f"the server refused the request ({status})"))
    names = {type(cause).__name__ for cause in _causes(error)}
    if _is_refused(error):
        return Outage("the server refused the connection")
    if any("Timeout" in name for name in names):
        return no_answer_in(seconds)
    if "gaierror" in names:
        return Outage("the server's name is unknown")
    if any("Connect" in name or "Protocol" in name or "ReadError" in name for name in names):
        return Outage("the connection to the server broke")
    return Outage(f"the server's reply could not be read ({type(error).__name__})")


def openai_compatible(desk: Desk) -> Chat:
    """The chat of the settings ``planner_url`` and ``planner_model``. Asks nothing yet.

    ``Unavailable`` where no URL is set or the client library is missing; ``InputError`` for what is no URL.
    """
    url = desk.options.planner_url
    if not url:
        raise Unavailable(
            "The planner qwen needs a server: set planner_url (STEADFACE_PLANNER_URL) to that of an OpenAI-compatible "
            "one, such as http://127.0.0.1:8000/v1, or start one with: steadface planner serve."
        )
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InputError(
            "The setting planner_url (STEADFACE_PLANNER_URL) is no web address; write it like http://127.0.0.1:8000/v1."
        )
    try:
        import langchain_openai  # noqa: F401 - takes over a second, and only this planner needs it
    except ModuleNotFoundError as error:
        raise Unavailable(
            f'The planner qwen needs the Python module "{error.name}", which is not installed; '
            "get it with: pip install 'steadface[qwen]'."
        ) from error
    return Served(lambda: _chat_openai(desk, url), _extras, desk.cancelled)


@contextmanager
def _chat_openai(desk: Desk, url: str) -> Iterator[BaseChatModel]:
    from langchain_openai import ChatOpenAI
    from openai import DefaultHttpxClient
    from pydantic import SecretStr

    with DefaultHttpxClient(timeout=desk.options.planner_timeout) as client:
        yield ChatOpenAI(
            model=desk.options.planner_model,
            base_url=url,
            # Never the client's own default, which is a key in the environment that is meant for another server.
            api_key=desk.api_key or SecretStr("none"),
            temperature=0.7,
            top_p=0.8,
            max_completion_tokens=ANSWER_TOKENS,
            timeout=desk.options.planner_timeout,
            max_retries=0,
            use_responses_api=False,
            http_client=client,
            openai_proxy=None,
        )


def _extras(schema: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Qwen3's sampling without thinking, as its authors recommend it, and JSON held to the schema."""
    return {
        "seed": seed % 2**31,
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}},
        "extra_body": {"top_k": 20, "min_p": 0, "chat_template_kwargs": {"enable_thinking": False}},
    }
