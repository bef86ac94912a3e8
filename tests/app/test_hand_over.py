"""A node that hands over is still asked: what it has begun to answer it answers."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from service_app.jobs import queue
from service_app.types import Lane


class Nothing:
    """Work of which nothing is left to do."""

    def await_room(self, job_id: str, stop: threading.Event) -> None: ...

    def begin(self, job_id: str, stop: threading.Event) -> bool:
        return False

    def left(self, job_id: str) -> None: ...


def test_a_job_that_is_being_taken_in_is_queued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its caller got a 500 when the node closed its queue between the question whether it is open and the job."""
    durable = queue.DurableQueue(tmp_path)
    durable.start(Nothing())  # type: ignore[arg-type]
    asked, enough = threading.Event(), threading.Event()
    start = queue.DBOS.start_workflow

    def slowly(*arguments: Any) -> Any:
        asked.set()
        enough.wait(10)
        return start(*arguments)

    monkeypatch.setattr(queue.DBOS, "start_workflow", slowly)
    try:
        with ThreadPoolExecutor() as threads:
            taking = threads.submit(durable.submit, "job", Lane.API)
            assert asked.wait(10)
            leaving = threads.submit(durable.hand_over)
            assert not durable._closed.wait(0.5)
            enough.set()
            taking.result(10)
            leaving.result(10)
        assert durable._closed.is_set()
        durable.submit("another", Lane.API)  # left to the others
    finally:
        durable.stop()
