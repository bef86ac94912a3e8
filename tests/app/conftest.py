"""Real servers in processes of their own, on free ports."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from service_app.auth.passwords import hash_password

ROOT = Path(__file__).parents[2]
USER = "ann"
PASSWORD = "Correct-horse-1"
# The real engine without the page, which takes longer to load.
BARE = """
from service_app import serve
from service_app.app import create_app
from service_app.settings import Settings
from tests.app.timed_engine import bare_page
serve.create_app = lambda settings: create_app(settings, page=bare_page)
raise SystemExit(serve.serve(Settings.from_environment()))
"""
TLS = httpx.create_ssl_context()  # made once: it takes 30 ms of a processor, and nobody here speaks TLS


@dataclass
class Server:
    data_dir: Path
    command: list[str]
    environment: dict[str, str]
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.data_dir.parent / "server.log"

    def start(self, *, ready: bool = True) -> Server:
        self.port = _free_port()
        environment = {**os.environ, **self.environment, "WHISPER_PORT": str(self.port), "PYTHONPATH": str(ROOT)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=environment, stderr=log, stdout=log)
        deadline = time.monotonic() + 120
        while True:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            try:
                answer = httpx.get(f"{self.url}/{'readyz' if ready else 'healthz'}", timeout=10, verify=TLS)
            except httpx.TransportError:
                pass
            else:
                if answer.status_code == 200:
                    return self
            time.sleep(0.05)

    def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(30)

    def client(self, **options: object) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60, verify=TLS, **options)  # type: ignore[arg-type]

    def program(self) -> httpx.Client:
        """A program with HTTP Basic."""
        return self.client(auth=(USER, PASSWORD))

    def run(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """`python -m service_app …` with this server's settings."""
        return subprocess.run(
            [sys.executable, "-m", "service_app", *arguments],
            env={**os.environ, **self.environment, "PYTHONPATH": str(ROOT)},
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server_command() -> list[str]:
    """The server with the timed engine."""
    return [sys.executable, str(Path(__file__).with_name("timed_engine.py"))]


NewServer = Callable[..., Server]


@pytest.fixture(scope="session")
def password_hash() -> str:
    return hash_password(PASSWORD)


@contextlib.contextmanager
def _servers(tmp_path_factory: pytest.TempPathFactory, password_hash: str) -> Iterator[NewServer]:
    """Makes servers (not started); `real=True` with the real engine and page, else with the timed engine."""
    made: list[Server] = []

    def make(*, real: bool = False, **environment: str) -> Server:
        folder = tmp_path_factory.mktemp("server")
        script = [sys.executable, "-m", "service_app", "serve"] if real else server_command()
        settings = {
            "WHISPER_DATA_DIR": str(folder / "data"),
            "WHISPER_ADMIN_USER": USER,
            "WHISPER_ADMIN_PASSWORD_HASH": password_hash,
            "WHISPER_MAX_UPLOAD_MB": "4",
            "WHISPER_ABANDON_SECONDS": "1",
            **environment,
        }
        made.append(Server(folder / "data", script, settings))
        return made[-1]

    yield make
    for server in made:
        if server.process is not None and server.process.poll() is None:
            server.process.terminate()
            try:
                server.process.wait(20)
            except subprocess.TimeoutExpired:
                server.process.kill()
                server.process.wait(5)


@pytest.fixture(scope="module")
def new_server(tmp_path_factory: pytest.TempPathFactory, password_hash: str) -> Iterator[NewServer]:
    """Its servers end with the file that asked for them: idle ones take a share of a core from the tests after it."""
    with _servers(tmp_path_factory, password_hash) as make:
        yield make


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, password_hash: str) -> Iterator[Server]:
    """One for all tests that do not stop it: a start costs seconds."""
    with _servers(tmp_path_factory, password_hash) as make:
        yield make(WHISPER_PRIVATE_NETWORKS="127.0.0.0/8").start()


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    """A program with the administrator's login."""
    with server.program() as made:
        yield made


@pytest.fixture(scope="package")
def key(server: Server) -> str:
    made = server.run("keys", "add", "tests")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def create(client: httpx.Client, content: str, name: str = "a.wav", **fields: str) -> str:
    """A job; its id."""
    answer = client.post("/api/jobs", files={"file": (name, content.encode())}, data=fields)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def ended(client: httpx.Client, job_id: str) -> dict[str, Any]:
    """The job at its end: the stream of its events closes then."""
    with client.stream("GET", f"/api/jobs/{job_id}/events", timeout=60) as events:
        for _ in events.iter_lines():
            pass
    job: dict[str, Any] = client.get(f"/api/jobs/{job_id}").json()
    assert job["state"] in ("done", "failed", "cancelled"), job
    return job
