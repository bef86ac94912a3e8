"""Our server under load, over HTTP: a process of its own on 127.0.0.1, clients as threads here."""

from __future__ import annotations

import http.client
import json
import os
import queue
import secrets
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from service_app.auth.passwords import hash_password

from . import processes
from .corpus import Clip

ROOT = Path(__file__).parents[1]
STARTING_SECONDS = 120
LOOK_SECONDS = 0.05  # between two looks at a server that starts
PROBE_SECONDS = 0.05  # between two looks at /healthz
SAMPLE_SECONDS = 0.5  # between two looks at the memory
UNLIMITED = {"WHISPER_USER_JOBS": "1000", "WHISPER_QUEUE_JOBS": "10000", "WHISPER_CANARY_MINUTES": "0"}


class Server:
    """`python -m service_app serve` with a fresh data folder."""

    def __init__(self, folder: Path, models: Path, device: str) -> None:
        password = secrets.token_urlsafe(12)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        self._login = b64encode(f"bench:{password}".encode()).decode()
        environment = os.environ | UNLIMITED
        environment |= {
            "WHISPER_DATA_DIR": str(folder / "data"),
            "WHISPER_MODELS_DIR": str(models),
            "WHISPER_DEVICE": device,
            "WHISPER_PORT": str(self._port),
            "WHISPER_ADMIN_USER": "bench",
            "WHISPER_ADMIN_PASSWORD_HASH": hash_password(password),
            "PYTHONPATH": str(ROOT),
        }
        self.log = folder / "server.log"
        began = time.perf_counter()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "service_app", "serve"], env=environment, stdout=log, stderr=log
            )
        self.pid = self._process.pid
        self._await("/readyz", began)
        self.ready_seconds = time.perf_counter() - began
        self._await("/", began)  # the page is loaded behind the rest, which is not to be measured with what comes now

    def _await(self, path: str, began: float) -> None:
        while self._status(path) != 200:
            if self._process.poll() is not None or time.perf_counter() - began > STARTING_SECONDS:
                raise RuntimeError(f"the server does not start: {self.log.read_text(encoding='utf-8')[-500:]}")
            time.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)

    def _status(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("GET", path, headers={"Authorization": f"Basic {self._login}"})
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def healthy(self) -> float:
        """Seconds that /healthz takes, from connecting to the answer."""
        began = time.perf_counter()
        if self._status("/healthz") != 200:
            raise RuntimeError("/healthz does not answer")
        return time.perf_counter() - began

    def transcribe(self, clip: Clip) -> str:
        """The text, as a client gets it. Raises RuntimeError for any other answer."""
        edge = secrets.token_hex(16)
        head = (
            f'--{edge}\r\nContent-Disposition: form-data; name="language"\r\n\r\nen\r\n'
            f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{clip.path.name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        body = head.encode() + clip.path.read_bytes() + f"\r\n--{edge}--\r\n".encode()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=3600)
        headers = {"Authorization": f"Basic {self._login}", "Content-Type": f"multipart/form-data; boundary={edge}"}
        try:
            connection.request("POST", "/v1/audio/transcriptions", body, headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{clip.path.name}: {answer.status} {data[:200].decode(errors='replace')}")
        return str(json.loads(data)["text"])


@contextmanager
def serving(models: Path, device: str) -> Iterator[Server]:
    with TemporaryDirectory() as folder:
        server = Server(Path(folder), models, device)
        try:
            yield server
        finally:
            server.stop()


@dataclass(slots=True)
class Load:
    """What was seen while clients asked."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)  # by file name
    probes: list[float] = field(default_factory=list)
    peak_mib: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


def load(server: Server, clips: Sequence[Clip], clients: int, *, watched: bool = False) -> Load:
    """All clips once, by so many clients at the same time. `watched`: twenty times a second somebody asks for /healthz,
    and twice for the memory, which takes its own part of the processors. No two clips are equal: the server would
    transcribe them once.
    """
    assert len({clip.path for clip in clips}) == len(clips) or clients == 1
    seen = Load()
    waiting: queue.SimpleQueue[Clip] = queue.SimpleQueue()
    for clip in clips:
        waiting.put(clip)
    over = threading.Event()

    def ask() -> None:
        while True:
            try:
                clip = waiting.get_nowait()
            except queue.Empty:
                return
            began = time.perf_counter()
            try:
                seen.texts[clip.path.name] = server.transcribe(clip)
            except (RuntimeError, OSError) as error:
                seen.errors.append(str(error))
            seen.latencies.append(time.perf_counter() - began)

    def probe() -> None:
        while not over.wait(PROBE_SECONDS):
            seen.probes.append(server.healthy())

    def weigh() -> None:
        while not over.wait(SAMPLE_SECONDS):
            seen.peak_mib = max(seen.peak_mib, processes.memory_mib(server.pid))

    watchers = [threading.Thread(target=target) for target in (probe, weigh) if watched]
    askers = [threading.Thread(target=ask) for _ in range(clients)]
    before = processes.cpu_by_part(server.pid)
    began = time.perf_counter()
    for thread in watchers + askers:
        thread.start()
    for thread in askers:
        thread.join()
    seen.seconds = time.perf_counter() - began
    after = processes.cpu_by_part(server.pid)
    over.set()
    for thread in watchers:
        thread.join()
    seen.cpu = {name: after[name] - before[name] for name in after}
    return seen
