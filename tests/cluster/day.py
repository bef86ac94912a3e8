"""`python -m tests.cluster.day`: the arrivals of 24 hours in fast motion, while nodes die, freeze and are upgraded.

Arrivals follow a working day (two peaks, quiet nights), lengths a long tail; most come as bulk, some by a program that
waits. One hour lasts `--hour` seconds. Now and then a random node is killed, frozen past its time to live, or drained
and started again. At the end every accepted job must be done, with each of its windows once in its text.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import math
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from service_app.auth.passwords import hash_password
from tests.app.conftest import PASSWORD, create

from .jobs import finished, speech
from .machines import NODE_SECONDS, Cluster, Database, Node

_CALLERS = 6  # who look at the end whether all is done


@dataclass
class Day:
    accepted: dict[str, int] = field(default_factory=dict)  # windows of each job
    refused: int = 0  # asked again by its caller
    events: list[str] = field(default_factory=list)
    repeated: int = 0  # windows decoded more than once

    def __str__(self) -> str:
        return (
            f"{len(self.accepted)} jobs with {sum(self.accepted.values())} windows, all done and whole; "
            f"{self.refused} answers to try again; {len(self.events)} events ({', '.join(self.events)}); "
            f"{self.repeated} windows decoded again"
        )


def busy(hour: float) -> float:
    """How much comes in, 0 to 1: peaks at 10 and 15 o'clock."""
    return 0.05 + 0.95 * max(math.exp(-((hour - 10) ** 2) / 4), math.exp(-((hour - 15) ** 2) / 6))


def lived(cluster: Cluster, *, jobs: int, hour: float, events: int, chance: random.Random) -> Day:
    """A day at the nodes that run now; the balancer is before them."""
    day = Day()
    weights = [busy(minute / 60) for minute in range(24 * 60)]
    arrivals = sorted(minute / 60 for minute in chance.choices(range(24 * 60), weights, k=jobs))
    planned = sorted(chance.uniform(6, 22) for _ in range(events))
    troubled: tuple[Node, float] | None = None
    began = time.monotonic() - arrivals[0] * hour  # nothing happens before

    def now() -> float:
        return (time.monotonic() - began) / hour

    for at in arrivals:
        while now() < at:
            time.sleep(0.01)
        if troubled is not None and time.monotonic() > troubled[1]:
            troubled[0].revive()
            troubled = None
        if planned and at > planned[0] and troubled is None:
            planned.pop(0)
            node = chance.choice(cluster.nodes)
            day.events.append(f"{_trouble(node, chance)} {node.name} at {at:.1f} h")
            troubled = (node, time.monotonic() + 1.5 * NODE_SECONDS)
        windows = min(40, 1 + int(chance.paretovariate(1.1)))
        _arrive(cluster, day, windows, chance.uniform(0.01, 0.05))
    for node in cluster.nodes:
        node.revive()
    for node in cluster.nodes:
        node.await_ready()
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(_CALLERS) as callers:
        clients = [stack.enter_context(node.client()) for node in cluster.nodes]

        def whole(number: int, job_id: str) -> None:
            finished(clients[number % len(clients)], job_id, day.accepted[job_id])

        list(callers.map(whole, itertools.count(), day.accepted))
    decoded = sum((node.jobs() for node in cluster.nodes), Counter())
    day.repeated = sum(decoded[job_id] - windows for job_id, windows in day.accepted.items())
    return day


def _trouble(node: Node, chance: random.Random) -> str:
    match chance.randrange(3):
        case 0:
            node.kill()
            return "killed"
        case 1:
            node.send(signal.SIGSTOP)
            return "froze"
        case _:
            node.end()
            return "stopped"


def _arrive(cluster: Cluster, day: Day, windows: int, seconds: float) -> None:
    """As a program does it that tries again."""
    while True:
        try:
            with cluster.balancer().client(cluster.key) as client:
                client.timeout = httpx.Timeout(5.0)
                day.accepted[create(client, speech(windows, round(seconds, 3)))] = windows
                return
        except (AssertionError, httpx.HTTPError):
            day.refused += 1
            time.sleep(0.1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.day", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--hour", type=float, default=5.0, help="seconds that an hour lasts")
    parser.add_argument("--events", type=int, default=8)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", file=sys.stderr)
    database = Database().start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            cluster = Cluster(Path(folder), database, "day", hash_password(PASSWORD), WHISPER_USER_JOBS="0")
            try:
                cluster.start(arguments.nodes)
                chance = random.Random(arguments.seed)
                print(lived(cluster, jobs=arguments.jobs, hour=arguments.hour, events=arguments.events, chance=chance))
            finally:
                cluster.stop()
    finally:
        database.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
