"""`python -m tests.app.measure`: the web side's numbers, on a real server process with the timed engine.

Prints each with its goal: how fast and after how many bytes an upload without credentials is refused, whether a wrong
login tells who exists, how long a job waits for its start, what `/healthz` takes while everything else is busy, what
500 bad requests are answered with, what memory a large upload adds, how long a start takes with 10,000 jobs stored.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import signal
import socket
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from service_app.auth.passwords import hash_password

from .bad_requests import send
from .conftest import PASSWORD, USER, Server, create, ended, server_command

_HEAD = (
    b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    b"Content-Length: 1073741824\r\n\r\n"
)


@dataclass(frozen=True)
class Refusal:
    seconds: float  # until the status line
    sent: int  # bytes of the body that the kernel took over until then, sent or not
    status: int


def refused_upload(port: int) -> Refusal:
    """An upload of 1 GiB without credentials, sent as fast as the server takes it."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)
        began = time.monotonic()
        connection.sendall(_HEAD)
        connection.setblocking(False)
        sent = 0
        answer = b""
        while b"\r\n" not in answer and time.monotonic() - began < 10:
            with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                sent += connection.send(b"x" * 4096)
            with contextlib.suppress(BlockingIOError):
                answer += connection.recv(4096)
        return Refusal(time.monotonic() - began, sent, int(answer.split()[1]))


