"""One service, whichever node answers: a user's whole way through the balancer, and what nodes share."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.app.conftest import PASSWORD, USER, create, ended
from tests.app.no_text import REFUSED, refuses, takes

from .jobs import decoded, finished, progressed, speech, text
from .machines import Cluster, Wire, until


def events(client: httpx.Client, job_id: str) -> list[tuple[str, dict[str, object]]]:
    """Of a job's stream, to its end."""
    found: list[tuple[str, dict[str, object]]] = []
    name = ""
    with client.stream("GET", f"/api/jobs/{job_id}/events") as stream:
        for line in stream.iter_lines():
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                found.append((name, json.loads(line[6:])))
    return found


def test_a_user_s_way_through_the_balancer(cluster: Cluster) -> None:
    balancer = cluster.balancer()
    with httpx.Client(base_url=balancer.url, timeout=60) as browser:
        login = browser.post("/login", data={"username": USER, "password": PASSWORD})
        assert login.status_code == 303
        assert browser.get("/").json() == {"page": "here"}
        sticky = browser.cookies["NODE"]
        assert sticky in {node.name for node in cluster.nodes}
        job_id = progressed(browser, speech(30, 0.05))
        seen = events(browser, job_id)
        assert seen[-1][0] == "end" and seen[-1][1]["state"] == "done"
        finished(browser, job_id, 30)
        segments = browser.get(f"/api/jobs/{job_id}/segments").json()["segments"]
        saved = browser.put(
            f"/api/jobs/{job_id}/segments", json={"version": 0, "segments": [{**segments[0], "text": "corrected"}]}
        )
        assert saved.json() == {"version": 1}
        # Without the cookie any node answers, and every one of them knows the user and the job.
        for node in cluster.nodes:
            headers = {"cookie": f"sid={browser.cookies['sid']}"}
            with httpx.Client(base_url=node.url, headers=headers, timeout=60) as elsewhere:
                assert elsewhere.get("/api/me").json()["user"] == USER
                assert elsewhere.get(f"/api/jobs/{job_id}").json()["text"] == "corrected"
                assert job_id in {job["id"] for job in elsewhere.get("/api/jobs").json()["jobs"]}
                assert elsewhere.get(f"/api/jobs/{job_id}/media").text == speech(30, 0.05)
                stale = elsewhere.put(f"/api/jobs/{job_id}/segments", json={"version": 0, "segments": []})
                assert (stale.status_code, stale.json()["error"]["code"]) == (409, "edit_conflict")
        assert browser.post("/logout").status_code in (200, 303)
        with httpx.Client(base_url=cluster.nodes[1].url, headers=headers, timeout=60) as elsewhere:
            assert elsewhere.get("/api/me").status_code == 401


def test_one_file_is_decoded_by_all_and_seen_everywhere(cluster: Cluster) -> None:
    with cluster.nodes[0].client() as here, cluster.nodes[1].client() as there:
        job_id = create(here, speech(80, 0.1))
        seen = events(there, job_id)
        finished(here, job_id, 80)
    shares = {node.name: sum(node.decoded(job_id).values()) for node in cluster.nodes}
    # Each could do so much in the same time; none stands idle, none does it alone.
    assert all(share >= 80 / len(shares) / 2 for share in shares.values()), shares
    assert decoded(cluster.nodes, job_id) == dict.fromkeys(range(80), 1)
    # The text comes piece by piece to whoever looks from another node, not all at the end.
    kinds = [kind for kind, _ in seen]
    assert kinds.count("segments") == 80
    assert "job" in kinds[kinds.index("segments") : -1]
    progress = [float(str(data["progress"])) for kind, data in seen if kind == "job"]
    assert progress == sorted(progress)
    assert any(0.2 < value < 0.8 for value in progress)


def test_a_small_job_stays_where_it_came_in(cluster: Cluster) -> None:
    with cluster.nodes[2].client() as client:
        job_id = create(client, speech(2, 0.05))
        finished(client, job_id, 2)
    assert sum(cluster.nodes[2].decoded(job_id).values()) == 2


def test_a_person_does_not_wait_for_bulk_work(cluster: Cluster) -> None:
    with cluster.nodes[0].client() as program, httpx.Client(base_url=cluster.nodes[1].url, timeout=60) as person:
        bulk = progressed(program, speech(300, 0.1))
        person.post("/login", data={"username": USER, "password": PASSWORD})
        job_id = create(person, speech(6, 0.05))
        finished(person, job_id, 6)
        assert program.get(f"/api/jobs/{bulk}").json()["progress"] < 0.9
        program.delete(f"/api/jobs/{bulk}")


def test_cancelled_and_deleted_at_another_node(cluster: Cluster) -> None:
    with cluster.nodes[0].client() as here, cluster.nodes[1].client() as there:
        job_id = progressed(here, speech(200, 0.1))
        cancelled = there.post(f"/api/jobs/{job_id}/cancel").json()
        assert (cancelled["state"], "window 0" in cancelled["text"]) == ("cancelled", True)
        idle(cluster)
        assert sum(decoded(cluster.nodes, job_id).values()) < 150
        job_id = progressed(here, speech(200, 0.1))
        assert there.delete(f"/api/jobs/{job_id}").status_code == 204
        assert here.get(f"/api/jobs/{job_id}").status_code == 404
        idle(cluster)
    assert not (cluster.media / job_id).exists()
    assert sum(decoded(cluster.nodes, job_id).values()) < 150


