"""`python -m tests.app.measure`: the web side's numbers, on a real server process with the timed engine.

Prints each with its goal: how fast and after how many bytes an upload without credentials is refused, whether a wrong
login tells who exists, how long a job waits for its start, what `/healthz` takes while everything else is busy, what
500 bad requests are answered with, what memory a large upload adds, how long a start takes with 10,000 jobs stored.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from service_app.auth.passwords import hash_password

from .bad_requests import send
from .callers import calling
from .conftest import PASSWORD, USER, Server, create, ended, server_command
from .flood import MOST, refusals
from .flood import upload as upload_head


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


# Where a job has rows, and the column that names it.
_TABLES = {
    "whisper": {"jobs": "id", "windows": "job_id", "job_log": "job_id"},
    "queue": dict.fromkeys(
        ("workflow_status", "workflow_input", "workflow_output", "operation_outputs"), "workflow_uuid"
    ),
}


def fill_history(server: Server, job_id: str, count: int) -> None:
    """Copies an ended job with its windows, log, place in the queue's book, and recording; the server must not run."""
    for name, tables in _TABLES.items():
        with contextlib.closing(sqlite3.connect(server.data_dir / f"{name}.sqlite")) as database, database:
            for table, key in tables.items():
                columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
                changed = {key: "'old' || n", "created": "created - n"}
                database.execute(
                    f"WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}) "
                    f"INSERT INTO {table} ({', '.join(columns)}) "
                    f"SELECT {', '.join(changed.get(column, column) for column in columns)} "
                    f"FROM {table}, numbers WHERE {key} = ?",
                    (job_id,),
                )
    for number in range(1, count + 1):
        folder = server.data_dir / "media" / f"old{number}"
        folder.mkdir()
        (folder / "media").write_bytes(b"SPEECH")


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


def health_under_load(server: Server, callers: int, seconds: float) -> tuple[float, float]:
    """p99 and the worst of `/healthz` in milliseconds while so many callers ask for everything."""
    took = []
    with server.client() as client, calling(server.url, callers):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            began = time.monotonic()
            assert client.get("/healthz").status_code == 200
            took.append((time.monotonic() - began) * 1000)
            time.sleep(0.02)
    return statistics.quantiles(took, n=100)[98], max(took)


def history_start(server: Server, count: int) -> tuple[float, float]:
    """Seconds from the start to ready with so many ended jobs stored, and seconds to list them then."""
    with server.program() as client:
        job_id = create(client, "SPEECH 20 0.001")
        ended(client, job_id)
    server.end(signal.SIGTERM)
    fill_history(server, job_id, count)
    began = time.monotonic()
    server.start()
    ready = time.monotonic() - began
    with server.program() as client:
        client.get("/api/me")  # the password is checked once
        began = time.monotonic()
        assert client.get("/api/jobs").json()["jobs"]
        return ready, time.monotonic() - began


Row = tuple[str, float, float | None]  # name, value, goal


def _strangers(server: Server, _: argparse.Namespace) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        found = refusals(Path(folder), [upload_head("POST", "/v1/audio/transcriptions")] * 20)
    assert {refusal.status for refusal in found} == {401}
    return [
        ("401 to a 1 GiB upload, slowest of 20 (ms)", max(each.seconds for each in found) * 1000, 100),
        ("bytes of it that the server read, most of 20", max(each.taken for each in found), MOST - 1),
        ("bytes of it that lay ready", min(each.given for each in found), None),
        ("wrong login, known user minus nobody (ms)", wrong_logins(server, 15), None),
    ]


def _starts(server: Server, _: argparse.Namespace) -> list[Row]:
    with server.program() as client:
        delays = [seconds * 1000 for seconds in start_delays(client, 50)]
    return [
        ("submit to start, idle, median of 50 (ms)", statistics.median(delays), None),
        ("submit to start, idle, slowest of 50 (ms)", max(delays), 100),
    ]


def _bad(server: Server, arguments: argparse.Namespace) -> list[Row]:
    statuses, failed = send(server, arguments.bad)
    for line in failed:
        print(line, file=sys.stderr)
    refused = sum(count for status, count in statuses.items() if 400 <= status < 500)
    return [("bad requests refused", refused, None), ("bad requests answered 5xx", len(failed), 0)]


def _large(server: Server, arguments: argparse.Namespace) -> list[Row]:
    grown, took = upload(server, arguments.upload_mib << 20)
    return [(f"memory that a {arguments.upload_mib} MiB upload adds (MiB)", grown, 100), ("its seconds", took, None)]


def _health(server: Server, arguments: argparse.Namespace) -> list[Row]:
    p99, worst = health_under_load(server, arguments.callers, arguments.seconds)
    return [(f"/healthz, {arguments.callers} callers, p99 (ms)", p99, 50), ("its worst (ms)", worst, None)]


def _history(server: Server, arguments: argparse.Namespace) -> list[Row]:
    ready, listing = history_start(server, arguments.history)
    return [
        (f"start to ready, {arguments.history} jobs, without a model (s)", ready, 5),
        ("first page of the history (ms)", listing * 1000, None),
    ]


# In the order in which one server can take them.
_PARTS: dict[str, Callable[[Server, argparse.Namespace], list[Row]]] = {
    "strangers": _strangers,
    "starts": _starts,
    "bad": _bad,
    "large": _large,
    "history": _history,
    "health": _health,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.app.measure", description=__doc__)
    parser.add_argument("--upload-mib", type=int, default=2048)
    parser.add_argument("--history", type=int, default=10_000)
    parser.add_argument("--bad", type=int, default=20, help="bad requests to each route")
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20.0, help="of load")
    parser.add_argument("--only", action="append", choices=_PARTS, help="this part; may be repeated")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    parts = arguments.only or list(_PARTS)
    rows: list[Row] = []
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
        for part in parts:
            rows += _PARTS[part](server, arguments)
    missed = [name for name, value, goal in rows if goal is not None and value > goal]
    if arguments.json:
        print(json.dumps({name: round(value, 1) for name, value, _ in rows}, indent=2))
    else:
        for name, value, goal in rows:
            shown = "-" if goal is None else f"<= {goal:g}{'  MISSED' if name in missed else ''}"
            print(f"{name:<58}{value:>10.1f}   {shown}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
