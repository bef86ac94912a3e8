"""A node takes windows off the board while its database fails: none of them may stay in nobody's hands."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
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
from service_app.types import Job, JobState, Lane, Options, Plan, Window

from .timed_engine import TimedEngine

WINDOWS = tuple(Window(n, 10.0 * n, 10.0 * n + 10) for n in range(5))
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


@contextlib.contextmanager
def taken_up(folder: Path, board: type[Board], runs: type[RunStore]) -> Iterator[Board]:
    """A running job's windows on the board, and the hands of its node at work."""
    database = connect(sqlite_url(folder / "jobs.sqlite"))
    jobs, nodes, store, places = JobStore(database), NodeStore(database), runs(database), board(database)
    recordings = Recordings(folder / "media", "n1", None)
    recordings.open()
    engine = TimedEngine(Settings.from_environment({"WHISPER_DATA_DIR": str(folder)}))
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
    jobs.add(Job("job", "ann", "a.wav", JobState.QUEUED, Options(), Lane.API, time.time()))
    recordings.media("job").parent.mkdir(parents=True)
    recordings.media("job").write_text("SPEECH 5 0.01")
    assert store.claim("job", "n1#1")
    assert store.running("job", "n1#1", time.time())
    store.save_plan("job", "n1#1", Plan(50.0, 50.0, "en", 1.0, WINDOWS))
    places.post("job", WINDOWS)
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
        yield places
    finally:
        hands.stop()
        engine.stop()
        recordings.close()
        database.dispose()


@pytest.mark.parametrize(("board", "runs"), [(AnswerLost, RunStore), (Board, PlanUnread)])
def test_what_was_claimed_while_the_database_went_is_decoded(
    tmp_path: Path, board: type[Board], runs: type[RunStore]
) -> None:
    with taken_up(tmp_path, board, runs) as places:
        end = time.monotonic() + 30
        while places.left("job"):
            assert time.monotonic() < end, places.held("n1#1")
            time.sleep(0.02)
    assert sorted((tmp_path / "decoded.txt").read_text().split()[1::2]) == ["0", "1", "2", "3", "4"]
