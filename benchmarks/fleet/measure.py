"""What one window costs the database: processor time of a real PostgreSQL, which does not depend on who else is busy.

The board of open windows (service_app/jobs/board.py) is asked as nodes ask it: saves, looks, claims.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from service_app.database import connect
from service_app.jobs.board import Board
from service_app.types import Plan, Segment, Window, WindowResult
from tests.cluster.machines import Database

_TICK = os.sysconf("SC_CLK_TCK")
_NODE = "n1"


@dataclass(frozen=True)
class DatabaseCosts:
    """Seconds of a database core. A look lists the jobs with free windows: `look` and `look_job` for each of them."""

    save: float
    claim: float
    read: float
    look: float
    look_job: float


def measure() -> DatabaseCosts:
    """Takes about a quarter of a minute."""
    server = Database().start()
    try:
        engine = connect(server.url("127.0.0.1", server.create("fleet")))
        board = Board(engine)
        with engine.begin() as connection:
            connection.execute(sa.text(f"INSERT INTO nodes (executor, name, home) VALUES ('{_NODE}', 'n', '/')"))
        few, many = 20, 400  # jobs
        _fill(engine, board, few)
        look_few = _cost(server, lambda _: board.open(_NODE), 400)
        claim = _cost(server, lambda _: board.claim("job-0", _NODE, 1, 16), 100)
        plan = Plan(3000.0, 3000.0, "en", 1.0, tuple(_windows()))
        save = _cost(server, lambda n: board.save("job-0", _NODE, plan, _result(n)), 100)
        read = _cost(server, lambda _: board.left("job-0"), 400)
        _fill(engine, board, many, few)
        look_many = _cost(server, lambda _: board.open(_NODE), 400)
        per_job = (look_many - look_few) / (many - few)
        engine.dispose()
        return DatabaseCosts(save, claim, read, look_few - few * per_job, per_job)
    finally:
        server.remove()


def _windows() -> list[Window]:
    """Of a recording of fifty minutes."""
    return [Window(n, n * 15.0, n * 15.0 + 15.0) for n in range(200)]


def _result(number: int) -> WindowResult:
    """Four sentences, about as much as is said in fifteen seconds."""
    window = _windows()[number]
    return WindowResult(
        window, tuple(Segment(window.start, window.end, " and then he said it again" * 2) for _ in "1234")
    )


def _fill(engine: sa.Engine, board: Board, upto: int, since: int = 0) -> None:
    for number in range(since, upto):
        with engine.begin() as connection:
            connection.execute(
                sa.text("INSERT INTO jobs (id, owner, name, state, lane, options, created) "
                        "VALUES (:id, 'ada', 'a.wav', 'running', 'bulk', '{}', 0)"),
                {"id": f"job-{number}"},
            )  # fmt: skip
        board.post(f"job-{number}", _windows())


def _cost(server: Database, act: Callable[[int], object], times: int) -> float:
    """Of one act."""
    before = _busy(server)
    for number in range(times):
        act(number)
    time.sleep(0.05)  # the kernel counts in hundredths
    return (_busy(server) - before) / times


def _busy(server: Database) -> float:
    """Processor seconds of all processes of the server, ended ones too."""
    leader = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, fields = stat.parent.name, stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(name) == leader or int(fields[1]) == leader:
            total += sum(map(int, fields[11:13])) + (sum(map(int, fields[13:15])) if int(name) == leader else 0)
    return total / _TICK
