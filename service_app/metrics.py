"""Figures of the running process in Prometheus' text format 0.0.4. Labels are routes, states, lanes, engines and
models; never users or files."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from .types import Job

_REQUEST_SECONDS: Final = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
_JOB_SECONDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
_SPEEDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)
Labels = tuple[tuple[str, str], ...]


class Counter:
    def __init__(self, name: str, help_text: str) -> None:
        self.name, self._help = name, help_text
        self._values: dict[Labels, float] = {}

    def add(self, amount: float = 1.0, **labels: str) -> None:
        key = tuple(sorted(labels.items()))
        self._values[key] = self._values.get(key, 0.0) + amount

    def lines(self) -> Iterator[str]:
        yield from _head(self.name, self._help, "counter")
        for labels, value in sorted(self._values.items()):
            yield f"{self.name}{shown(labels)} {value:g}"


class Histogram:
    def __init__(self, name: str, help_text: str, bounds: tuple[float, ...]) -> None:
        self.name, self._help, self._bounds = name, help_text, bounds
        self._values: dict[Labels, tuple[list[int], float]] = {}

    def observe(self, value: float, **labels: str) -> None:
        key = tuple(sorted(labels.items()))
        counts, total = self._values.get(key, ([0] * (len(self._bounds) + 1), 0.0))
        counts[bisect.bisect_left(self._bounds, value)] += 1
        self._values[key] = counts, total + value

    def lines(self) -> Iterator[str]:
        yield from _head(self.name, self._help, "histogram")
        for labels, (counts, total) in sorted(self._values.items()):
            seen = 0
            for bound, count in zip((*self._bounds, None), counts, strict=True):
                seen += count
                edge = "+Inf" if bound is None else f"{bound:g}"
                yield f"{self.name}_bucket{shown((*labels, ('le', edge)))} {seen}"
            yield f"{self.name}_sum{shown(labels)} {total:.6g}"
            yield f"{self.name}_count{shown(labels)} {seen}"


class Metrics:
    """What happened since the process started. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = Counter("whisper_http_requests_total", "Answers by route, method and status.")
        self._latency = Histogram("whisper_http_request_seconds", "Time to the end of an answer.", _REQUEST_SECONDS)
        self._jobs = Counter("whisper_jobs_ended_total", "Ended jobs by state, lane, engine and model.")
        self._errors = Counter("whisper_job_failures_total", "Failed jobs by the failure's code.")
        self._audio = Counter("whisper_audio_seconds_total", "Seconds of recording of finished jobs.")
        self._waited = Histogram("whisper_job_wait_seconds", "From acceptance to start.", _JOB_SECONDS)
        self._took = Histogram("whisper_job_seconds", "From acceptance to the text.", _JOB_SECONDS)
        self._speed = Histogram("whisper_job_speed", "Seconds of recording a second of work on a job.", _SPEEDS)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        with self._lock:
            self._requests.add(route=route, method=method, status=str(status))
            self._latency.observe(seconds, route=route)

    def job(self, job: Job, engine: str, model: str) -> None:
        """A job has ended."""
        labels = {"lane": job.lane.value, "engine": engine, "model": model}
        with self._lock:
            self._jobs.add(1.0, state=job.state.value, **labels)
            if job.failure is not None:
                self._errors.add(code=job.failure.code)
            if job.started is None or job.finished is None:
                return
            self._waited.observe(job.started - job.created, **labels)
            if job.state.value == "done":
                self._took.observe(job.finished - job.created, **labels)
                self._audio.add(job.duration or 0.0, engine=engine, model=model)
                if job.duration:
                    self._speed.observe(job.duration / max(1e-3, job.finished - job.started), **labels)

    def text(self, gauges: Iterable[str]) -> str:
        """Everything, with `gauges` (lines from `gauge`) first."""
        with self._lock:
            parts = (
                self._requests, self._latency, self._jobs, self._errors, self._audio, self._waited, self._took,
                self._speed,
            )  # fmt: skip
            return "\n".join([*gauges, *(line for part in parts for line in part.lines())]) + "\n"


def gauge(name: str, help_text: str, values: Mapping[Labels, float], *, kind: str = "gauge") -> Iterator[str]:
    """What is read at the moment; `kind` "counter" for what only grows."""
    yield from _head(name, help_text, kind)
    for labels, value in values.items():
        yield f"{name}{shown(labels)} {value:g}"


def shown(labels: Labels) -> str:
    if not labels:
        return ""
    escaped = ((name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for name, value in labels)
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}"


def _head(name: str, help_text: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {help_text}"
    yield f"# TYPE {name} {kind}"
