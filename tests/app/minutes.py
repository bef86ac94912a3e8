"""A key's day, asked for by many at once, at several nodes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from service_app.auth.keys import ApiKey
from service_app.errors import Busy
from service_app.jobs.nodes import NodeStore
from service_app.jobs.runs import RunStore
from service_app.jobs.store import JobStore
from service_app.types import Job, JobState, Lane, Options, Plan, Window

from .conftest import USER

KEY = ApiKey("k", "a minute", USER, 0.0, None, None, daily_minutes=1)
NODE = "minutes"


def given_once(engines: list[sa.Engine]) -> None:
    """Thirty jobs at once, 12 s each by their size: five fit into the minute. Each of them turns out to last 40 s: the
    second goes over the minute, and nothing after it is decoded."""
    stores, runs = [JobStore(engine) for engine in engines], [RunStore(engine) for engine in engines]
    NodeStore(engines[0]).register(NODE, NODE, NODE)

    def taken_in(number: int) -> bool:
        job = Job(f"job{number}", USER, "a.wav", JobState.QUEUED, Options(), Lane.BULK, time.time(), size=192_000)
        return _fits(lambda: stores[number % len(stores)].add(job, key=KEY, room=lambda _: None))

    accepted = _at_once(taken_in, range(30))
    assert len(accepted) == 5
    for number in accepted:
        assert runs[0].claim(f"job{number}", NODE) and runs[0].running(f"job{number}", NODE, time.time())
    plan = Plan(40.0, 40.0, "en", 1.0, (Window(0, 0.0, 40.0),))
    settled = _at_once(
        lambda number: _fits(lambda: runs[number % len(runs)].save_plan(f"job{number}", NODE, plan, time.time())),
        accepted,
    )
    assert len(settled) == 2
    for number in accepted:
        assert (runs[0].plan(f"job{number}") is not None) == (number in settled)


def _at_once(does: Callable[[int], bool], numbers: Iterable[int]) -> list[int]:
    """Of these numbers, the ones that did."""
    asked = list(numbers)
    with ThreadPoolExecutor(12) as threads:
        return [number for number, did in zip(asked, threads.map(does, asked), strict=True) if did]


def _fits(write: Callable[[], object]) -> bool:
    try:
        write()
    except Busy as refused:
        assert refused.code == "daily_minutes_used"
        return False
    return True
