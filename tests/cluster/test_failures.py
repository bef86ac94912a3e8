"""What happens to work when a node, its network, the database or the recordings' store goes away. Each time: no window
lost, none doubled in the result, and nothing written by whoever was replaced."""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from tests.app.conftest import create

from .jobs import decoded, finished, owner_of, progressed, speech, written
from .machines import DATABASE_PASSWORD, Cluster, Database, Node, Wire, until
from .stores import HERE, failing, hanging

DEVICES = 2  # windows that one timed engine decodes at once


def test_a_killed_node_s_work_is_taken_over(cluster: Cluster) -> None:
    victim, other = cluster.nodes[0], cluster.nodes[1]
    with victim.client() as client:
        job_id = progressed(client, speech(60, 0.15))
        assert owner_of(cluster, job_id) == victim.name
    victim.kill()
    with other.client() as client:
        finished(client, job_id, 60, lambda: other.log)
        log = [line["event"] for line in client.get(f"/api/jobs/{job_id}/log").json()["log"]]
    assert owner_of(cluster, job_id) != victim.name
    assert log.count("done") == 1
    counted = decoded(cluster.nodes, job_id)
    assert set(counted) == set(range(60))
    # What the killed node was decoding, and what it had decoded but not saved.
    assert sum(counted.values()) <= 60 + 2 * DEVICES


def test_a_killed_helper_costs_its_own_windows_only(cluster: Cluster) -> None:
    owner, helper = cluster.nodes[1], cluster.nodes[2]
    with owner.client() as client:
        job_id = progressed(client, speech(100, 0.2))
        until(lambda: helper.decoded(job_id), "the other node helps", lambda: helper.log)
        helper.kill()
        finished(client, job_id, 100)
    assert owner_of(cluster, job_id) == owner.name
    assert sum(decoded(cluster.nodes, job_id).values()) <= 100 + 2 * DEVICES


def test_a_frozen_node_that_wakes_writes_nothing(cluster: Cluster) -> None:
    frozen, other = cluster.nodes[0], cluster.nodes[1]
    with frozen.client() as client:
        job_id = progressed(client, speech(40, 0.15))
    frozen.send(signal.SIGSTOP)
    with other.client() as client:
        finished(client, job_id, 40, lambda: other.log)
        before = written(cluster, job_id)
        # What it accepts in its first moment, when it does not know yet that it was replaced, is not lost.
        with ThreadPoolExecutor(1) as caller, frozen.client() as waiting:
            early = caller.submit(create, waiting, speech(3, 0.05))
            until(lambda: _connected(frozen), "the call waits at its door")
            frozen.send(signal.SIGCONT)
            finished(client, early.result(), 3, lambda: frozen.log)
        until(lambda: "taken for dead" in frozen.log, "it learns", lambda: frozen.log)
        frozen.await_ready()
        # It works again, and has nothing left of what it had.
        finished(client, create(client, speech(8, 0.05)), 8)
        until(lambda: frozen.readiness()[1]["left"] == {"jobs": 0, "windows": 0, "calls": 0}, "it lets go")
    assert written(cluster, job_id) == before


