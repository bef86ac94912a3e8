"""Traces and metrics as a collector on this machine receives them; nothing by default."""

from __future__ import annotations

import gzip
import http.server
import signal
import threading
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from service_app.telemetry import OpenTelemetry, Telemetry, from_environment
from service_app.types import Job, JobState, Lane, Options

from .conftest import NewServer, create, ended

CALLER = "0af7651916cd43dd8448eb211c80319c"


class _Collector(http.server.BaseHTTPRequestHandler):
    got: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.append((self.path, gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    _Collector.got = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Collector) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web.server_address[1]}", _Collector.got
        web.shutdown()


def test_a_request_its_job_and_its_windows_are_one_trace(
    new_server: NewServer, collector: tuple[str, list[tuple[str, bytes]]]
) -> None:
    address, got = collector
    server = new_server(WHISPER_CANARY_MINUTES="0", OTEL_EXPORTER_OTLP_ENDPOINT=address, OTEL_SERVICE_NAME="w").start()
    with server.program() as client:
        ended(client, create(client, "SPEECH 3 0.01", "secret-name.wav", prompt="secret-prompt"))
        ended(client, create(client, "this is no audio", "secret-name.wav"))
        client.get("/api/jobs?search=secret-query")
        traced = client.post(
            "/v1/audio/transcriptions",
            files={"file": ("secret-name.wav", b"SPEECH 2 0.01")},
            headers={"traceparent": f"00-{CALLER}-b7ad6b7169203331-01"},
        )
        assert traced.status_code == 200
        open_still = create(client, "SPEECH 500 0.1")
    server.end(signal.SIGTERM)
    messages = [ExportTraceServiceRequest.FromString(body) for path, body in got if path == "/v1/traces"]
    resources = [each for message in messages for each in message.resource_spans]
    assert {("service.name", "w")} <= {(a.key, a.value.string_value) for r in resources for a in r.resource.attributes}
    spans = [span for each in resources for scope in each.scope_spans for span in scope.spans]
    facts = {
        span.span_id: {a.key: a.value.string_value or a.value.int_value for a in span.attributes} for span in spans
    }
    calls = [span for span in spans if span.trace_id.hex() == CALLER]
    (request,) = (span for span in calls if span.name == "POST /v1/audio/transcriptions")
    (job,) = (span for span in calls if span.name == "job")
    assert request.parent_span_id.hex() == "b7ad6b7169203331"
    assert job.parent_span_id == request.span_id
    assert facts[job.span_id]["job.state"] == "done"
    assert facts[request.span_id]["http.response.status_code"] == 200
    below = sorted(span.name for span in calls if span.parent_span_id == job.span_id)
    assert below == ["plan", "window", "window"]
    for span in calls:
        assert span.start_time_unix_nano <= span.end_time_unix_nano
    states = {str(fact["job.id"]): fact["job.state"] for fact in facts.values() if "job.state" in fact}
    assert sorted(states.values()) == ["done", "done", "failed", "interrupted"]
    assert states[open_still] == "interrupted"
    reports = [ExportMetricsServiceRequest.FromString(body) for path, body in got if path == "/v1/metrics"]
    names = {m.name for r in reports for each in r.resource_metrics for s in each.scope_metrics for m in s.metrics}
    assert names >= {"http.server.request.duration", "whisper.jobs", "whisper.audio", "whisper.job.wait"}
    for private in (b"secret", b"window 0", b"Correct-horse", b"ann", b"127.0.0.1"):
        assert not [path for path, body in got if private in body], private


def test_jobs_that_end_at_other_nodes_are_not_kept_for_ever() -> None:
    told = InMemorySpanExporter()
    telemetry = OpenTelemetry([SimpleSpanProcessor(told)], [])
    for number in range(5000):
        telemetry.accepted(Job(str(number), "ann", "a", JobState.QUEUED, Options(), Lane.BULK, created=0.0))
    ended_spans = [dict(span.attributes or {}) for span in told.get_finished_spans()]
    states = {span["job.id"]: span["job.state"] for span in ended_spans}
    assert 500 < len(states) < 1000
    assert set(states.values()) == {"elsewhere"}
    assert "0" in states
    assert "4999" not in states


def test_it_is_off_by_default() -> None:
    for environment in (
        {},
        {"OTEL_SERVICE_NAME": "w"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "TRUE"},
    ):
        assert type(from_environment(environment)) is Telemetry


def test_each_kind_can_be_left_out() -> None:
    made = from_environment(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_METRICS_EXPORTER": "none",
        }
    )
    assert isinstance(made, OpenTelemetry)
    made.close()


def test_a_collector_that_is_away_disturbs_nothing(new_server: NewServer) -> None:
    server = new_server(WHISPER_CANARY_MINUTES="0", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1").start()
    with server.program() as client:
        assert ended(client, create(client, "SPEECH 1 0.01"))["state"] == "done"
    assert server.end(signal.SIGTERM) == -signal.SIGTERM
