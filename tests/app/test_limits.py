"""What happens when too much is asked: queues, quotas, retention, webhooks; pure parts with a clock of their own."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import os
import queue
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from service_app.api.services import Services
from service_app.database import connect, sqlite_url
from service_app.errors import BadRequest, Busy
from service_app.janitor import PAGE_UPLOADS, keep_clean
from service_app.jobs.figures import Waiting
from service_app.jobs.pace import Limits, Pace, place, require_room
from service_app.jobs.store import JobStore
from service_app.outbound import check, get
from service_app.types import Job, JobState, Lane, Options

from .conftest import PASSWORD, USER, NewServer, Server, create, ended
from .flood import upload


def _waiting(*entries: tuple[str, str, str, float]) -> list[Waiting]:
    return [Waiting(name, owner, lane, float(n), seconds) for n, (name, owner, lane, seconds) in enumerate(entries)]


def test_the_pace_counts_only_time_with_work() -> None:
    now = 0.0
    pace = Pace(lambda: now)
    assert pace.speed is None
    with pace.working():
        now = 10.0
        pace.decoded(50.0)
        with pace.working():
            now = 20.0
            pace.decoded(50.0)
    now = 1000.0
    assert pace.speed == 5.0


def test_a_place_in_the_queue_follows_the_lanes() -> None:
    waiting = _waiting(("bulk", "a", "bulk", 600), ("api", "a", "api", 60), ("page", "b", "interactive", 30))
    found = {entry.id: place(entry.id, waiting, 10.0) for entry in waiting}
    assert [(name, at.position, at.seconds) for name, at in found.items() if at] == [
        ("bulk", 2, 69.0),
        ("api", 1, 9.0),
        ("page", 0, 3.0),
    ]
    assert place("gone", waiting, 10.0) is None


@pytest.mark.parametrize(
    ("limits", "code", "retry_after"),
    [
        (Limits(jobs=3), "queue_full", 3),
        (Limits(minutes=1), "queue_full", 9),
        (Limits(jobs_of_user=2), "too_many_jobs", 6),
    ],
)
def test_a_full_queue_tells_when_there_is_room(limits: Limits, code: str, retry_after: int) -> None:
    waiting = _waiting(("1", "a", "bulk", 600), ("2", "a", "api", 60), ("3", "b", "interactive", 30))
    with pytest.raises(Busy) as full:
        require_room("a", waiting, 10.0, limits)
    assert (full.value.code, full.value.retry_after) == (code, retry_after)
    require_room("b", waiting[:2], 100.0, limits)


def test_back_pressure_over_http(new_server: NewServer) -> None:
    small = new_server(WHISPER_QUEUE_JOBS="2", WHISPER_CANARY_MINUTES="0").start()
    with small.program() as client:
        jobs = [create(client, "SPEECH 200 0.1") for _ in range(2)]
        for path in ("/v1/audio/transcriptions", "/api/jobs"):
            full = client.post(path, files={"file": ("a.wav", b"SPEECH 1 0.01")})
            assert (full.status_code, full.json()["error"]["code"]) == (429, "queue_full")
            assert int(full.headers["retry-after"]) >= 1
        assert client.post("/api/uploads", json={"size": 9}).status_code == 429
        for job_id in jobs:
            assert client.delete(f"/api/jobs/{job_id}").status_code == 204
        ended(client, create(client, "SPEECH 1 0.01"))


def test_retention_removes_text_and_media(new_server: NewServer) -> None:
    """A stopped server's job is made older in its database; the next start removes it."""
    aged = new_server(WHISPER_RETENTION_DAYS="30", WHISPER_CANARY_MINUTES="0").start()
    with aged.program() as client:
        old, new = (create(client, "SPEECH 1 0.01") for _ in range(2))
        assert ended(client, new)["expires"] == client.get(f"/api/jobs/{new}").json()["finished"] + 30 * 86400
        ended(client, old)
    aged.end(signal.SIGTERM)
    with contextlib.closing(sqlite3.connect(aged.data_dir / "whisper.sqlite")) as database, database:
        database.execute("UPDATE jobs SET finished = finished - 31 * 86400 WHERE id = ?", (old,))
    aged.start()
    with aged.program() as client:
        deadline = time.monotonic() + 20
        while client.get(f"/api/jobs/{old}").status_code != 404:
            assert time.monotonic() < deadline
        assert client.get(f"/api/jobs/{new}").status_code == 200
    assert not (aged.data_dir / "media" / old).exists()
    with contextlib.closing(sqlite3.connect(aged.data_dir / "whisper.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM windows WHERE job_id = ?", (old,)).fetchone() == (0,)


def test_a_full_quota_takes_nothing_in_by_any_way(new_server: NewServer) -> None:
    """A recording is called larger than it is in the database; deleting it makes room."""
    small = new_server(WHISPER_DISK_QUOTA_GB="1", WHISPER_CANARY_MINUTES="0").start()
    with small.program() as client:
        large = create(client, "SPEECH 1 0")
        ended(client, large)
        with contextlib.closing(sqlite3.connect(small.data_dir / "whisper.sqlite")) as database, database:
            database.execute("UPDATE jobs SET size = ?", (1 << 30,))
        for path, sent in (
            ("/api/jobs", {"files": {"file": b"x"}}),
            ("/api/jobs", {"files": {"url": (None, "http://8.8.8.8/")}}),
            (f"/api/jobs/{large}/rerun", {"json": {}}),
            ("/api/uploads", {"json": {"size": 9}}),
            ("/v1/audio/transcriptions", {"files": {"file": b"x"}}),
            ("/v1/audio/translations", {"files": {"file": b"x"}}),
            ("/asr", {"files": {"audio_file": b"x"}}),
            ("/detect-language", {"files": {"audio_file": b"x"}}),
        ):
            full = client.post(path, **sent)  # type: ignore[arg-type]
            assert (full.status_code, full.json()["error"]["code"]) == (503, "storage_full"), path
            assert int(full.headers["retry-after"]) > 0
        assert client.delete(f"/api/jobs/{large}").status_code == 204
        ended(client, create(client, "SPEECH 1 0"))


@pytest.mark.parametrize(
    "path", ["/api/jobs", "/v1/audio/transcriptions", "/v1/audio/translations", "/asr", "/detect-language"]
)
def test_what_is_announced_too_large_is_refused_before_it_comes(server: Server, path: str) -> None:
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(upload("POST", path, f"Authorization: Basic {login}"))  # of the GiB itself not a byte
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_long_history_is_swept(tmp_path: Path) -> None:
    """More folders than SQLite takes values in one statement."""
    store = JobStore(connect(sqlite_url(tmp_path / "a.sqlite")))
    store.add(Job("kept", USER, "a.wav", JobState.QUEUED, Options(), Lane.BULK, 0.0))
    assert store.known([*map(str, range(40_000)), "kept"]) == {"kept"}


class _Receiver(http.server.BaseHTTPRequestHandler):
    got: queue.Queue[tuple[dict[str, str], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.put(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def receiver() -> Iterator[tuple[str, queue.Queue[tuple[dict[str, str], bytes]]]]:
    _Receiver.got = queue.Queue()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Receiver) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web.server_address[1]}/hook", _Receiver.got
        web.shutdown()


def test_a_webhook_is_told_and_signed(
    server: Server, receiver: tuple[str, queue.Queue[tuple[dict[str, str], bytes]]]
) -> None:
    address, got = receiver
    with server.program() as client:
        job_id = create(client, "SPEECH 1 0.01", webhook=address)
        headers, body = got.get(timeout=20)
        secret = client.get("/api/webhook-secret").json()["secret"]
        message = json.loads(body)
        assert (message["type"], message["data"]["id"], headers["webhook-id"]) == ("job.done", job_id, job_id)
        content = f"{job_id}.{headers['webhook-timestamp']}.".encode() + body
        digest = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), content, hashlib.sha256)
        assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
        inside = client.post(
            "/api/jobs", files={"file": b"SPEECH 1 0.01"}, data={"webhook": "http://100.100.100.200/latest/meta-data"}
        )
        error = inside.json()["error"]
        assert (inside.status_code, error["code"], error["param"]) == (400, "url_not_allowed", "webhook")


