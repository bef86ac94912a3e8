"""OpenTelemetry, for those who collect it: off unless the environment names a collector (`OTEL_EXPORTER_OTLP_ENDPOINT`
and its kin, https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).

    POST /v1/audio/transcriptions      the request, below the caller's own trace (`traceparent`)
    └── job                            from its acceptance to its end, also after the request has left
        ├── plan                       opening the file, finding speech
        └── window                     one for each, from its way to the engine until its text is there

Attributes are routes, ids, numbers and the names of engines and models: never users, text, file names, addresses or
secrets. A restart ends what is open; a job that goes on afterwards begins a trace of its own. On a cluster each node
tells what it did for a job; of the job's end the node tells where it ended.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from . import __version__
from .types import Job

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span
    from starlette.types import Scope

_ENDPOINTS: Final = tuple(f"OTEL_EXPORTER_OTLP_{kind}ENDPOINT" for kind in ("", "TRACES_", "METRICS_"))
_MOST_OPEN: Final = 4096  # jobs
_QUIET: Final = ("/healthz", "/readyz", "/metrics")
_log = logging.getLogger(__name__)


class Telemetry:
    """Tells nobody. Thread-safe, as what is made of it."""

    @contextlib.contextmanager
    def request(self, scope: Scope) -> Iterator[dict[str, Any]]:
        """Around one request; the caller puts `http.route` and `http.response.status_code` into what it gets."""
        yield {}

    def accepted(self, job: Job) -> None:
        """Called in the request that brought the job."""

    @contextlib.contextmanager
    def stage(self, job: Job, name: str) -> Iterator[None]:
        yield

    def window(self, job: Job, index: int, began: int) -> None:
        """A window's text has come; `began` (`time.time_ns()`) is when the engine was asked for it."""

    def ended(self, job: Job, engine: str, model: str) -> None: ...

    def close(self) -> None:
        """Sends what is left. Blocking, for as long as the collector takes."""


def from_environment(environment: Mapping[str, str]) -> Telemetry:
    """By the standard variables; a missing package is a warning, not a reason to stand still."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or not any(map(environment.get, _ENDPOINTS)):
        return Telemetry()
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        _log.warning("OTEL_EXPORTER_OTLP_ENDPOINT is set, but the extra `otel` is not installed: nothing is collected")
        return Telemetry()
    wanted = {kind: environment.get(f"OTEL_{kind}_EXPORTER", "otlp") != "none" for kind in ("TRACES", "METRICS")}
    return OpenTelemetry(
        [BatchSpanProcessor(OTLPSpanExporter())] if wanted["TRACES"] else [],
        [PeriodicExportingMetricReader(OTLPMetricExporter())] if wanted["METRICS"] else [],
    )


class OpenTelemetry(Telemetry):
    def __init__(self, spans: Iterable[SpanProcessor], metrics: Iterable[MetricReader]) -> None:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider

        resource = Resource({"service.name": "whisper", "service.version": __version__}).merge(Resource.create())
        self._spans = TracerProvider(resource=resource, shutdown_on_exit=False)
        for processor in spans:
            self._spans.add_span_processor(processor)
        self._tracer = self._spans.get_tracer("whisper")
        self._metrics = MeterProvider(list(metrics), resource, shutdown_on_exit=False)
        meter = self._metrics.get_meter("whisper")
        self._latency = meter.create_histogram("http.server.request.duration", "s", "Time to the end of an answer.")
        self._ended = meter.create_counter("whisper.jobs", "{job}", "Ended jobs.")
        self._audio = meter.create_counter("whisper.audio", "s", "Recordings of finished jobs.")
        self._waited = meter.create_histogram("whisper.job.wait", "s", "From acceptance to start.")
        self._took = meter.create_histogram("whisper.job.duration", "s", "From acceptance to the text.")
        self._lock = threading.Lock()
        self._jobs: dict[str, Span] = {}

    @contextlib.contextmanager
    def request(self, scope: Scope) -> Iterator[dict[str, Any]]:
        from opentelemetry import propagate, trace

        if scope["path"] in _QUIET:
            yield {}
            return
        told: dict[str, Any] = {"http.request.method": scope["method"]}
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        span = self._tracer.start_span("request", propagate.extract(carrier), trace.SpanKind.SERVER)
        began = time.perf_counter()
        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                yield told
        finally:
            status = told.get("http.response.status_code", 500)
            span.update_name(f"{scope['method']} {told.get('http.route', 'other')}")
            span.set_attributes(told)
            if status >= 500:
                span.set_status(trace.StatusCode.ERROR)
            span.end()
            self._latency.record(time.perf_counter() - began, told)

    def accepted(self, job: Job) -> None:
        self._job(job)

    def _job(self, job: Job) -> Span:
        """The job's open span; after a restart a new one."""
        with self._lock:
            span = self._jobs.get(job.id)
            if span is None:
                attributes = {"job.id": job.id, "job.lane": job.lane.value, "job.task": job.options.task}
                span = self._jobs[job.id] = self._tracer.start_span("job", attributes=attributes)
            # Nobody tells here of a job that ends at another node.
            oldest = self._jobs.pop(next(iter(self._jobs))) if len(self._jobs) > _MOST_OPEN else None
        if oldest is not None:
            oldest.set_attribute("job.state", "elsewhere")
            oldest.end()
        return span

    def _below(self, job: Job) -> Context:
        from opentelemetry import trace

        return trace.set_span_in_context(self._job(job))

    @contextlib.contextmanager
    def stage(self, job: Job, name: str) -> Iterator[None]:
        span = self._tracer.start_span(name, self._below(job))
        try:
            yield
        finally:
            span.end()

    def window(self, job: Job, index: int, began: int) -> None:
        self._tracer.start_span("window", self._below(job), attributes={"window.index": index}, start_time=began).end()

    def ended(self, job: Job, engine: str, model: str) -> None:
        from opentelemetry import trace

        with self._lock:
            span = self._jobs.pop(job.id, None)
        kind = {"job.lane": job.lane.value, "engine": engine, "model": model}
        if span is not None:
            span.set_attributes({**kind, "job.state": job.state.value, "job.audio.seconds": job.duration or 0.0})
            if job.failure is not None:
                span.set_attribute("error.type", job.failure.code)
                span.set_status(trace.StatusCode.ERROR)
            span.end()
        self._ended.add(1, {**kind, "job.state": job.state.value})
        if job.started is not None and job.finished is not None:
            self._waited.record(job.started - job.created, kind)
            if job.state.value == "done":
                self._took.record(job.finished - job.created, kind)
                self._audio.add(job.duration or 0.0, kind)

    def close(self) -> None:
        with self._lock:
            left, self._jobs = list(self._jobs.values()), {}
        for span in left:
            span.set_attribute("job.state", "interrupted")
            span.end()
        self._spans.shutdown()
        self._metrics.shutdown()
