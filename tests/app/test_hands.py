"""A node takes windows off the board: none waits in vain, none stays in nobody's hands while the database fails."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
import sqlalchemy as sa

from service_app.database import connect, sqlite_url
from service_app.jobs.board import Board
from service_app.jobs.changes import Changes
from service_app.jobs.hands import Hands
from service_app.jobs.nodes import NodeStore
from service_app.jobs.pace import Pace
from service_app.jobs.presence import Presence
from service_app.jobs.recordings import Recordings
from service_app.jobs.runs import RunStore
from service_app.jobs.store import JobStore
from service_app.settings import Settings
from service_app.telemetry import Telemetry
from service_app.types import Job, JobState, Lane, Options, Plan, Window, WindowResult

from .timed_engine import TimedEngine

PLAIN = Options()
AWAY = sa.exc.OperationalError("", None, Exception("the server closed the connection"))


class AnswerLost(Board):
    """Its first claim is written, but nobody hears of it."""

    failed = False

    def claim(self, job_id: str, executor: str, most: int, nodes: int = 1) -> list[int]:
        positions = super().claim(job_id, executor, most, nodes)
        if not self.failed:
            self.failed = True
            raise AWAY
        return positions


class PlanUnread(RunStore):
    """The database goes between a claim and the question what to do with it."""

    failed = False

    def plan(self, job_id: str) -> Plan | None:
        if not self.failed:
            self.failed = True
            raise AWAY
        return super().plan(job_id)


class Slow(TimedEngine):
    """Nothing that it has in hand ends."""

    def decode(self, *_: object, **__: object) -> Future[WindowResult]:
        return Future()


@contextlib.contextmanager
def taken_up(
    folder: Path, board: type[Board], runs: type[RunStore], engine_type: type[TimedEngine] = TimedEngine, count: int = 5
) -> Iterator[tuple[Board, Callable[..., None]]]:
    """The windows of a running job, `job`, on the board, and the hands of its node at work; and how to begin another
    job with so many windows (and other options)."""
    database = connect(sqlite_url(folder / "jobs.sqlite"))
    jobs, nodes, store, places = JobStore(database), NodeStore(database), runs(database), board(database)
    recordings = Recordings(folder / "media", "n1", None)
    recordings.open()
    engine = engine_type(Settings.from_environment({"WHISPER_DATA_DIR": str(folder)}))
    presence = Presence(
        nodes,
        executor="n1#1",
        name="n1",
        home="home",
        seconds=15,
        shared=False,
        figures=lambda: (1, None),
        idle=str,
        owners=set,
        recover=lambda _: None,
        lost=lambda: None,
        tell=lambda: None,
        tidy=lambda: None,
    )
    presence.register()

    def begin(name: str, count: int, options: Options = PLAIN) -> None:
        windows = tuple(Window(n, 10.0 * n, 10.0 * n + 10) for n in range(count))
        jobs.add(Job(name, "ann", "a.wav", JobState.QUEUED, options, Lane.API, time.time()))
        recordings.media(name).parent.mkdir(parents=True)
        recordings.media(name).write_text(f"SPEECH {count} 0.01")
        assert store.claim(name, "n1#1")
        assert store.running(name, "n1#1", time.time())
        store.save_plan(name, "n1#1", Plan(10.0 * count, 10.0 * count, "en", 1.0, windows), time.time())
        places.post(name, "n1#1", windows, time.time(), chain=options.condition_on_previous_text)

    begin("job", count)
    hands = Hands(
        places,
        store,
        engine,
        presence=presence,
        recordings=recordings,
        changes=Changes(lambda _: None),
        pace=Pace(),
        telemetry=Telemetry(),
        fail=lambda place, failure: pytest.fail(f"{place}: {failure}"),
    )
    hands.start()
    try:
        yield places, begin
    finally:
        hands.stop()
        engine.stop()
        recordings.close()
        database.dispose()


@pytest.mark.parametrize(("board", "runs"), [(AnswerLost, RunStore), (Board, PlanUnread)])
def test_what_was_claimed_while_the_database_went_is_decoded(
    tmp_path: Path, board: type[Board], runs: type[RunStore]
) -> None:
    with taken_up(tmp_path, board, runs) as (places, _):
        wait_until(lambda: places.left("job") == 0)
    assert sorted((tmp_path / "decoded.txt").read_text().split()[1::2]) == ["0", "1", "2", "3", "4"]


def test_a_recording_that_begins_does_not_wait_for_windows_of_a_long_one_to_land(tmp_path: Path) -> None:
    """The engine would serve it next, if it knew of it."""

    def taken(places: Board, name: str) -> int:
        return sum(job == name for job, _ in places.held("n1#1"))

    with taken_up(tmp_path, Board, RunStore, Slow, count=100) as (places, begin):
        wait_until(lambda: taken(places, "job") == 32)
        begin("short", 1)
        wait_until(lambda: taken(places, "short") == 1)
        assert taken(places, "job") == 32


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