def test_a_slow_receiver_delays_only_its_own_webhooks(
    server: Server, receiver: tuple[str, queue.Queue[tuple[dict[str, str], bytes]]]
) -> None:
    """More messages for one that takes connections and says nothing than are told at once; then one for another."""
    address, got = receiver
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent, server.program() as client:
        slow = [create(client, "SPEECH 1 0", webhook=f"http://127.0.0.1:{silent.getsockname()[1]}/") for _ in range(6)]
        for job_id in slow:
            ended(client, job_id)
        held = [silent.accept()[0] for _ in range(4)]
        quick = create(client, "SPEECH 1 0", webhook=address)
        assert got.get(timeout=60)[0]["webhook-id"] == quick
        for connection in held:
            connection.close()
        for _ in range(2):  # who was told has made room
            silent.accept()[0].close()
        for job_id in slow:
            client.delete(f"/api/jobs/{job_id}")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[fec0::1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[2002:a00:1::]/",
        "http://100.100.100.200/latest/meta-data",
        "http://169.254.169.254/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://192.168.1.1:8080/x",
        "http://127.1/",
        "http://017700000001/",
        "http://①②⑦.0.0.1/",
        "http://127。0。0。1/",
        "http://[::127.0.0.1]/",
        "http://[::ffff:0:7f00:1]/",
        "http://[fd00::1]/",
        "http://100.64.0.1/",
    ],
)
def test_no_link_leads_inside(url: str) -> None:
    with pytest.raises(BadRequest) as refused:
        check(url)
    assert refused.value.code == "url_not_allowed"


def test_an_answer_that_drips_without_end_is_given_up() -> None:
    left = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
            while not left.wait(0.02):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip)
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(BadRequest) as refused, get(address, (ip_network("127.0.0.0/8"),), patience=0.3):
            pass
        left.set()
        thread.join()
    assert refused.value.code == "url_unreachable"


class _SecondNode:
    """What the janitor needs of a server whose lease another node holds."""

    def __init__(self, data_dir: Path) -> None:
        self.settings = SimpleNamespace(data_dir=data_dir)
        self.jobs = SimpleNamespace(nodes=SimpleNamespace(lease=lambda _name, _seconds: False))


def test_each_node_clears_its_own_disk_of_what_programs_sent(tmp_path: Path) -> None:
    old, fresh = (tmp_path / PAGE_UPLOADS / name / "a.wav" for name in ("old", "fresh"))
    for path in (old, fresh):
        path.parent.mkdir(parents=True)
        path.touch()
    os.utime(old, (1, 1))

    async def clear() -> None:
        cleaning = asyncio.create_task(keep_clean(cast(Services, _SecondNode(tmp_path))))
        while old.exists() and not cleaning.done():
            await asyncio.wait({cleaning}, timeout=0.01)
        cleaning.cancel()

    asyncio.run(clear())
    assert (old.exists(), fresh.exists()) == (False, True)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://a/b", "http://", "http://a:b@8.8.8.8/", "http://8.8.8.8:99999/", "//8.8.8.8", "x"],
)
def test_what_is_no_link(url: str) -> None:
    with pytest.raises(BadRequest) as refused:
        check(url)
    assert refused.value.code == "bad_url"
