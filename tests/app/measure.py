"""`python -m tests.app.measure`: what uploads cost, on a real server process.

Prints how fast and after how many bytes an upload without credentials is refused, how much memory a large upload adds,
how long a job waits for its start on an idle server, and how long a start takes with 10,000 jobs in the history.
"""

from __future__ import annotations

import argparse
import contextlib
import json
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


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.app.measure", description=__doc__)
    parser.add_argument("--upload-mib", type=int, default=2048)
    parser.add_argument("--history", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "WHISPER_DATA_DIR": f"{folder}/data",
            "WHISPER_ADMIN_USER": USER,
            "WHISPER_ADMIN_PASSWORD_HASH": hash_password(PASSWORD),
            "WHISPER_CANARY_MINUTES": "0",
        }
        server = Server(Path(folder) / "data", server_command(), environment).start()
        refusals = [refused_upload(server.port) for _ in range(5)]
        with server.program() as client:
            delays = start_delays(client, 10)
        grown, took = upload(server, arguments.upload_mib << 20)
        server.end(signal.SIGTERM)
        fill_history(server, arguments.history)
        began = time.monotonic()
        server.start()
        ready = time.monotonic() - began
        with server.program() as client:
            client.get("/api/me")  # the password is checked once
            began = time.monotonic()
            listed = len(client.get("/api/jobs").json()["jobs"])
            listing = time.monotonic() - began
        server.end(signal.SIGTERM)
    found = {
        "refused_ms": round(statistics.median(refusal.seconds for refusal in refusals) * 1000, 1),
        "refused_bytes_sent": max(refusal.sent for refusal in refusals),
        "refused_status": sorted({refusal.status for refusal in refusals}),
        "start_delay_ms": round(statistics.median(delays) * 1000, 1),
        "upload_mib": arguments.upload_mib,
        "upload_adds_mib": grown,
        "upload_seconds": round(took, 1),
        "history": arguments.history,
        "ready_seconds": round(ready, 1),
        "list_ms": round(listing * 1000, 1),
        "listed": listed,
    }
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
