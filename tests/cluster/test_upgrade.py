"""Nodes leave and come back while work goes on: nothing is lost, no caller sees an error."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import httpx

from service_app import __version__
from tests.app.conftest import ROOT, create

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


_ADDS = "ALTER TABLE jobs ADD COLUMN later INTEGER NOT NULL DEFAULT 0"


def newer(folder: Path) -> Path:
    """Another release of this checkout, which also adds to the tables."""
    shutil.copytree(ROOT / "service_app", folder / "service_app", ignore=shutil.ignore_patterns("__pycache__"))
    for name, was, becomes in (
        ("__init__.py", f'"{__version__}"', '"0.2.0"'),
        ("jobs/rows.py", "\n)\nCOLUMNS", f"\n    {_ADDS!r},\n)\nCOLUMNS"),
    ):
        file = folder / "service_app" / name
        text = file.read_text()
        assert text.count(was) == 1, name
        file.write_text(text.replace(was, becomes))
    return folder


def test_a_rolling_upgrade_under_load(cluster: Cluster, tmp_path: Path) -> None:
    """One node after the other gets a release that adds to the tables; the first one is taken back."""
    balancer = cluster.balancer()
    release = newer(tmp_path)
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

    first, second = cluster.nodes[:2]
    thread = threading.Thread(target=load)
    thread.start()
    try:
        for node, program in ((first, release), (second, release), (first, ROOT)):
            before = len(accepted)
            assert node.run("drain", "--timeout", "60").returncode == 0
            node.end()
            node.release = program
            node.start()
            until(lambda before=before: len(accepted) > before, "work comes in")
    finally:
        over.set()
        thread.join()
    assert problems == []
    versions = []
    for node in (first, second):
        with node.client() as client:
            versions.append(client.get("/openapi.json").json()["info"]["version"])
            job_id = create(client, speech(1, 0.01))
            finished(client, job_id, 1)
            assert cluster.query("SELECT later FROM jobs WHERE id = :id", id=job_id) == [(0,)]
    assert versions == [__version__, "0.2.0"]
    with first.client() as client:
        for job_id, windows in accepted.items():
            finished(client, job_id, windows)
    assert len(accepted) > 10
    second.end()
    second.release = ROOT
