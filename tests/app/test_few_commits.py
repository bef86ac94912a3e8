"""What a job costs the database: each commit waits for the disk, each look takes a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from service_app.database import connect, sqlite_url
from service_app.jobs.board import Board
from service_app.jobs.changes import END, Changes
from service_app.jobs.nodes import NodeStore
from service_app.jobs.runs import RunStore
from service_app.jobs.store import JobStore
from service_app.types import Job, JobState, Lane, Options, Plan, Segment, Window, WindowResult

WINDOWS = tuple(Window(n, 10.0 * n, 10.0 * n + 10) for n in range(3))
PLAN = Plan(30.0, 30.0, "en", 1.0, WINDOWS)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sa.Engine]:
    made = connect(sqlite_url(tmp_path / "jobs.sqlite"))
    yield made
    made.dispose()


def test_each_part_of_a_job_s_life_is_one_commit(database: sa.Engine) -> None:
    jobs, nodes, runs, board = JobStore(database), NodeStore(database), RunStore(database), Board(database)
    nodes.register("n1", "n1", "n1")
    commits = []
    sa.event.listen(database, "commit", lambda _: commits.append(1))
    jobs.add(Job("job", "ann", "a.wav", JobState.QUEUED, Options(), Lane.API, 1.0))
    assert runs.claim("job", "n1", 2.0)
    job = runs.get("job")
    assert job is not None and (job.state, job.started) == (JobState.RUNNING, 2.0)
    assert runs.save_plan("job", "n1", PLAN, 3.0)
    assert board.post("job", "n1", WINDOWS, 4.0) == 3
    assert board.claim("job", "n1", 32) == [0, 1, 2]
    assert not runs.finish("job", "n1", 5.0, PLAN, lambda _: "too early")
    commits.pop()  # of the one that changed nothing
    progress = []
    for window in WINDOWS:
        assert board.save(
            "job", "n1", PLAN, WindowResult(window, (Segment(window.start, window.end, f" {window.index}"),))
        )
        job = runs.get("job")
        assert job is not None
        progress.append(round(job.progress, 4))
    assert progress == [0.3333, 0.6667, 1.0]
    assert runs.finish("job", "n1", 6.0, PLAN, lambda results: f"{len(results)} windows")
    assert len(commits) == len(["add", "claim", "save_plan", "post", "claim", *WINDOWS, "finish"])
    done = jobs.get("job")
    assert done is not None and (done.state, done.text, done.progress) == (JobState.DONE, "0 1 2", 1.0)
    lines = [(event, detail) for _, event, detail in jobs.log("job")]
    assert [event for event, _ in lines] == ["accepted", "planned", "decoding", "coverage", "done"]
    assert (lines[2][1], lines[3][1]) == ("0 of 3 windows were done", "3 windows")


def test_nothing_is_posted_or_noted_of_a_job_that_another_node_has(database: sa.Engine) -> None:
    jobs, nodes, runs, board = JobStore(database), NodeStore(database), RunStore(database), Board(database)
    for name in ("n1", "n2"):
        nodes.register(name, name, name)
    jobs.add(Job("job", "ann", "a.wav", JobState.QUEUED, Options(), Lane.API, 1.0))
    assert runs.claim("job", "n1", 2.0)
    assert not runs.claim("job", "n2", 3.0)
    assert not runs.save_plan("job", "n2", PLAN, 3.0)
    assert board.post("job", "n2", WINDOWS, 4.0) == -1
    assert not runs.finish("job", "n2", 5.0, PLAN, lambda _: "")
    assert [event for _, event, _ in jobs.log("job")] == ["accepted"]
    assert board.left("job") == 0


def test_who_waits_for_the_end_is_woken_by_nothing_else() -> None:
    async def woken() -> list[tuple[bool, bool]]:
        changes: Changes
        changes = Changes(lambda what: changes.heard(what.removeprefix(END), ended=what.startswith(END)))
        seen = []
        with changes.watcher("job") as each, changes.watcher("job", end=True) as last:
            for ended in (False, True):
                each.clear()
                thread = threading.Thread(target=changes.notify, args=("job",), kwargs={"ended": ended})
                thread.start()
                await asyncio.to_thread(thread.join)
                await asyncio.sleep(0)
                seen.append((each.is_set(), last.is_set()))
        return seen

    assert asyncio.run(woken()) == [(True, False), (True, True)]
