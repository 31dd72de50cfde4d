"""Spans: what is told of a job, what never is, and that nothing happens where nobody asked for them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from agent import telemetry
from agent.intent import prepare
from agent.jobs import JobEngine
from agent.views import JobView

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "tracer", provider.get_tracer("steadface"))
    yield exporter
    provider.shutdown()


def run(engine: JobEngine, prompt: str) -> JobView:
    settings, said = engine.settings, "stated by the user"
    asked = prepare(settings, prompt=prompt, consent="synthetic", source=said, seed=7, out=None, face=None)
    job_id = engine.submit(asked.with_photos(engine.artifacts, [PHOTO]), settings.recipe())
    return engine.wait(job_id, 60)


def named(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def test_a_job_holds_its_nodes_and_a_node_its_calls(shared_engine: JobEngine, exported: InMemorySpanExporter) -> None:
    view = run(shared_engine, "similarity=0.2 then similarity=0.9")
    [job] = named(exported, "invoke_workflow steadface")
    assert job.attributes["gen_ai.conversation.id"] == view.job_id
    assert job.attributes["steadface.status"] == "completed"
    assert job.attributes["steadface.request_id"]
    painted = named(exported, "generate_first_frames")
    assert [span.attributes["steadface.attempts_before"] for span in painted] == [0, 1, 2]
    assert {span.parent.span_id for span in painted} == {job.context.span_id}
    calls = named(exported, "execute_tool paint_first_frames")
    assert [call.parent.span_id for call in calls] == [span.context.span_id for span in painted]


def test_each_attempt_tells_what_was_measured_and_whether_it_passed(
    shared_engine: JobEngine, exported: InMemorySpanExporter
) -> None:
    run(shared_engine, "faces=0 then similarity=0.9")
    first, second = named(exported, "score_first_frames")
    assert [first.attributes["steadface.attempt"], second.attributes["steadface.attempt"]] == [1, 2]
    assert {event.attributes["gen_ai.evaluation.score.label"] for event in first.events} == {"failed"}
    [score] = {event.attributes["gen_ai.evaluation.score.value"] for event in second.events}
    assert score == pytest.approx(0.9, abs=0.01)
    assert second.events[0].attributes["gen_ai.evaluation.name"] == "identity similarity (instant recogniser)"


def test_a_failure_is_told_by_its_kind_wherever_it_passed(
    shared_engine: JobEngine, exported: InMemorySpanExporter
) -> None:
    assert run(shared_engine, "similarity=0.9 defect").status == "failed"
    for name in ("execute_tool animate", "animate", "invoke_workflow steadface"):
        [span] = named(exported, name)
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes["error.type"] == "BackendError"


def test_no_span_holds_a_prompt_a_path_or_a_photo(
    shared_engine: JobEngine, shared_folder: Path, exported: InMemorySpanExporter
) -> None:
    run(shared_engine, "similarity=0.9 defect in Timbuktu")
    spans = exported.get_finished_spans()
    assert len(spans) > 8
    told = " ".join(span.to_json() for span in spans)
    assert not [word for word in ("Timbuktu", str(shared_folder), "astronaut", "Traceback") if word in told]


class _Collector(BaseHTTPRequestHandler):
    bodies: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        self.bodies.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def python(code: str, before: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """A process of its own that begins and flushes spans, since what receives them is set once a process."""
    lines = ["from agent import jobs, telemetry as t", before, "t.begin()", code, "t.flush()"]
    environment = {**os.environ, **variables}
    return subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], env=environment, capture_output=True, text=True, timeout=50
    )


def test_spans_go_where_the_variables_of_opentelemetry_say() -> None:
    collector = type("Collector", (_Collector,), {"bodies": []})
    with HTTPServer(("127.0.0.1", 0), collector) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        done = python(
            "with t.span('animate', {}): pass",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.server_port}",
        )
        server.shutdown()
    assert done.returncode == 0, done.stderr
    [(path, body)] = collector.bodies
    assert path == "/v1/traces"
    assert b"animate" in body
    assert b"steadface" in body


def test_without_those_variables_nothing_is_imported_for_them() -> None:
    done = python(
        "import sys; print(sorted(set(sys.modules) - before))", before="import sys; before = set(sys.modules)"
    )
    assert (done.stdout, done.returncode) == ("[]\n", 0)


def test_where_the_sdk_is_missing_it_is_said_how_to_get_it() -> None:
    away = "import sys; sys.modules['opentelemetry.sdk.trace'] = None"
    done = python("", before=away, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 0
    assert "OTEL_EXPORTER_OTLP_ENDPOINT is set, but spans cannot be sent: pip install 'steadface[otel]'" in done.stderr


def test_a_request_has_the_id_of_its_trace(exported: InMemorySpanExporter) -> None:
    with telemetry.span("a call", {}) as current:
        assert int(telemetry.new_request_id(), 16) == current.get_span_context().trace_id
    assert telemetry.new_request_id() != telemetry.new_request_id()