def idle(cluster: Cluster) -> None:
    until(
        lambda: not any(node.readiness()[1]["left"]["windows"] for node in cluster.nodes),
        "no window is in hand anywhere",
    )


def test_an_upload_goes_on_at_another_node(cluster: Cluster) -> None:
    content = speech(3, 0.01).encode() + b" " * 100_000
    with cluster.nodes[0].client() as here, cluster.nodes[1].client() as there:
        upload = here.post("/api/uploads", json={"name": "会议.wav", "size": len(content)}).json()["id"]
        here.patch(f"/api/uploads/{upload}", content=content[:50_000], headers={"upload-offset": "0"})
        assert there.get(f"/api/uploads/{upload}").json()["offset"] == 50_000
        wrong = there.patch(f"/api/uploads/{upload}", content=b"x", headers={"upload-offset": "7"})
        assert (wrong.status_code, wrong.headers["upload-offset"]) == (409, "50000")
        there.patch(f"/api/uploads/{upload}", content=content[50_000:], headers={"upload-offset": "50000"})
        job = here.post("/api/jobs", files={"upload": (None, upload)})
        assert job.status_code == 202
        finished(there, job.json()["id"], 3)
        assert there.get(f"/api/jobs/{job.json()['id']}/media").content == content


def test_a_repeated_call_finds_its_job_at_another_node(cluster: Cluster) -> None:
    """As the official SDK does it after a time-out: the line is closed, the same is sent again."""
    recording = speech(100, 0.2)
    first, second = cluster.nodes[0], cluster.nodes[1]
    with first.client() as here, second.client() as there:
        sent = {"file": ("again.wav", recording.encode())}
        try:
            here.post("/v1/audio/transcriptions", files=sent, data={"model": "whisper-1"}, timeout=0.7)
        except httpx.ReadTimeout:
            pass
        else:
            raise AssertionError("the first call ended")
        again = there.post(
            "/v1/audio/transcriptions",
            files=sent,
            data={"model": "whisper-1"},
            headers={"x-stainless-retry-count": "1"},
        )
        assert again.json()["text"] == text(100)
        jobs = there.get("/api/jobs?search=again.wav").json()["jobs"]
    assert len(jobs) == 1
    assert max(decoded(cluster.nodes, jobs[0]["id"]).values()) == 1


@contextmanager
def receiver(wire: Wire | None) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Where webhooks arrive, from every node: its address, and (job, signature) of each."""
    told: list[tuple[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            told.append((self.headers["webhook-id"], self.headers["webhook-signature"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer((wire.here if wire else "127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://{server.server_address[0]}:{server.server_port}/told", told
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_webhook_is_told_once(cluster: Cluster, wire: Wire | None) -> None:
    with receiver(wire) as (url, told), cluster.nodes[0].client() as client:
        jobs = [create(client, speech(2, 0.01), webhook=url) for _ in range(5)]
        for job_id in jobs:
            finished(client, job_id, 2)
        until(lambda: {job for job, _ in told} == set(jobs), "all are told")
        for node in cluster.nodes[:3]:  # each looked again since, and found nothing due
            assert cluster.query("SELECT count(*) FROM jobs WHERE webhook IS NOT NULL")[0][0] == 0, node.name
    assert len(told) == len(jobs)
    secrets = set()
    for node in cluster.nodes[:2]:
        with httpx.Client(base_url=node.url, auth=(USER, PASSWORD), timeout=60) as person:
            secrets.add(person.get("/api/webhook-secret").json()["secret"])
    assert len(secrets) == 1


def test_failed_logins_count_at_every_node(cluster: Cluster) -> None:
    """Five free tries in all, not five at each node."""
    codes = []
    for number in range(6):
        node = cluster.nodes[number % 3]
        refused = httpx.get(
            f"{node.url}/api/me",
            auth=(USER, f"wrong-{number}"),
            headers={"x-forwarded-for": "203.0.113.77"},
            timeout=60,
        )
        codes.append(refused.status_code)
    assert codes == [401] * 5 + [429]


def test_what_is_no_text_is_refused_here_too(cluster: Cluster) -> None:
    with httpx.Client(base_url=cluster.nodes[0].url, auth=(USER, PASSWORD), timeout=60) as person:
        made = create(person, speech(1, 0.001))
        ended(person, made)
        takes(person, made)
        for what in REFUSED:
            refuses(person, made, what)


def test_figures_tell_the_node_from_the_cluster(cluster: Cluster) -> None:
    wanted = {
        'whisper_node_info{node="n1"} 1',
        f"whisper_cluster_nodes {len(cluster.nodes)}",
        f"whisper_cluster_devices {len(cluster.nodes)}",
    }
    with cluster.nodes[0].client() as client:
        until(lambda: wanted <= set(client.get("/metrics").text.splitlines()), "every node is counted")


def test_two_servers_in_one_data_folder(cluster: Cluster) -> None:
    node = cluster.nodes[0]
    second = subprocess.run(
        [sys.executable, "-c", _SECOND],
        env=node.settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "is in use by another server" in second.stdout, second.stderr


_SECOND = """
from service_app.jobs import Jobs
from service_app.settings import Settings, SettingsError
try:
    Jobs(Settings.from_environment(), None)
except SettingsError as error:
    print(error)
"""
