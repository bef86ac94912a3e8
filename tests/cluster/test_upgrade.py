"""Nodes leave and come back while work goes on: nothing is lost, no caller sees an error."""

from __future__ import annotations

import threading

import httpx

from tests.app.conftest import create

from .jobs import decoded, finished, owner_of, progressed, speech
from .machines import Cluster, until


def test_a_drained_node_hands_over(cluster: Cluster) -> None:
    leaving, other = cluster.nodes[0], cluster.nodes[1]
    with leaving.client() as client:
        job_id = progressed(client, speech(80, 0.1))
    done = leaving.run("drain", "--timeout", "60")
    assert done.returncode == 0, done.stderr
    assert "Nothing is left here" in done.stderr
    status, body = leaving.readiness()
    assert (status, body["reason"], body["left"]) == (503, "draining", {"jobs": 0, "windows": 0, "calls": 0})
    with other.client() as client:
        finished(client, job_id, 80, lambda: other.log)
    assert owner_of(cluster, job_id) != leaving.name
    # It finished what it had in hand: no window was decoded for nothing.
    assert max(decoded(cluster.nodes, job_id).values()) == 1
    # Whoever is still sent to it is served: another node takes the work.
    with leaving.client() as client:
        finished(client, create(client, speech(2, 0.01)), 2, lambda: other.log)
    leaving.end()
    assert leaving.run("drain").returncode == 0, "there is nothing to drain"


def test_a_rolling_upgrade_under_load(cluster: Cluster) -> None:
    balancer = cluster.balancer()
    accepted: dict[str, int] = {}
    problems: list[str] = []
    over = threading.Event()

    def load() -> None:
        number = 0
        while not over.is_set():
            with balancer.client(cluster.key) as client:  # a new one each time: no cookie keeps it at a node
                windows = 1 + number % 5
                try:
                    accepted[create(client, speech(windows, 0.03))] = windows
                except (AssertionError, httpx.HTTPError) as error:
                    problems.append(repr(error))
            number += 1
            over.wait(0.15)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        for node in cluster.nodes[:3]:
            before = len(accepted)
            assert node.run("drain", "--timeout", "60").returncode == 0
            node.end()
            node.start()
            until(lambda before=before: len(accepted) > before, "work comes in")
    finally:
        over.set()
        thread.join()
    assert problems == []
    with cluster.nodes[0].client() as client:
        for job_id, windows in accepted.items():
            finished(client, job_id, windows)
    assert len(accepted) > 10