def _connected(node: Node) -> bool:
    """Whether somebody's bytes wait to be read by this node."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, queues, *_ = line.split()
        if (local.rpartition(":")[2], state) == (f"{node.port:04X}", "01") and int(queues.rpartition(":")[2], 16):
            return True
    return False


def test_a_node_that_is_cut_off_writes_nothing(cluster: Cluster, wire: Wire | None) -> None:
    if wire is None:
        pytest.skip("network namespaces need root; see docs/verification.md")
    lonely, other = cluster.nodes[3], cluster.nodes[0]
    with lonely.client() as client:
        job_id = progressed(client, speech(60, 0.15))
        assert owner_of(cluster, job_id) == lonely.name
    wire.cut()
    with other.client() as client:
        finished(client, job_id, 60, lambda: other.log)
        before = written(cluster, job_id)
        wire.mend()
        until(lambda: "taken for dead" in lonely.log, "it learns", lambda: lonely.log)
        lonely.await_ready()
        finished(client, create(client, speech(8, 0.05)), 8)
    assert written(cluster, job_id) == before


def test_the_database_crashes_and_comes_back(cluster: Cluster, database: Database) -> None:
    node = cluster.nodes[0]
    with node.client() as client:
        jobs = [progressed(client, speech(40, 0.1)), create(client, speech(5, 0.05))]
        database.stop()
        try:
            node.await_ready(503)
            assert node.readiness()[1]["reason"] == "the database cannot be reached"
            assert client.get("/healthz").status_code == 200
            refused = client.post(
                "/api/jobs",
                files={"file": ("a.wav", speech(1, 0.01).encode())},
                headers={"accept-language": "zh-CN"},
            )
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "database_away")
            assert "数据库暂时无法访问" in refused.json()["error"]["message"]
            assert int(refused.headers["retry-after"]) > 0
            page = httpx.get(f"{node.url}/", headers={"accept": "text/html", "cookie": "sid=x"}, timeout=30)
            assert (page.status_code, 'http-equiv="refresh"' in page.text) == (503, True)
            assert "database cannot be reached" in page.text
            listed = node.run("jobs")
            assert (listed.returncode, listed.stderr) == (
                1,
                "error: WHISPER_DATABASE_URL: the database cannot be reached; is it up?\n",
            )
        finally:
            database.start()
        for each in cluster.nodes:
            each.await_ready()
        finished(client, jobs[0], 40, lambda: node.log)
        finished(client, jobs[1], 5, lambda: node.log)
    # Not even while it was sought did anybody tell where it is, or how to get in.
    with node.client() as client:
        told = client.get("/metrics").text + httpx.get(f"{node.url}/readyz", timeout=30).text + listed.stderr
    for place in (told, *(each.log for each in cluster.nodes)):
        assert DATABASE_PASSWORD not in place
        assert "postgresql://" not in place
    # Nobody was taken for dead because all were silent.
    assert not any("taken over" in each.log.rpartition("in contact with")[2] for each in cluster.nodes)


def test_the_recordings_store_goes_away_and_comes_back(cluster: Cluster) -> None:
    node = cluster.nodes[0]
    away = cluster.media.with_name("away")
    with node.client() as client:
        job_id = progressed(client, speech(40, 0.1))
        cluster.media.rename(away)
        try:
            node.await_ready(503)
            assert "not mounted" in node.readiness()[1]["reason"]
            refused = client.post("/api/jobs", files={"file": ("a.wav", speech(1, 0.01).encode())})
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "media_away")
            assert client.get(f"/api/jobs/{job_id}/media").json()["error"]["code"] == "media_away"
            assert client.get(f"/api/jobs/{job_id}").json()["state"] == "running"
            # Not even the folder is made again: what is written there would be lost behind the mount.
            assert not cluster.media.exists()
        finally:
            away.rename(cluster.media)
        for each in cluster.nodes:
            each.await_ready()
        finished(client, job_id, 40, lambda: node.log)


@pytest.mark.parametrize("broken", [hanging, failing])
def test_a_node_that_alone_loses_the_recordings_is_replaced(
    cluster: Cluster, wire: Wire | None, broken: Callable[[Node, Path], AbstractContextManager[str]]
) -> None:
    if wire is None or not HERE:
        pytest.skip("mounts need root, bindfs, /dev/fuse and loop devices; see docs/verification.md")
    lonely, other = cluster.nodes[3], cluster.nodes[0]
    with lonely.client() as client, other.client() as elsewhere:
        job_id = progressed(client, speech(100, 0.2))
        assert owner_of(cluster, job_id) == lonely.name
        with broken(lonely, cluster.media) as reason:
            lonely.await_ready(503)
            assert reason in lonely.readiness()[1]["reason"]
            refused = client.post("/api/jobs", files={"file": ("a.wav", speech(1, 0.01).encode())})
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "media_away")
            assert int(refused.headers["retry-after"]) > 0
            finished(elsewhere, job_id, 100, lambda: lonely.log)
            # What fails goes back at once, and the job may end where it was; what hangs is taken away.
            assert broken is failing or owner_of(cluster, job_id) != lonely.name
            before = written(cluster, job_id)
        lonely.await_ready()
        finished(client, create(client, speech(8, 0.05)), 8)
        until(lambda: lonely.readiness()[1]["left"] == {"jobs": 0, "windows": 0, "calls": 0}, "it lets go")
    assert written(cluster, job_id) == before


def test_another_store_is_not_taken_for_ours(cluster: Cluster) -> None:
    mark = cluster.media / ".store"
    known = mark.read_text()
    try:
        mark.write_text("another")
        cluster.nodes[0].await_ready(503)
        assert "another media store is mounted" in cluster.nodes[0].readiness()[1]["reason"]
    finally:
        mark.write_text(known)
