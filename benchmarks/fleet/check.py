"""The simulation against real nodes on this machine: processes of the product with a timed engine in place of the
speech model, one real PostgreSQL.

Fitted on one node (what passes between two windows), it foretells four; then four are run.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from service_app.auth.passwords import hash_password
from tests.app.conftest import PASSWORD, create
from tests.cluster.jobs import speech
from tests.cluster.machines import Cluster, Database, until

from .model import Arrival, Outcome, Service, simulate

WINDOW = 0.25  # seconds that the timed engine takes, on each of its devices
DEVICES = 2  # of a node: the timed engine decodes so many windows at once
AUDIO = 10.0  # seconds of audio of its windows
LONG, SHORT, EVERY = (200,), (12,) * 16, 0.4  # windows of each recording; the short ones come one by one
TIMED = Service(fixed=WINDOW, each=0.0, batch=1, window_seconds=AUDIO, reading=1e9)
NEAR = 0.15  # of the measured value


def check(say: Callable[[str], None]) -> int:
    """1 when the throughput of four nodes is not as foretold."""
    with tempfile.TemporaryDirectory(prefix="whisper-fleet-") as folder:
        server = Database().start()
        try:
            one, four = (_run(Path(folder), server, nodes) for nodes in (1, 4))
        finally:
            server.remove()
    fitted = _fitted(one)
    say(f"between two windows: {1000 * fitted.overhead:.0f} ms, fitted on one node")
    say("| Nodes | | Measured | Simulated |\n|---|---|---|---|")
    far = 0.0
    for nodes, (arrivals, seen) in ((1, one), (4, four)):
        told = simulate(arrivals, nodes * DEVICES, fitted)
        for what, value in (("windows a second", _speed), ("short recordings, median", _short(statistics.median)),
                            ("short recordings, longest", _short(max))):  # fmt: skip
            unit = "" if value is _speed else " s"
            say(f"| {nodes} | {what} | {value(seen):.2f}{unit} | {value(told):.2f}{unit} |")
        far = abs(_speed(told) / _speed(seen) - 1)
    say(f"four nodes: {far:.0%} from what was foretold")
    return 0 if far <= NEAR else 1


def _run(folder: Path, server: Database, nodes: int) -> tuple[list[Arrival], Outcome]:
    """What came when, and what became of it."""
    cluster = Cluster(folder / str(nodes), server, f"fleet{nodes}", hash_password(PASSWORD))
    cluster.folder.mkdir()
    try:
        started = cluster.start(nodes)
        begin = time.monotonic()
        for number, windows in enumerate((*LONG, *SHORT)):
            due = begin + max(0, number - len(LONG)) * EVERY
            time.sleep(max(0.0, due - time.monotonic()))
            with started[number % nodes].client() as client:
                create(client, speech(windows, WINDOW))
        until(lambda: not cluster.query("SELECT 1 FROM jobs WHERE finished IS NULL"), "all are done", within=180)
        rows = cluster.query("SELECT created, finished FROM jobs ORDER BY created")
    finally:
        cluster.stop()
    first = rows[0].created
    arrivals = [Arrival(row.created - first, "api", windows * AUDIO)
                for row, windows in zip(rows, (*LONG, *SHORT), strict=True)]  # fmt: skip
    seen = Outcome(nodes * DEVICES, windows=sum((*LONG, *SHORT)), end=max(row.finished for row in rows) - first)
    seen.turnaround["api"] = [row.finished - row.created for row in rows]
    return arrivals, seen


def _fitted(one: tuple[list[Arrival], Outcome]) -> Service:
    """With the overhead at which the simulation of one node lasts as long as the real one did."""
    arrivals, seen = one
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        ends = simulate(arrivals, DEVICES, replace(TIMED, overhead=middle)).end
        low, high = (middle, high) if ends < seen.end else (low, middle)
    return replace(TIMED, overhead=low)


def _speed(seen: Outcome) -> float:
    return seen.windows / seen.end


def _short(of: Callable[[list[float]], float]) -> Callable[[Outcome], float]:
    """All but the long ones, which take longest."""
    return lambda seen: of(sorted(seen.turnaround["api"])[: -len(LONG)])
