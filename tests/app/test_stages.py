"""A stage that fails for no reason that anybody expected is tried again; one that is stopped is not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from service_app.jobs import queue
from service_app.jobs.work import Stopped


class Failing:
    """Work whose stage fails so many times."""

    def __init__(self, times: int, error: type[Exception]) -> None:
        self.left = times
        self.error = error

    def stage(self, name: str, job_id: str, stop: threading.Event) -> bool:
        if self.left:
            self.left -= 1
            raise self.error
        return True


@pytest.fixture
def durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[queue.DurableQueue]:
    monkeypatch.setattr(queue, "_STAGE_AGAIN_SECONDS", (0.0, 0.0))
    made = queue.DurableQueue(tmp_path)
    yield made
    made.stop()


def _run(durable: queue.DurableQueue, work: Failing) -> bool:
    durable.work = work  # type: ignore[assignment]
    return durable._run_stage("plan", "job", threading.Event())


def test_the_third_try_may_be_the_one(durable: queue.DurableQueue) -> None:
    assert _run(durable, Failing(2, RuntimeError))
    last = Failing(4, RuntimeError)
    with pytest.raises(RuntimeError):
        _run(durable, last)
    assert last.left == 1


def test_a_stop_is_no_failure(durable: queue.DurableQueue) -> None:
    stopped = Failing(2, Stopped)
    with pytest.raises(Stopped):
        _run(durable, stopped)
    assert stopped.left == 1
