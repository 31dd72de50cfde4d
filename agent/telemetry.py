"""Spans of OpenTelemetry: a job, its nodes, and their calls to workers.

Names and attributes are those of its conventions for generative AI, as far as there are some. No prompt, path, photo or
person is in them. Where no SDK was set up a span is nothing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import Span, StatusCode

if TYPE_CHECKING:
    from agent.state import Attempt
    from agent.store import JobRow

log = logging.getLogger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

tracer = trace.get_tracer("steadface")


def begin() -> None:
    """Send the spans of this process where the variables of OpenTelemetry say, if they say so."""
    named = next((variable for variable in _ENDPOINTS if os.environ.get(variable)), None)
    if named is None or not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("%s is set, but spans cannot be sent: pip install 'steadface[otel]'", named)
        return
    name = os.environ.get("OTEL_SERVICE_NAME", "steadface")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def flush() -> None:
    """Send what is left: a server that is told to stop does not wait for the end of the interpreter."""
    send = getattr(trace.get_tracer_provider(), "force_flush", None)
    if send is not None:
        send(2000)


def new_request_id() -> str:
    """The id of the current trace, so that logs lead to spans; a new one where nothing is traced."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else token_hex(8)


@contextmanager
def span(name: str, attributes: Mapping[str, str | int]) -> Iterator[Span]:
    """A failure is told by the name of its class alone: its text may hold paths and prompts."""
    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except Exception as error:
            if not _is_interruption(error):
                _fail(current, type(error).__name__)
            raise


@contextmanager
def job_span(row: JobRow) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """One run of a job; what it gives is told the columns that are written at its end."""
    about = {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.conversation.id": row.id,
        "steadface.preset": row.recipe["preset"],
        "steadface.request_id": row.request_id or "",
    }
    with span("invoke_workflow steadface", about) as current:

        def tell(ended: Mapping[str, Any]) -> None:
            current.set_attribute("steadface.status", ended["status"])
            if ended.get("error"):
                _fail(current, ended["error"]["kind"])

        yield tell


def _fail(current: Span, kind: str) -> None:
    current.set_attribute("error.type", kind)
    current.set_status(StatusCode.ERROR)


def _is_interruption(error: Exception) -> bool:
    from agent.errors import LeaseLost
    from tools.errors import Cancelled
    from tools.pools import Closed  # with what it stands on too much for a server that starts

    return isinstance(error, Cancelled | Closed | LeaseLost)


def tell_scores(attempt: Attempt, recogniser: str) -> None:
    """Each candidate of an attempt as an event of the current span."""
    current = trace.get_current_span()
    current.set_attribute("steadface.attempt", attempt["number"])
    for candidate in attempt["candidates"]:
        similarity = candidate["score"]["similarity"]
        current.add_event(
            "gen_ai.evaluation.result",
            {
                "gen_ai.evaluation.name": f"identity similarity ({recogniser})",
                "gen_ai.evaluation.score.label": "passed" if candidate["passed"] else "failed",
                **({} if similarity is None else {"gen_ai.evaluation.score.value": similarity}),
            },
        )