def memory_mib(pid: int) -> int:
    """The largest resident size so far, of the server itself."""
    line = next(row for row in Path(f"/proc/{pid}/status").read_text().splitlines() if row.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def upload(server: Server, size: int) -> tuple[int, float]:
    """MiB that the upload added to the server's largest size, and the seconds it took."""
    assert server.process is not None

    def body() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nSPEECH 1 0.01 '
        for _ in range(size >> 20):
            yield bytes(1 << 20)
        yield b"\r\n--b--\r\n"

    with server.program() as client:
        create(client, "SPEECH 1 0.01")
        before = memory_mib(server.process.pid)
        began = time.monotonic()
        headers = {"content-type": "multipart/form-data; boundary=b"}
        answer = client.post("/api/jobs", content=body(), headers=headers, timeout=600)
        assert answer.status_code == 202, answer.text
        took = time.monotonic() - began
        client.delete(f"/api/jobs/{answer.json()['id']}")
    return memory_mib(server.process.pid) - before, took


def start_delays(client: httpx.Client, count: int) -> list[float]:
    """Seconds from acceptance to the start, one job at a time."""
    delays = []
    for _ in range(count):
        job = ended(client, create(client, "SPEECH 1 0.001"))
        delays.append(job["started"] - job["created"])
    return delays


def fill_history(server: Server, count: int) -> None:
    """Copies the one stored job; the server must not run."""
    with contextlib.closing(sqlite3.connect(server.data_dir / "whisper.sqlite")) as database, database:
        database.row_factory = sqlite3.Row
        row = dict(database.execute("SELECT * FROM jobs LIMIT 1").fetchone())
        names = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        copies = ({**row, "id": f"old{n}", "created": row["created"] - n} for n in range(count))
        database.executemany(f"INSERT INTO jobs ({names}) VALUES ({marks})", copies)


def wrong_logins(server: Server, count: int) -> float:
    """Median milliseconds that a wrong login for the administrator takes longer than one for nobody."""
    took: dict[str, list[float]] = {USER: [], "nobody": []}
    with server.client(headers={"accept": "*/*"}) as client:
        for number in range(count):
            for user, seconds in took.items():
                origin = {"x-forwarded-for": f"198.18.{number}.{len(user)}"}
                began = time.monotonic()
                answer = client.post("/login", data={"username": user, "password": "wrong"}, headers=origin)
                seconds.append(time.monotonic() - began)
                assert answer.status_code == 401, answer.text
    known, nobody = (statistics.median(seconds) * 1000 for seconds in took.values())
    return known - nobody


def busy(url: str, until: float) -> None:
    """A process of callers: uploads, lists, long transcripts, searches, streams, one after another."""
    with httpx.Client(base_url=url, auth=(USER, PASSWORD), timeout=60) as client:
        long = create(client, "SPEECH 1 0")
        ended(client, long)
        words = [{"start": n * 0.2, "end": n * 0.2 + 0.2, "text": f" word{n}"} for n in range(10)]
        segments = [{"start": n * 3.0, "end": n * 3.0 + 3.0, "text": " text" * 10, "words": words} for n in range(2400)]
        saved = client.put(f"/api/jobs/{long}/segments", json={"version": 0, "segments": segments})  # two hours
        assert saved.status_code == 200, saved.text
        while time.time() < until:
            create(client, "SPEECH 30 0.02" + " " * (8 << 20))
            client.get(f"/api/jobs/{long}/segments")
            client.get(f"/api/jobs/{long}/export/docx")
            client.get("/api/jobs", params={"search": "window 29"})
            client.post("/v1/audio/transcriptions", files={"file": b"SPEECH 20 0.02"}, data={"stream": "true"})


def health_under_load(server: Server, callers: int, seconds: float) -> tuple[float, float]:
    """p99 and the worst of `/healthz` in milliseconds while so many callers ask for everything."""
    until = time.time() + seconds
    start = multiprocessing.get_context("spawn")
    load = [start.Process(target=busy, args=(server.url, until)) for _ in range(callers)]
    for each in load:
        each.start()
    took = []
    with server.client() as client:
        while time.time() < until:
            began = time.monotonic()
            assert client.get("/healthz").status_code == 200
            took.append((time.monotonic() - began) * 1000)
            time.sleep(0.02)
    for each in load:
        each.join(60)
        assert each.exitcode == 0
    return statistics.quantiles(took, n=100)[98], max(took)


def history_start(server: Server, count: int) -> tuple[float, float]:
    """Seconds from the start to ready with so many ended jobs stored, and seconds to list them then."""
    server.end(signal.SIGTERM)
    fill_history(server, count)
    began = time.monotonic()
    server.start()
    ready = time.monotonic() - began
    with server.program() as client:
        client.get("/api/me")  # the password is checked once
        began = time.monotonic()
        assert client.get("/api/jobs").json()["jobs"]
        return ready, time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.app.measure", description=__doc__)
    parser.add_argument("--upload-mib", type=int, default=2048)
    parser.add_argument("--history", type=int, default=10_000)
    parser.add_argument("--bad", type=int, default=20, help="bad requests to each route")
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20.0, help="of load")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows: list[tuple[str, float, float | None]] = []
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as at_end:
        environment = {
            "WHISPER_DATA_DIR": f"{folder}/data",
            "WHISPER_ADMIN_USER": USER,
            "WHISPER_ADMIN_PASSWORD_HASH": hash_password(PASSWORD),
            "WHISPER_CANARY_MINUTES": "0",
            "WHISPER_USER_JOBS": "0",
        }
        server = Server(Path(folder) / "data", server_command(), environment).start()
        at_end.callback(server.end, signal.SIGTERM)
        refusals = [refused_upload(server.port) for _ in range(5)]
        assert {refusal.status for refusal in refusals} == {401}
        rows.append(("401 to a 1 GiB upload, slowest of 5 (ms)", max(each.seconds for each in refusals) * 1000, 100))
        rows.append(("bytes of it that left the client, into buffers too", max(each.sent for each in refusals), None))
        rows.append(("wrong login, known user minus nobody (ms)", wrong_logins(server, 15), None))
        with server.program() as client:
            rows.append(
                ("submit to start, idle, median of 20 (ms)", statistics.median(start_delays(client, 20)) * 1000, 100)
            )
        statuses, failed = send(server, arguments.bad)
        refused = sum(count for status, count in statuses.items() if 400 <= status < 500)
        rows += [("bad requests refused", refused, None), ("bad requests answered 5xx", len(failed), 0)]
        grown, took = upload(server, arguments.upload_mib << 20)
        rows.append((f"memory that a {arguments.upload_mib} MiB upload adds (MiB)", grown, 100))
        rows.append(("its seconds", took, None))
        p99, worst = health_under_load(server, arguments.callers, arguments.seconds)
        rows += [(f"/healthz, {arguments.callers} callers, p99 (ms)", p99, 50), ("its worst (ms)", worst, None)]
        ready, listing = history_start(server, arguments.history)
        rows.append((f"start to ready, {arguments.history} jobs, without a model (s)", ready, 5))
        rows.append(("first page of the history (ms)", listing * 1000, None))
    missed = [name for name, value, goal in rows if goal is not None and value > goal]
    if arguments.json:
        print(json.dumps({name: round(value, 1) for name, value, _ in rows}, indent=2))
    else:
        for name, value, goal in rows:
            shown = "-" if goal is None else f"<= {goal:g}{'  MISSED' if name in missed else ''}"
            print(f"{name:<58}{value:>10.1f}   {shown}")
    for line in failed:
        print(line, file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
